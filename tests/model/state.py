"""The state of a small world: what gate, stream and ledger know of each person, and who is in the middle of what."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

REFUSED = -1


class Broken(StrEnum):
    """The rules that may be broken, one at a time, to see what each is for."""

    NO_RECONCILE = "no-reconcile"  # after a failover nothing is compared
    RECONCILE_BLIND = "reconcile-blind"  # what was read may have changed since
    RESTORE_ROWS_FIRST = "restore-rows-first"  # a record that is consumed meanwhile is seen nowhere
    RESTORE_LIVING = "restore-living"  # put in place of a gate that lives
    RESTORE_STALE = "restore-stale"  # what was read in one loss is put in place in another
    LEARN_LEAVES_GAPS = "learn-leaves-gaps"  # the numbers below a ticket that was learned belong to nobody
    LEARN_WHILE_LOST = "learn-while-lost"  # settle makes a lost gate anew, with one winner in it
    SETTLE_FIRST = "settle-first"  # the sweep settles before it commits
    OFFSET_FIRST = "offset-first"  # consume commits the offset before the row
    NO_READ_BACK = "no-read-back"  # a row that was not written counts as written
    TIMEOUT_IS_FAILURE = "timeout-is-failure"  # the ticket of a send without an answer is given back
    REFUSE_GATE_ONLY = "refuse-gate-only"  # the operator's refusal, in the gate alone
    REFUSALS_UNHEARD = "refusals-unheard"  # retry does not tell the gate of refusals that it has not heard of
    NOTHING_COMPARED = "nothing-compared"  # no mark in pending means a row, whatever else was lost
    COMPARED_WHERE_READ = "compared-where-read"  # a difference is seen by whoever meets it, and written nowhere
    SIZES_BY_LENGTH = "sizes-by-length"  # a script writes down the sizes that it finds
    OLD_SCRIPTS_UNSEEN = "old-scripts-unseen"  # what an older version of the scripts wrote counts as a difference
    SURVIVORS_DROPPED = "survivors-dropped"  # restore takes no applied_user that survived
    TURN_UNHEEDED = "turn-unheeded"  # whoever asks before their turn is served
    TURN_AFTER_TICKET = "turn-after-ticket"  # the ticket is taken before the turn is looked at
    RESTORE_WITHOUT_TURNS = "restore-without-turns"  # a restored gate knows no turns
    REFUSALS_FIRST = "refusals-first"  # a coupon that is revoked while restore reads is found nowhere
    CODE_UNSPENT = "code-unspent"  # the next owner of a ticket gets the code that the former one has seen
    REVOKE_REDEEMED = "revoke-redeemed"  # a coupon is revoked, be it redeemed
    REDEEM_UNLOCKED = "redeem-unlocked"  # a redemption reads whose coupon it is, and writes later


@dataclass(frozen=True)
class World:
    """How large the world is, what may happen in it, and which rule is broken."""

    people: int
    tickets: int
    losses: int = 0  # of the whole gate
    key_losses: int = 0  # of some of its keys, in any combination
    failovers: int = 0
    old_scripts: int = 0  # tickets that an older version of the scripts gives, as in a rolling deploy
    revocations: int = 0  # of people who have a row; then people read their codes, and back ends redeem and take back
    turns: bool = False  # people ask before their turn, too
    late: bool = False  # one send that times out arrives much later
    two_callers: bool = False  # two callers between their half-steps at a time
    poison: bool = False  # records that fail for certain; rows that die; an operator who redrives and refuses
    broken: Broken | None = None
    limit: int = 2_000_000  # states


class Todo(NamedTuple):
    """What a caller knows between two half-steps."""

    kind: str
    ticket: int
    source: str = ""  # consume, sweep or retry
    outcome: str = ""
    row: int = 0
    has_row: bool = False
    new: int = 0


class Person(NamedTuple):
    """What the three stores know of one person. Sets of tickets are bit masks."""

    holds: int = 0  # gate: ticket, 0 or REFUSED
    pending: bool = False
    replica_holds: int = 0
    replica_pending: bool = False
    log: int = 0  # stream: records that are not consumed yet
    flying: int = 0  # sends without an answer yet
    late: int = 0  # sends that were given up, and may arrive
    row: int = 0  # ledger: ticket or 0
    waiting: int = 0  # failed rows that retry works on
    dead: int = 0  # failed rows that an operator must redrive or refuse
    refused: bool = False
    by_hand: bool = False  # refused by the operator
    told: bool = False  # "accepted"
    kept: bool = False  # they were given a ticket, and no loss of other keys may take it from them
    doing: tuple[Todo, ...] = ()
    seen_owed: int = 0  # what restore or reconcile has read of them
    seen_row: int = 0
    seen_holds: int = 0
    seen_refused: bool = False
    shown: int = 0  # the codes that they have read
    redeemed: int = 0  # ledger: their ticket, or 0
    given_again: bool = False  # a ticket, when the ledger refused them already
    early: bool = False  # their turn has not come, by Redis's clock


class Sizes(NamedTuple):
    """How many members the gate's keys must have."""

    applied: int = 0
    pending: int = 0
    released: int = 0


