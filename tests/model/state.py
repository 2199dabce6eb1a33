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
    RESTORE_UNFENCED = "restore-unfenced"  # put in place of a gate that lives
    RESTORE_STALE = "restore-stale"  # what was read in one loss is put in place in another
    LEARN_LEAVES_GAPS = "learn-leaves-gaps"  # the numbers below a ticket that was learned belong to nobody
    LEARN_UNFENCED = "learn-unfenced"  # settle makes a lost gate anew, with one winner in it
    SETTLE_FIRST = "settle-first"  # the sweep settles before it commits
    OFFSET_FIRST = "offset-first"  # consume commits the offset before the row
    NO_READ_BACK = "no-read-back"  # a row that was not written counts as written
    TIMEOUT_IS_FAILURE = "timeout-is-failure"  # the ticket of a send without an answer is given back
    REFUSE_GATE_ONLY = "refuse-gate-only"  # the operator's refusal, in the gate alone
    REFUSALS_UNHEARD = "refusals-unheard"  # retry does not tell the gate of refusals that it has not heard of


@dataclass(frozen=True)
class World:
    """How large the world is, what may happen in it, and which rule is broken."""

    people: int
    tickets: int
    losses: int = 0
    failovers: int = 0
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
    doing: tuple[Todo, ...] = ()
    seen_owed: int = 0  # what restore or reconcile has read of them
    seen_row: int = 0
    seen_holds: int = 0


class State(NamedTuple):
    """One state of the whole world."""

    people: tuple[Person, ...]
    alive: bool = True
    released: int = 0  # mask
    highest: int = 0  # ticket handed out
    replica_released: int = 0
    replica_highest: int = 0
    reading: str = ""  # restore or reconcile, between reading and writing
    moved: bool = False  # the gate has changed since reconcile read it, or was restored by another
    losses: int = 0
    failovers: int = 0
    was_late: bool = False


# --- small changes of a state --------------------------------------------------------------------------------------


def changed(w: State, i: int, **changes: object) -> State:
    people = w.people
    return w._replace(people=(*people[:i], people[i]._replace(**changes), *people[i + 1 :]))  # type: ignore[arg-type]


def gate_changed(w: State, i: int, **changes: object) -> State:
    return changed(w, i, **changes)._replace(moved=w.moved or w.reading == "reconcile")


def failed(w: State, i: int, ticket: int) -> State:
    person = w.people[i]
    return w if person.dead >> ticket & 1 else changed(w, i, waiting=person.waiting | 1 << ticket)


def left(w: State, i: int, todo: Todo | None) -> State:
    return changed(w, i, doing=tuple(sorted((*w.people[i].doing, todo)))) if todo else w


def read_nothing(w: State) -> State:
    people = tuple(p._replace(seen_owed=0, seen_row=0, seen_holds=0) for p in w.people)
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
