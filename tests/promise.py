"""The proof that a test ends with: the audit finds nothing, and the end is what people were told."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Protocol

from firstcome.gate.entry import REFUSED, parse_entry, ticket_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from firstcome.gate.answers import Snapshot
    from firstcome.rules import Ticket
    from tests.faults.told import Told
    from tests.faults.town import Town

# A process that was killed owes its own request: 500 or a connection that breaks (0). "Try again" is 503.
ANSWERS = {
    *("202 accepted", "202 reserved", "200 accepted"),
    *("409 sold_out", "409 refused", "503 gate_lost", "503 try_again"),
}
RANKS = {202: 1, 200: 2}  # how far the answer says that it has come


class Event(Protocol):
    """A `World`, a `Campaign` or a `Town`: one event, as its operator and its ledger have it."""

    def operate(self, action: str, **payload: Any) -> dict[str, Any]:
        """Let the operator act on this event."""

    def rows(self) -> list[Ticket]:
        """Return the coupon rows, by ticket."""


def assert_promise(event: Event, rows: int | None = None) -> dict[str, Any]:
    """Assert that the audit finds nothing, that nothing is on its way, and that there are so many rows; return it.

    Its seven invariants are those of the README. `rows`: None for any number.
    """
    audit = event.operate("audit")
    assert audit["ok"], audit["findings"]
    assert audit["quiet"], audit
    assert audit["stable"], audit
    found = event.rows()
    assert audit["invariants"]["I1"]["figures"]["rows"] == len(found), audit["invariants"]
    assert rows is None or len(found) == rows, found
    return audit


def assert_told(town: Town, *, full: bool, reassigned: Collection[str] = (), forgotten: bool = False) -> dict[str, Any]:
    """Hold what MySQL, Redis and the topic say now to what people were told; print and return the figures.

    `full`: the event must be sold out. `reassigned`: who may have another ticket than they were told, or none.
    `forgotten`: Redis forgot everything, so that this may happen to whoever was only told "reserved": it is not
    promised. How long the slowest request took is a figure, and no law: a busy machine takes longer.
    """
    told, rows, refused = list(town.told), town.rows(), town.refused()
    failures, records, promised = town.failures(), town.records(), town.promised()
    audit = town.operate("audit")
    if forgotten:
        kept = {one.answer.user_id for one in told if one.ticket and one.answer.word != "reserved"}
        reassigned = set(reassigned) | (promised.keys() - kept)
    seen = {f"{one.answer.status} {one.answer.word}" for one in told if one.answer.status not in (0, 500, 502, 504)}

    open_ = {user_id for user_id, status, _ in failures if status in ("waiting", "dead")}
    holders = {row.user_id for row in rows}
    owed = (promised.keys() - set(reassigned)) | {one.user_id for one in records}
    lost = sorted(owed - holders - open_ - refused)
    figures = {
        "told_a_ticket": len(promised),
        "rows": len(rows),
        "failed_rows": len(failures),
        "refused": len(refused),
        "lost": len(lost),
        "over_issued": max(0, len(rows) - town.capacity),
        "duplicated": 2 * len(rows) - len(holders) - len({row.number for row in rows}),
        "whole_s": round(town.whole_s or 0, 1),
        "slowest_s": round(town.slowest_s, 1),
        "requests": len(told),
        "capacity": town.capacity,
        "seed": town.seed,
    }
    print("  ".join(f"{name} {figure}" for name, figure in figures.items()))

    assert len(rows) <= town.capacity, f"I1: {figures}"
    assert all(1 <= row.number <= town.capacity for row in rows), f"I1: {rows}"
    assert not figures["duplicated"], f"I2: {figures}"
    assert not lost, f"I3: promised, or sent, and come to nothing: {lost}"
    assert audit["invariants"]["I4"]["figures"].get("nobody") == 0, f"I4: {audit['invariants']['I4']}"
    if full:
        dead = sum(status == "dead" for _, status, _ in failures)
        assert len(rows) + dead == town.capacity, f"I4: {figures}"
    gate = _read_gate(town)
    _in_order(gate, rows)
    _one_answer(told, promised, rows, reassigned)
    _gate_agrees(gate, rows, refused)
    assert seen <= ANSWERS | {"503 None"}, f"I7: {seen}"  # None: API Gateway's own, which has no code
    return figures


def _read_gate(town: Town) -> Snapshot:
    with town.gate() as gate:
        found = gate.read_all(town.event_id)
    assert found, "I7: the gate is lost"
    return found


def _in_order(gate: Snapshot, rows: list[Ticket]) -> None:
    """Assert I5: of two tickets that were never given back, the lower one was applied for earlier."""
    given = [(row, parse_entry(gate.applied.get(row.user_id, ""))) for row in rows]
    again = [row for row, once in given if once and row.applied_at_ms < once[1]]
    earliest = list(accumulate((row.applied_at_ms for row in reversed(rows)), min))[::-1]
    late = [row for row, least in zip(rows, earliest, strict=True) if row.applied_at_ms > least]
    # A gate that was rebuilt, or forgot somebody, has free numbers below the highest.
    if gate.view.restore_epoch == 1 and not gate.view.learned and not again:
        assert len(late) <= gate.view.reissued, f"I5: out of order, {gate.view.reissued} reissued: {late}"


def _one_answer(
    told: Iterable[Told], promised: dict[str, set[int]], rows: list[Ticket], reassigned: Collection[str]
) -> None:
    """Assert I6: a winner has the ticket that was told, one, and what a person is told only moves forward."""
    theirs = {row.user_id: row.number for row in rows}
    for user_id, tickets in promised.items():
        if user_id not in reassigned:
            assert len(tickets) == 1, f"I6: {user_id} was told {tickets}"
            assert theirs.get(user_id) in {None, *tickets}, f"I6: {user_id} was told {tickets}, has {theirs[user_id]}"
    people: dict[str, list[Told]] = {}
    for one in told:
        if one.definite and one.answer.user_id not in reassigned:
            people.setdefault(one.answer.user_id, []).append(one)
    for user_id, answers in people.items():
        answers.sort(key=lambda one: one.given)
        given = [one.given for one in answers]
        highest = list(accumulate((_rank(one) for one in answers), max))
        for one in answers:
            before = bisect_left(given, one.asked)
            rank = highest[before - 1] if before else 0
            assert _rank(one) >= rank, f"I6: {user_id} was told {[(a.answer.status, a.answer.word) for a in answers]}"


def _rank(one: Told) -> int:
    return 3 if one.answer.word == "refused" else RANKS.get(one.answer.status, 0)


def _gate_agrees(gate: Snapshot, rows: list[Ticket], refused: set[str]) -> None:
    """Assert that Redis says the same as MySQL, person by person."""
    held = {user_id: ticket_of(value) for user_id, value in gate.applied.items() if value != REFUSED}
    assert {row.user_id: row.number for row in rows}.items() <= held.items(), "I6: gate and ledger"
    assert {user_id for user_id, value in gate.applied.items() if value == REFUSED} == refused, "I6: refused"
    assert not gate.pending, f"I4: {len(gate.pending)} pending"
