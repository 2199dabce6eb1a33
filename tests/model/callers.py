"""Callers of the model: consume, sweep, retry and the operator, from one half-step to the next.

Each ends its ledger half with the note of what to tell the gate, and may be stale, or dead, by then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.model.state import REFUSED, Broken, State, Todo, World, changed, failed, has_row
from tests.model.stores import Stores

if TYPE_CHECKING:
    from collections.abc import Iterator

Half = tuple[State, Todo | None]  # what comes of a half-step, and what is left to do


class Callers:
    """The half-steps of everybody who writes to both stores."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.stores = Stores(world)
        self._halves = {
            "mark_failed": self._mark_failed,
            "tell": self._tell_of_row,
            "write": lambda w, i, todo: next(self.write(w, i, todo.ticket, todo.source)),  # where a rule is broken
            "reassign": self._reassign,
            "rewrite": self._rewrite,
            "retell": self._retell,
            "refuse": self._refuse,
            "look": self._look,
            "redeem": self._redeem,
        }

    def begin(self, w: State, i: int) -> Iterator[tuple[str, Half]]:
        """Return what consume, sweep, retry and the operator may begin for this person."""
        yield from self._consume(w, i)
        yield from self._sweep(w, i)
        for ticket in self.stores.members[w.people[i].waiting]:
            for half in self.write(w, i, ticket, "retry"):
                yield f"retry {ticket}", half
        if self.not_heard(w, i):
            yield "retry tells of the refusal", (w, Todo("look", 0))
        if self.world.poison:
            yield from self._operate(w, i)
        if self.world.revocations and w.people[i].row:
            yield from self._use(w, i)

    def not_heard(self, w: State, i: int) -> bool:
        """Say whether the scheduled retry finds that the gate has not heard of this refusal."""
        unheard = w.event and not w.lost and w.people[i].refused and w.people[i].holds != REFUSED
        return unheard and self.world.broken is not Broken.REFUSALS_UNHEARD

    def go_on(self, w: State, i: int, todo: Todo) -> Half:
        """Return the next half-step of a caller."""
        others = list(w.people[i].doing)
        if todo in others:
            others.remove(todo)
            w = changed(w, i, doing=tuple(others))
        return self._halves[todo.kind](w, i, todo)

    def write(self, w: State, i: int, ticket: int, source: str) -> Iterator[Half]:
        """Consume, sweep and retry write (person, ticket)."""
        done, outcome = self.stores.insert(w, i, ticket)
        if outcome == "taken" and self.world.broken is Broken.NO_READ_BACK:
            outcome = "same"
        if outcome != "taken":
            yield done, self._to_tell(done, i, ticket, outcome, source)
        elif source == "retry":
            yield done, Todo("reassign", ticket)
        else:
            yield failed(done, i, ticket), Todo("mark_failed", ticket, source)
        if self.world.poison and outcome == "new" and source == "consume":
            yield failed(w, i, ticket), Todo("mark_failed", ticket, source)

    @staticmethod
    def _to_tell(w: State, i: int, ticket: int, outcome: str, source: str) -> Todo:
        return Todo("tell", ticket, source, outcome, w.people[i].row, has_row(w, ticket))

    def _tell(self, w: State, i: int, todo: Todo) -> State:
        if todo.outcome in {"new", "same"}:
            return self.stores.settle(w, i, todo.ticket)
        if todo.outcome == "other":
            return self.stores.settle(
                self.stores.release(w, i, todo.ticket, todo.row, has_row=todo.has_row), i, todo.row
            )
        return self.stores.release(w, i, todo.ticket, REFUSED, has_row=todo.has_row)

    def _mark_failed(self, w: State, i: int, todo: Todo) -> Half:
        w = self.stores.mark_failed(w, i, todo.ticket)
        return (_without_log(w, i, todo.ticket) if todo.source == "consume" else w), None

    def _tell_of_row(self, w: State, i: int, todo: Todo) -> Half:
        w = self._tell(w, i, todo)
        if todo.source == "consume":
            w = _without_log(w, i, todo.ticket)
        return (_without_waiting(w, i, todo.ticket) if todo.source == "retry" else w), None

    def _reassign(self, w: State, i: int, todo: Todo) -> Half:
        w, lives = self.stores.compare(w)
        if not lives:
            return w, None  # later
        holds = w.people[i].holds
        if holds == REFUSED:
            return _without_waiting(w, i, todo.ticket), None
        new = holds
        if holds in {0, todo.ticket}:
            w, new = self.stores.hand_out(w, i)
        return w, todo._replace(kind="rewrite", new=new) if new else todo._replace(kind="refuse")

    def _rewrite(self, w: State, i: int, todo: Todo) -> Half:
        person = w.people[i]
        w, outcome = self.stores.insert(w, i, todo.new)
        if outcome != "taken":
            told = self._to_tell(w, i, todo.new, outcome, "")
            return w, told._replace(kind="retell", ticket=todo.ticket, new=todo.new)
        if not person.waiting >> todo.ticket & 1:
            return w, None  # it is not ours any more: whoever has it decides
        return failed(_without_waiting(w, i, todo.ticket), i, todo.new), Todo("mark_failed", todo.new)

    def _retell(self, w: State, i: int, todo: Todo) -> Half:
        w = self._tell(w, i, todo._replace(ticket=todo.new))
        return _without_waiting(w, i, todo.ticket), None

    def _refuse(self, w: State, i: int, todo: Todo) -> Half:
        """No ticket is left: the ledger decides first."""
        person = w.people[i]
        if person.row or not person.waiting >> todo.ticket & 1:
            return w, None
        w = changed(w, i, refused=True, waiting=0, dead=0)
        return w, self._to_tell(w, i, todo.ticket, "refused", "")

    def _look(self, w: State, i: int, _todo: Todo) -> Half:
        """The refusal stands in the ledger: which ticket is there to free."""
        w, lives = self.stores.compare(w)
        return w, self._to_tell(w, i, max(w.people[i].holds, 0), "refused", "") if lives else None

    def _consume(self, w: State, i: int) -> Iterator[tuple[str, Half]]:
        for ticket in self.stores.members[w.people[i].log]:
            if self.world.broken is Broken.OFFSET_FIRST:
                yield f"offset of {ticket}", (_without_log(w, i, ticket), Todo("write", ticket, "consume"))
                continue
            for half in self.write(w, i, ticket, "consume"):
                yield f"consume {ticket}", half

    def _sweep(self, w: State, i: int) -> Iterator[tuple[str, Half]]:
        person = w.people[i]
        if not person.pending or person.holds <= 0:
            return
        if self.world.broken is Broken.SETTLE_FIRST:
            settled = self.stores.settle(w, i, person.holds)
            yield "sweep settles", (settled, Todo("write", person.holds, "sweep"))
            return
        for half in self.write(w, i, person.holds, "sweep"):
            yield f"sweep {person.holds}", half

    def _operate(self, w: State, i: int) -> Iterator[tuple[str, Half]]:
        person = w.people[i]
        everything = person.waiting | person.dead
        if person.waiting:
            yield "failed rows die", (changed(w, i, waiting=0, dead=everything), None)
        if person.dead:
            yield "operator redrives", (changed(w, i, waiting=everything, dead=0), None)
        if (everything or person.pending) and not person.row and not person.refused:
            yield "operator refuses", self._refuse_by_hand(w, i)

    def _use(self, w: State, i: int) -> Iterator[tuple[str, Half]]:
        """What becomes of a coupon: it is redeemed, taken back, or revoked. Each is one transaction."""
        person = w.people[i]
        if person.redeemed:
            yield "back end takes back", (changed(w, i, redeemed=0), None)
        elif self.world.broken is Broken.REDEEM_UNLOCKED:
            yield "back end reads", (w, Todo("redeem", person.row))
        else:
            yield "back end redeems", (changed(w, i, redeemed=person.row), None)
        revocable = not person.redeemed or self.world.broken is Broken.REVOKE_REDEEMED
        if revocable and w.revocations < self.world.revocations:
            spent = 0 if self.world.broken is Broken.CODE_UNSPENT else 1 << person.row
            after = changed(w, i, row=0, refused=True, by_hand=True, waiting=0, dead=0)
            after = after._replace(revocations=w.revocations + 1, spent=w.spent | spent)
            yield "operator revokes", (after, Todo("look", 0))

    @staticmethod
    def _redeem(w: State, i: int, todo: Todo) -> Half:
        """Write a redemption by what was read before: where a rule is broken."""
        return changed(w, i, redeemed=todo.ticket), None

    def _refuse_by_hand(self, w: State, i: int) -> Half:
        """The operator refuses somebody who has no row."""
        person = w.people[i]
        if self.world.broken is Broken.REFUSE_GATE_ONLY:
            w = self.stores.release(w, i, max(person.holds, 0), REFUSED, has_row=has_row(w, person.holds))
            return changed(w, i, waiting=0, dead=0, by_hand=True), None
        w = changed(w, i, refused=True, by_hand=True, waiting=0, dead=0)
        return w, Todo("look", 0)


def _without_log(w: State, i: int, ticket: int) -> State:
    return changed(w, i, log=w.people[i].log & ~(1 << ticket))


def _without_waiting(w: State, i: int, ticket: int) -> State:
    return changed(w, i, waiting=w.people[i].waiting & ~(1 << ticket))
