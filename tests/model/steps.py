"""What may happen next in the model, and where it ends once the faults stop."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from tests.model.callers import Callers
from tests.model.mending import Mending
from tests.model.state import (
    REFUSED,
    Broken,
    Person,
    State,
    Todo,
    World,
    changed,
    found,
    left,
    lose,
    read_nothing,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.model.callers import Half

KEYS = ("event", "applied", "pending", "released")
# Every combination of them but all four.
SOME_KEYS = [" ".join(keys) for count in range(1, 4) for keys in combinations(KEYS, count)]

Step = tuple[str, int, State]  # what happens, to whom (or -1), and what comes of it


class Protocol:
    """The steps of one world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.callers = Callers(world)
        self.stores = self.callers.stores
        self.mending = Mending(world, self.stores)
        self._members = self.stores.members
        self._ends: dict[State, tuple[State, bool]] = {}

    # --- what may happen next ------------------------------------------------------------------------------------

    def steps(self, w: State) -> Iterator[Step]:
        """Return everything that may happen next."""
        callers = sum(len(person.doing) for person in w.people) + bool(w.reading)
        free = callers < (2 if self.world.two_callers else 1)
        for i, person in enumerate(w.people):
            yield from self._of_applicant(w, i, person)
            if free:
                for what, (after, todo) in self.callers.begin(w, i):
                    yield what, i, left(after, i, todo)
            for todo in person.doing:
                rest = list(person.doing)
                rest.remove(todo)
                after, then = self.callers.go_on(w, i, todo)
                yield f"{todo.kind} {todo.new or todo.ticket}", i, left(after, i, then)
                yield f"dies before {todo.kind}", i, changed(w, i, doing=tuple(rest))
        if free and not w.reading:
            yield from self._reads(w)
        yield from self._of_restore(w)
        yield from self._of_redis(w)
        for i, person in enumerate(w.people):
            if person.early:
                yield "their turn comes", i, changed(w, i, early=False)
            if self.world.revocations and (code := person.row) and not (w.spent | person.shown) >> code & 1:
                yield "reads their code", i, changed(w, i, shown=person.shown | 1 << code)

    def _of_restore(self, w: State) -> Iterator[Step]:
        """Return what comes of restore or reconcile, which have read and not written yet."""
        if not w.reading:
            return
        if w.reading != "reconcile" and self._may_restore(w) and self.world.two_callers:
            yield "another retry restores", -1, self._restored_by_another(w)
        yield f"{w.reading} dies", -1, read_nothing(w)
        if further := self.mending.read_next(w):
            yield f"restore reads {further.reading}", -1, further
        else:
            yield f"{w.reading} writes", -1, read_nothing(self._writes(w))

    def _restored_by_another(self, w: State) -> State:
        again = self.mending.restore(self.mending.read_owed(w._replace(reading="restore")))
        seen = (
            p._replace(seen_owed=q.seen_owed, seen_row=q.seen_row, seen_holds=q.seen_holds, seen_refused=q.seen_refused)
            for p, q in zip(again.people, w.people, strict=True)
        )
        return again._replace(people=tuple(seen), moved=True, reading=w.reading)

    def _of_applicant(self, w: State, i: int, person: Person) -> Iterator[Step]:
        after, ticket = self.stores.apply(w, i)
        if ticket:
            again = person.given_again or person.refused
            yield f"is given {ticket}", i, changed(after, i, flying=person.flying | 1 << ticket, given_again=again)
        elif after != w:
            yield ("is told so again" if after.people[i].told else "finds a difference"), i, after
        elif w.event and not w.lost and person.pending and person.holds > 0 and not _on_its_way(person):
            yield "asks again", i, changed(w, i, flying=person.flying | 1 << person.holds)
        if w.old_scripts < self.world.old_scripts:
            after, ticket = self.stores.old_apply(w, i)
            if ticket:
                after = after._replace(old_scripts=w.old_scripts + 1)
                yield f"is given {ticket} by an old script", i, changed(after, i, flying=person.flying | 1 << ticket)
        for ticket in self._members[person.flying]:
            bit = 1 << ticket
            log, rest = person.log | bit, changed(w, i, flying=person.flying & ~bit)
            if self.world.broken is Broken.TIMEOUT_IS_FAILURE:
                unanswered = self.stores.release(rest, i, ticket, 0, has_row=False)
            else:
                unanswered = rest
            yield f"record {ticket} delivered", i, changed(rest, i, log=log, told=True)
            yield f"record {ticket} arrived, answer lost", i, changed(unanswered, i, log=log)
            yield f"record {ticket} never sent", i, unanswered
            if self.world.late and not w.was_late:
                yield f"record {ticket} given up", i, changed(unanswered._replace(was_late=True), i, late=bit)
        for ticket in self._members[person.late]:
            yield f"record {ticket} arrives late", i, changed(w, i, late=0, log=person.log | 1 << ticket)

    def _may_restore(self, w: State) -> bool:
        # It waits as long as one apply may live.
        lives = self.stores.compare(w)[1]
        return not lives and not any(person.flying for person in w.people)

    def _reads(self, w: State) -> Iterator[Step]:
        looked, lives = self.stores.compare(w)
        if looked != w:
            yield "retry finds a difference" if looked.lost else "retry adopts the sizes", -1, looked
        if self._may_restore(looked):
            yield "restore reads", -1, self.mending.read_owed(looked)._replace(reading="restore")
        if lives and self.mending.may_reconcile(looked):
            people = (p._replace(seen_row=p.row, seen_holds=p.holds) for p in looked.people)
            yield "reconcile reads", -1, looked._replace(reading="reconcile", people=tuple(people))

    def _writes(self, w: State) -> State:
        if w.reading != "reconcile":
            stale = w.moved and self.world.broken not in {Broken.RESTORE_STALE, Broken.RESTORE_LIVING}
            return w if stale else self.mending.restore(w)
        w, lives = self.stores.compare(w)
        if not lives or (w.moved and self.world.broken is not Broken.RECONCILE_BLIND):
            return w
        return self.mending.reconcile(w, seen=True)

    def _of_redis(self, w: State) -> Iterator[Step]:
        world = self.world
        moved = w.moved or w.reading == "reconcile"
        whole = w.event and not w.lost and w.sizes == found(w)
        if whole and w.failovers < world.failovers:
            people = tuple(p._replace(replica_holds=p.holds, replica_pending=p.pending) for p in w.people)
            yield "replicates", -1, w._replace(people=people, replica_released=w.released, replica_highest=w.highest)
            people = tuple(
                p._replace(
                    holds=p.replica_holds, pending=p.replica_pending, replica_holds=0, replica_pending=False, kept=False
                )
                for p in w.people
            )
            after = w._replace(
                people=people,
                released=w.replica_released,
                highest=w.replica_highest,
                moved=moved,
                failovers=w.failovers + 1,
                replica_released=0,
                replica_highest=0,
            )
            yield "FAILOVER", -1, after._replace(sizes=found(after))
        if w.losses < world.losses and w.event:
            yield "REDIS LOST", -1, lose(w, "event applied pending released")._replace(losses=w.losses + 1, moved=moved)
        if w.key_losses < world.key_losses:
            for keys in SOME_KEYS:
                after = lose(w, keys)
                if after != w:
                    after = after._replace(key_losses=w.key_losses + 1, moved=moved)
                    yield f"{keys.upper()} LOST", -1, after

    # --- the end -------------------------------------------------------------------------------------------------

    def end(self, w: State) -> tuple[State, bool]:
        """Return where the world comes to rest once the faults stop, and whether it does."""
        people = tuple(
            Person(
                holds=p.holds,
                pending=p.pending,
                log=p.log | p.late,
                row=p.row,
                waiting=p.waiting | p.dead,
                kept=p.kept,
                refused=p.refused,
                by_hand=p.by_hand,
            )
            for p in w.people
        )
        start = State(people, w.event, w.lost, w.sizes, w.released, w.highest, failovers=w.failovers)
        found = self._ends.get(start)
        if found is None:
            found = self._ends[start] = self._drain(start)
        return found

    def _drain(self, w: State) -> tuple[State, bool]:
        for _ in range(60):
            before = w
            w, lives = self.stores.compare(w)
            if not lives:
                w = self.mending.restore(self.mending.read_owed(w))
            for i in range(len(w.people)):
                w = self._finish_all(w, i)
            if self.mending.may_reconcile(w):
                w = self.mending.reconcile(w, seen=False)
            if self.mending.quiet(w):
                for i in range(len(w.people)):
                    w, _ = self.stores.apply(w, i)
            w = read_nothing(w)
            if w == before:
                return w, True
        return w, False

    def _finish_all(self, w: State, i: int) -> State:
        for ticket in self._members[w.people[i].log]:
            w = self._finish(i, self.callers.write(w, i, ticket, "consume"))
        if w.people[i].pending and w.people[i].holds > 0:
            w = self._finish(i, self.callers.write(w, i, w.people[i].holds, "sweep"))
        for ticket in self._members[w.people[i].waiting]:
            w = self._finish(i, self.callers.write(w, i, ticket, "retry"))
        if self.callers.not_heard(w, i):
            w = self._finish(i, iter([(w, Todo("look", 0))]))
        return w

    def _finish(self, i: int, halves: Iterator[Half]) -> State:
        w, todo = next(halves)
        while todo:
            w, todo = self.callers.go_on(w, i, todo)
        return w

    def wrong(self, w: State) -> str | None:
        """Return what of the promise does not hold at the end, if anything."""
        end, rests = self.end(w)
        people = end.people
        rows = [person.row for person in people if person.row]
        never = sum(person.refused or person.by_hand for person in people)
        shown = [
            before.shown | (1 << after.row & ~w.spent & ~1) for before, after in zip(w.people, people, strict=True)
        ]
        redeemed = [person.redeemed for person in w.people if person.redeemed]
        laws = {
            "a code at two people": not any(one & other for one, other in combinations(shown, 2)),
            "redeemed without a coupon": all(p.redeemed in {0, p.row} for p in w.people),
            "redeemed twice": len(redeemed) == len(set(redeemed)),
            "refused, and given another ticket": w.failovers > 0 or not any(p.given_again for p in w.people),
            "does not come to rest": rests,
            "I1 too many rows": len(rows) <= self.world.tickets,
            "I2 two rows": len(set(rows)) == len(rows),
            "I4 a ticket is wasted": len(rows) >= min(self.world.tickets, len(people) - never),
            "I3 somebody accepted is lost": all(
                after.row or after.refused or after.by_hand
                for before, after in zip(w.people, people, strict=True)
                if before.told
            ),
            "a ticket that survived is taken": w.failovers > 0
            or w.was_late
            or all(after.row or after.by_hand for after in people if after.kept),
            "a gate that lost nothing is refused": not w.lost or w.losses + w.key_losses > 0,
            "refused, and has a row": not any(p.row and (p.refused or p.by_hand) for p in people),
            "refused without a reason": w.failovers > 0
            or w.was_late
            or not any(p.refused and not p.by_hand for p in people),
            "something is stuck": not any(p.pending or p.waiting for p in people),
            "served before their turn": not any(p.early and p.holds > 0 for p in w.people),
            "I6 gate and ledger disagree": all(p.holds == (REFUSED if p.refused else p.row) for p in people),
        }
        return next((law for law, holds in laws.items() if not holds), None)


def _on_its_way(person: Person) -> bool:
    return bool((person.log | person.flying) >> person.holds & 1)
