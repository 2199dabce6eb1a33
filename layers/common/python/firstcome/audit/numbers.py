"""The numbers that were handed out, range by range: each has one owner, or is free."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from firstcome.audit.people import GateLost, held
from firstcome.audit.report import RETRY, Report
from firstcome.gate.entry import ticket_of
from firstcome.ledger.coupons import PAGE
from firstcome.stores import Stores

# Numbers of one range. For each range everybody who is pending is looked at once, because the gate finds people by name
# and not by number; a set of so many numbers takes some 10 MB.
RANGE = 100_000
LOOKS = 3  # at a range whose gate moves meanwhile

_Scan = Callable[[str, int], tuple[int, list[str]]]


@dataclass(slots=True)
class Range:
    """Who has the numbers from `low` to `high`."""

    low: int
    high: int
    free: set[int]
    rows: dict[int, str] = field(default_factory=dict)
    failed: set[int] = field(default_factory=set)
    held: dict[int, set[str]] = field(default_factory=dict)  # by people of the gate who have no row

    def nobody(self) -> set[int]:
        """Return the numbers that nobody owns."""
        return set(range(self.low, self.high + 1)) - self.free - self.rows.keys() - self.failed - self.held.keys()

    def twice(self) -> set[int]:
        """Return the numbers without a row that several people hold."""
        return {number for number, people in self.held.items() if len(people) > 1 and number not in self.rows}

    def free_and_had(self) -> set[int]:
        """Return the free numbers that somebody has."""
        return self.free & (self.rows.keys() | self.held.keys())


def check_range(stores: Stores, report: Report, event_id: str, low: int, high: int) -> Counter[str]:
    """Report what is wrong with these numbers, and count them; raise `GateLost` where the gate is.

    Who is pending may hold them. What is wrong then is asked again of everybody whom the gate knows, until it has stood
    still meanwhile; what is wrong every time counts, though it moves.
    """
    seen = _read(stores, event_id, low, high, stores.gate.pending_page)
    wrong = _wrong(seen)
    for _ in range(LOOKS if any(wrong) else 0):
        before = _write_seq(stores, event_id)
        again = _wrong(_read(stores, event_id, low, high, stores.gate.applied_page))
        wrong = tuple(one & other for one, other in zip(wrong, again, strict=True))
        if before == _write_seq(stores, event_id):
            wrong = again
            break
    nobody, twice, had = wrong
    for number in sorted(twice):
        report.find("I4", "a ticket that two people hold", number, RETRY)
    for number in sorted(nobody):
        report.find("I4", "a ticket that nobody owns", number, "reconcile")
    for number in sorted(had):
        report.find("I4", "a free ticket that somebody has", number, "reconcile")
    return Counter(free=len(seen.free), failed=len(seen.failed), nobody=len(nobody))


def _wrong(seen: Range) -> tuple[set[int], ...]:
    return seen.nobody(), seen.twice(), seen.free_and_had()


def _read(stores: Stores, event_id: str, low: int, high: int, scan: _Scan) -> Range:
    """Read the gate first and the rows last: a ticket that is on its way then is a row by the end of it."""
    seen = Range(low, high, stores.gate.free_between(event_id, low, high))
    failed = stores.ledger.failed_between(event_id, low, high)
    waiting = sorted({user_id for _, user_id in failed})
    for people in (waiting, *_pages(event_id, scan)):
        for user_id, one in zip(people, held(stores, event_id, people), strict=True):
            number = ticket_of(one.entry)
            if number is not None and low <= number <= high:
                seen.held.setdefault(number, set()).add(user_id)
    seen.failed = {number for number, _ in [*failed, *stores.ledger.failed_between(event_id, low, high)]}
    below = high + 1
    while page := [row for row in stores.ledger.coupons_below(event_id, below, PAGE) if row.number >= low]:
        seen.rows |= {row.number: row.user_id for row in page}
        below = page[-1].number
    # Whoever has a row owns its number, and not the one that the gate may name beside it.
    people = [user_id for holders in seen.held.values() for user_id in holders]
    said = stores.ledger.people(event_id, [(user_id, None) for user_id in people])
    with_row = {user_id for user_id, one in zip(people, said, strict=True) if one.row is not None}
    seen.held = {number: left for number, holders in seen.held.items() if (left := holders - with_row)}
    return seen


def _pages(event_id: str, scan: _Scan) -> Iterator[list[str]]:
    cursor, people = scan(event_id, 0)
    yield people
    while cursor:
        cursor, people = scan(event_id, cursor)
        yield people


def _write_seq(stores: Stores, event_id: str) -> int:
    view = stores.gate.show(event_id)
    if view is None:
        raise GateLost
    return view.write_seq
