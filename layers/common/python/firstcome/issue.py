"""Issue tickets: write them into the ledger in one transaction, then tell the gate what has become of each.

Consume, the sweep and the retry all issue. The order is the promise: the gate hears of a row only after the commit,
and an offset is committed, or a failed row resolved, only after that. A process that dies in between is repeated.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from firstcome.gate.answers import ReleaseOutcome
from firstcome.gate.gate import Gate
from firstcome.ledger.coupons import Claim, Outcome, Verdict, Written
from firstcome.ledger.failed_events import Failure
from firstcome.ledger.ledger import Ledger
from firstcome.rules import Ticket, Unavailable
from firstcome.runtime.telemetry import timed


@dataclass(frozen=True, slots=True)
class Issued:
    """What one batch came to."""

    written: Written
    gate_updated: bool  # False: the gate was away, and the sweep will make it good


def issue(ledger: Ledger, gate: Gate, claims: Sequence[Claim], failures: Sequence[Failure] = ()) -> Issued:
    """Write the batch, the bad ones as failed rows, and tell the gate.

    Raises `Unavailable` where the ledger cannot commit all of it: then the gate hears of none, and the batch comes
    again. Where only the gate is away, the batch is a success.
    """
    with timed("ledger_ms"):
        written = ledger.write(claims, failures)
    try:
        update_gate(gate, written.verdicts)
        mark_failed(gate, written.failed_tickets)
    except Unavailable:
        return Issued(written, gate_updated=False)
    return Issued(written, gate_updated=True)


def update_gate(gate: Gate, verdicts: Iterable[Verdict]) -> None:
    """Tell the gate of every verdict that leaves no failed row: settled, second ticket released, or refused."""
    rows: dict[str, list[Ticket]] = defaultdict(list)
    for ticket, outcome, row, has_row, _ in verdicts:
        if outcome is Outcome.OTHER or outcome is Outcome.REFUSED:
            gate.release(ticket, row, has_row=has_row)
        if row is not None:
            rows[ticket.event_id].append(row)
    for event_id, settled in rows.items():
        gate.settle(event_id, settled)


def mark_failed(gate: Gate, tickets: Iterable[Ticket]) -> None:
    """Tell the gate which tickets failed rows have now."""
    events: dict[str, list[Ticket]] = defaultdict(list)
    for ticket in tickets:
        events[ticket.event_id].append(ticket)
    for event_id, failed in events.items():
        gate.mark_failed(event_id, failed)


def release_refused(ledger: Ledger, gate: Gate, event_id: str, user_id: str) -> ReleaseOutcome:
    """Tell the gate that the ledger refuses the person, and free their ticket."""
    ticket = gate.standing(event_id, user_id).ticket or 0
    has_row = bool(ticket) and ledger.has_row(event_id, ticket)
    return gate.release(Ticket(event_id, user_id, ticket, 0), None, has_row=has_row)