class State(NamedTuple):
    """One state of the whole world."""

    people: tuple[Person, ...]
    event: bool = True  # gate: the event hash is there
    lost: bool = False  # its field: a script has found a difference
    sizes: Sizes | None = Sizes()  # what its keys must hold; None: an older version has written since
    released: int = 0  # mask
    highest: int = 0  # ticket handed out
    replica_released: int = 0
    replica_highest: int = 0
    reading: str = ""  # restore or reconcile, between reading and writing
    moved: bool = False  # the gate has changed since reconcile read it, or was restored by another
    losses: int = 0
    key_losses: int = 0
    failovers: int = 0
    old_scripts: int = 0
    was_late: bool = False
    revocations: int = 0
    spent: int = 0  # ledger: the tickets whose code was spent
    knows_turns: bool = True  # gate: spread and secret are in the event hash


# --- small changes of a state --------------------------------------------------------------------------------------


def changed(w: State, i: int, **changes: object) -> State:
    people = w.people
    return w._replace(people=(*people[:i], people[i]._replace(**changes), *people[i + 1 :]))  # type: ignore[arg-type]


def gate_changed(w: State, i: int, **changes: object) -> State:
    """Change what the gate knows of a person; the sizes are counted by what has changed."""
    before, w = w.people[i], changed(w, i, **changes)._replace(moved=w.moved or w.reading == "reconcile")
    if w.sizes is None:
        return w
    after, sizes = w.people[i], w.sizes
    return w._replace(
        sizes=sizes._replace(
            applied=sizes.applied + bool(after.holds) - bool(before.holds),
            pending=sizes.pending + after.pending - before.pending,
        )
    )


def pool_changed(w: State, released: int, **changes: object) -> State:
    """Change the free tickets; the sizes are counted by what has changed."""
    sizes = w.sizes
    if sizes is not None:
        sizes = sizes._replace(released=sizes.released + released.bit_count() - w.released.bit_count())
    return w._replace(released=released, sizes=sizes, **changes)  # type: ignore[arg-type]


def found(w: State) -> Sizes:
    """Return what the gate's keys hold."""
    people = w.people
    return Sizes(sum(bool(p.holds) for p in people), sum(p.pending for p in people), w.released.bit_count())


def lose(w: State, keys: str) -> State:
    """Redis loses these keys of the gate."""
    people = w.people
    if "event" in keys or "applied" in keys:
        people = tuple(p._replace(kept=False) for p in people)
    if "applied" in keys:
        people = tuple(p._replace(holds=0) for p in people)
    if "pending" in keys:
        people = tuple(p._replace(pending=False) for p in people)
    w = w._replace(people=people, released=0 if "released" in keys else w.released)
    return w._replace(event=False, lost=False, sizes=Sizes(), highest=0) if "event" in keys else w


def failed(w: State, i: int, ticket: int) -> State:
    person = w.people[i]
    return w if person.dead >> ticket & 1 else changed(w, i, waiting=person.waiting | 1 << ticket)


def left(w: State, i: int, todo: Todo | None) -> State:
    return changed(w, i, doing=tuple(sorted((*w.people[i].doing, todo)))) if todo else w


def read_nothing(w: State) -> State:
    people = tuple(p._replace(seen_owed=0, seen_row=0, seen_holds=0, seen_refused=False) for p in w.people)
    return w._replace(people=people, reading="", moved=False)


def has_row(w: State, ticket: int) -> bool:
    return ticket > 0 and any(person.row == ticket for person in w.people)


def mask_of(tickets: Iterable[int]) -> int:
    mask = 0
    for ticket in tickets:
        if ticket > 0:
            mask |= 1 << ticket
    return mask


def up_to(count: int) -> int:
    return (2 << count) - 2
