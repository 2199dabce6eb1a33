"""Reconcile: compare a live gate with the ledger after a failover, and repair what no other path repairs.

A replica that was promoted may lack the last writes. What consume, sweep and retry still work on mends itself; this is
for what nothing else looks at: a row that the gate forgot, a winner without row or mark, a number that nobody owns.
"""

from collections.abc import Iterable
from enum import StrEnum

from firstcome.gate.answers import EventView, ReconcileOutcome, Snapshot
from firstcome.gate.entry import REFUSED, parse_entry, ticket_of
from firstcome.gate.gate import Gate
from firstcome.rules import FailedStatus, Ticket
from firstcome.stores import Stores

Repair = tuple[str | int, ...]


class Reconciled(StrEnum):
    """What one attempt came to."""

    RECONCILED = "reconciled"
    MOVED = "moved"  # somebody wrote to the gate meanwhile: nothing was changed
    BUSY = "busy"  # tickets are pending, records unread or failed rows waiting: they go first
    LOST = "gate_lost"  # the gate is lost: restore is for that


def failed_over(gate: Gate, view: EventView, event_id: str) -> bool:
    """Say whether another Redis holds the event now than the one that it was written to, or reconciled with.

    False where Redis does not say which one it is: the ledger's keys hold without it, and an operator reconciles.
    """
    replid = gate.replid(event_id)
    return bool(replid) and view.replid != replid


def reconcile(stores: Stores, event_id: str) -> tuple[Reconciled, list[Repair]]:
    """Repair a quiet event's gate; return what it came to, and the repairs that were made.

    The gate is read first, then the stream, then the rows; the script does nothing if the gate has moved since.
    Raises `Unavailable` where one of them cannot be read.
    """
    ledger, gate = stores.ledger, stores.gate
    replid = gate.replid(event_id)
    seen = gate.read_all(event_id)
    if seen is None:
        return Reconciled.LOST, []
    if seen.pending or not stores.reader.caught_up() or ledger.list_failed(event_id, FailedStatus.WAITING, 1):
        return Reconciled.BUSY, []
    repairs = find_repairs(
        seen,
        rows=ledger.coupons(event_id),
        refused=ledger.refusals(event_id),
        dead=ledger.open_failed(event_id),
        free_from_ms=seen.view.now_ms + stores.settings.released_rest_ms,
    )
    said = gate.reconcile(event_id, seen.view.write_seq, replid, repairs)
    if said is ReconcileOutcome.RECONCILED:
        return Reconciled.RECONCILED, repairs
    return Reconciled.MOVED if said is ReconcileOutcome.MOVED else Reconciled.LOST, []


def find_repairs(
    seen: Snapshot, rows: Iterable[Ticket], refused: Iterable[str], dead: Iterable[Ticket], free_from_ms: int
) -> list[Repair]:
    """Return what must change in the gate, so that it says what the ledger says. Pure, whatever the sizes."""
    repairs: list[Repair] = []
    holds: dict[str, int] = {}
    owners: set[int] = set()
    for row in rows:
        owners.add(row.number)
        holds[row.user_id] = row.number
        if ticket_of(seen.applied.get(row.user_id, "")) != row.number:
            repairs.append(("learn", row.user_id, row.number, row.applied_at_ms))
    never = set(refused)
    repairs += [("refuse", user_id) for user_id in sorted(never) if seen.applied.get(user_id) != REFUSED]
    waits = {(one.user_id, one.number): one for one in dead if 1 <= one.number <= seen.view.capacity}
    for user_id, held in seen.applied.items():
        given = parse_entry(held)
        if given is None or user_id in holds or user_id in never:
            continue
        ticket, applied_at_ms = given
        owners.add(ticket)
        if (user_id, ticket) not in waits:  # else an operator decides, by the dead row
            repairs.append(("pend", user_id, applied_at_ms))
    known = {*holds, *never, *seen.applied}
    for one in waits.values():
        if one.user_id not in known and one.number not in owners:
            known.add(one.user_id)
            owners.add(one.number)
            repairs.append(("learn", one.user_id, one.number, one.applied_at_ms))
    repairs += _free_numbers(seen, owners, free_from_ms)
    return repairs


def _free_numbers(seen: Snapshot, owners: set[int], free_from_ms: int) -> list[Repair]:
    count = max(seen.view.coupon_count, max(owners, default=0))
    freed: list[Repair] = [("taken", ticket) for ticket in sorted(seen.released) if ticket in owners]
    freed += [
        ("free", number, free_from_ms)
        for number in range(1, count + 1)
        if number not in owners and number not in seen.released
    ]
    return freed
