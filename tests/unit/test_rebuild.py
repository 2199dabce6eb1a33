"""What restore and reconcile decide, without a server: pure functions of what was read."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from firstcome.gate.answers import EventView, Snapshot
from firstcome.gate.entry import REFUSED, parse_entry, ticket_of
from firstcome.retry.reconcile import find_repairs
from firstcome.retry.restore import rebuild
from firstcome.rules import EventState, Ticket

CAPACITY = 6
people = st.sampled_from([f"user-{n}" for n in range(8)])
numbers = st.integers(1, CAPACITY)
AT = 1_700_000_000_000


def ticket(user_id: str, number: int) -> Ticket:
    return Ticket("event", user_id, number, AT + number)


rows = st.dictionaries(people, numbers).map(
    lambda found: [ticket(user, number) for number, user in {number: user for user, number in found.items()}.items()]
)
owed = st.lists(st.builds(ticket, people, st.integers(-1, CAPACITY + 3)), max_size=8)


@given(rows, owed, st.sets(people, max_size=2))
def test_a_rebuilt_gate_says_what_ledger_and_stream_say(
    rows: list[Ticket], owed: list[Ticket], refused: set[str]
) -> None:
    """Rows are settled, what is owed is pending, the refused are refused, and every other number is free.

    Somebody whose coupon is revoked between the two readings is found in both: they are refused.
    """
    built = rebuild(rows, owed, lambda: refused, CAPACITY)
    for row in rows:
        if row.user_id in refused:
            continue
        assert parse_entry(built.applied[row.user_id]) == (row.number, row.applied_at_ms)
        assert row.user_id not in built.pending
    for one in owed:
        if 1 <= one.number <= CAPACITY:
            assert one.user_id in built.applied, "whoever is owed a ticket is known"
    assert all(built.applied[user] == REFUSED for user in refused)
    held = {number for entry in built.applied.values() if (number := ticket_of(entry)) is not None}
    assert built.count == max(held, default=0) <= CAPACITY
    assert set(built.released) | held == set(range(1, built.count + 1))
    assert not set(built.released) & held


def test_a_number_beyond_the_capacity_makes_no_giant_gate() -> None:
    """A poisoned record cannot make restore free two thousand million tickets."""
    built = rebuild([], [ticket("mallory", 2**31 - 1)], list, CAPACITY)
    assert (built.count, built.released, built.applied) == (0, [], {})


gates = st.dictionaries(people, st.one_of(st.just(REFUSED), numbers.map(lambda n: f"{n} {AT} -")))


@given(gates, rows, st.sets(people, max_size=2), st.sets(numbers), st.integers(0, CAPACITY), owed)
def test_after_the_repairs_gate_and_ledger_agree(  # noqa: PLR0917
    applied: dict[str, str], rows: list[Ticket], refused: set[str], released: set[int], count: int, dead: list[Ticket]
) -> None:
    """Every row is known, every winner without one is on the way or dead, every other number is free."""
    rows = [row for row in rows if row.user_id not in refused]
    released -= {number for held in applied.values() if (number := ticket_of(held))}
    count = max([count, *(number for held in applied.values() if (number := ticket_of(held)))], default=0)
    seen = Snapshot(_view(count), applied, {}, {number for number in released if number <= count})
    after, pending, free = dict(applied), set[str](), set(seen.released)
    for word, *args in find_repairs(seen, rows, refused, dead, free_from_ms=0):
        if word == "learn":
            after[str(args[0])] = f"{args[1]} {args[2]} -"
            free.discard(int(args[1]))
            count = max(count, int(args[1]))
        elif word == "pend":
            pending.add(str(args[0]))
        elif word == "refuse":
            after[str(args[0])] = REFUSED
        elif word == "free":
            free.add(int(args[0]))
        else:
            free.discard(int(args[0]))
    by_person = {row.user_id: row.number for row in rows}
    waits = {(one.user_id, one.number) for one in dead}
    for user, number in by_person.items():
        assert ticket_of(after[user]) == number
    for user, held in after.items():
        number = ticket_of(held)
        if held == REFUSED:
            continue
        assert user in by_person or user in pending or (user, number) in waits
    owners = {number for held in after.values() if (number := ticket_of(held))}
    assert count == max([*owners, count])
    for user, number in waits:
        assert user in after or number in owners or number > CAPACITY or number < 1
    assert free == {number for number in range(1, count + 1) if number not in owners}


def _view(count: int) -> EventView:
    return EventView("e", EventState.OPEN, CAPACITY, count, 0, 0, None, 0, AT, 1, 1, 1, 0, 0, "r", AT)
