"""One person after the other: what gate and ledger say of them, and what is wrong with it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from firstcome.audit.report import NOBODY_CAN, RETRY, Report
from firstcome.gate.entry import REFUSED, ticket_of
from firstcome.gate.pages import Held
from firstcome.ledger.pages import Said
from firstcome.stores import Stores

# People move while they are read: the ledger decides first, the gate hears of it a moment later. Who is asked about so
# often, and found wrong in the same way each time, is.
LOOKS = 3

Finding = tuple[str, str, object, str]  # invariant, what, who, command


class GateLost(Exception):  # noqa: N818  a state of the gate, and no fault of ours
    """The gate is lost: there is nothing to compare the ledger with."""


class Person(NamedTuple):
    """One person, as the gate had them, and the ledger a moment later."""

    user_id: str
    held: Held
    said: Said


def look(stores: Stores, event_id: str, people: Sequence[str]) -> list[Person]:
    """Return these people: the gate is asked first, so what it has settled by then must be a row. Raise `GateLost`."""
    found = held(stores, event_id, people)
    asked = [(user_id, ticket_of(one.entry)) for user_id, one in zip(people, found, strict=True)]
    said = stores.ledger.people(event_id, asked)
    return [Person(*one) for one in zip(people, found, said, strict=True)]


def held(stores: Stores, event_id: str, people: Sequence[str]) -> list[Held]:
    """Return what the gate holds of these people; raise `GateLost` where it is lost."""
    found = stores.gate.people(event_id, people)
    if found is None:
        raise GateLost
    return found


def check(
    stores: Stores, report: Report, event_id: str, people: Iterable[str], faults: Callable[[Person], Iterator[Finding]]
) -> list[Person]:
    """Report what is wrong with these people, once it has been so at every look; return them, as they were first."""
    first: list[Person] = []
    found: dict[str, set[Finding]] = {}
    people = list(dict.fromkeys(people))
    for number in range(LOOKS):
        seen = look(stores, event_id, people)
        first = first or seen
        now = {one.user_id: set(faults(one)) for one in seen}
        found = now if number == 0 else {user_id: found[user_id] & now[user_id] for user_id in people}
        people = [user_id for user_id in people if found[user_id]]
    for finding in sorted({one for user_id in people for one in found[user_id]}, key=str):
        report.find(*finding)
    return first


def in_gate(one: Person) -> Iterator[Finding]:
    """Yield what is wrong with somebody who is in `applied_user`."""
    entry, said = one.held.entry, one.said
    if not entry:
        return
    ticket = ticket_of(entry)
    if said.row is not None and said.row.number != ticket:
        yield "I6", "gate and ledger name different tickets", one.user_id, "reconcile"
    elif (entry == REFUSED) != said.refused:
        yield "I6", "refused in one of gate and ledger", one.user_id, "refuse" if entry == REFUSED else "reconcile"
    elif ticket is not None and said.row is None and not one.held.pending_at_ms and not said.failed:
        yield "I3", "a winner without row, mark or failed row", one.user_id, "reconcile"
    if ticket is not None and said.row is None and said.holder is not None:
        yield "I4", "a ticket that two people hold", ticket, RETRY


def in_ledger(one: Person) -> Iterator[Finding]:
    """Yield what is wrong with somebody who has a row."""
    if one.said.row is not None and not one.held.entry:
        yield "I6", "a row that the gate does not know", one.user_id, "reconcile"


def in_refusals(one: Person) -> Iterator[Finding]:
    """Yield what is wrong with somebody who is refused in the ledger, as far as the gate does not know them."""
    if one.said.refused and not one.held.entry:
        yield "I6", "refused in one of gate and ledger", one.user_id, "reconcile"


def in_pending(one: Person) -> Iterator[Finding]:
    """Yield what is wrong with somebody who has a mark."""
    if one.held.pending_at_ms and not one.held.entry:
        yield "I4", "a pending mark without a ticket", one.user_id, "reconcile"


def unanswered(stores: Stores, event_id: str, people: Iterable[str]) -> list[str]:
    """Return which of these people the ledger knows nothing of: neither row nor refusal nor open failed row."""
    asked = sorted(set(people))
    for _ in range(LOOKS):
        said = stores.ledger.people(event_id, [(user_id, None) for user_id in asked])
        asked = [
            user_id
            for user_id, one in zip(asked, said, strict=True)
            if one.row is None and not one.refused and not one.failed
        ]
    return asked


def refused_with_row(stores: Stores, event_id: str, people: Sequence[str]) -> Iterator[Finding]:
    """Yield who of these has both a refusal and a row: the ledger alone says so, in one statement."""
    said = stores.ledger.people(event_id, [(user_id, None) for user_id in people])
    for user_id, one in zip(people, said, strict=True):
        if one.refused and one.row is not None:
            yield "I6", "refused, and has a row", user_id, NOBODY_CAN
