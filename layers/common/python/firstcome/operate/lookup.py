"""Everything that is known about one person of an event, and what they would be told now.

Who got nothing leaves no trace: of them only the event can be told.
"""

from typing import Any

from firstcome.gate.answers import EventView, Standing
from firstcome.ledger.events import Event
from firstcome.ledger.views import Refusal, Winner
from firstcome.operate.arguments import Input
from firstcome.operate.bounded import SAID_MAX_LENGTH
from firstcome.operate.listing import PAYLOAD_SHOWN_BYTES, show_failed
from firstcome.operate.shown import find_event
from firstcome.operate.views import show_winner
from firstcome.rules import EventState, FailedStatus, Unavailable, rfc3339, turn_at_ms
from firstcome.stores import Stores

FAILED_SHOWN = 20  # failed rows of one person: one is usual
OPEN = (FailedStatus.WAITING, FailedStatus.DEAD)


def lookup(stores: Stores, given: Input) -> dict[str, Any]:
    """Show one person as the gate and the ledger know them, and what they would be told now."""
    event, user_id = find_event(stores, given["event_id"]), given["user_id"]
    view: EventView | None = None
    standing: Standing | None = None
    away = ""
    try:  # the gate first: a ticket moves from there to the ledger, and must not be missed in between
        standing = stores.gate.standing(event.event_id, user_id)
        view = stores.gate.show(event.event_id)
    except Unavailable as trouble:
        away = f"away: {trouble}"[:SAID_MAX_LENGTH]
    row = stores.ledger.winner(event.event_id, user_id)
    refusal = stores.ledger.refusal(event.event_id, user_id)
    failed = stores.ledger.failed_of(event.event_id, user_id, FAILED_SHOWN, PAYLOAD_SHOWN_BYTES)
    is_open = any(one.status in OPEN for one in failed)
    # Past its retention an event has no gate, and the ledger alone answers.
    over = standing is not None and not standing.known and not stores.ledger.is_gated(event.event_id)
    status = _status(standing, row, refusal, is_open=is_open, over=over)
    return {
        "event_id": event.event_id,
        "user_id": user_id,
        "gate": away or _show_standing(standing),
        "row": None if row is None else show_winner(row) | {"code": row.code},
        "refusal": None
        if refusal is None
        else {"reason": refusal.reason, "refused_at": rfc3339(refusal.refused_at_ms)},
        "failed": [show_failed(one) for one in failed],
        "told": _told(status, view, event, user_id, over=over),
    }


def _show_standing(standing: Standing | None) -> dict[str, Any] | None:
    """Return what the gate knows of them; None where it is lost."""
    if standing is None or not standing.known:
        return None
    at_ms = standing.applied_at_ms
    return {
        "ticket": standing.ticket,
        "applied_at": None if at_ms is None else rfc3339(at_ms),
        "pending": standing.pending,
        "refused": standing.refused,
    }


def _status(
    standing: Standing | None, row: Winner | None, refusal: Refusal | None, *, is_open: bool, over: bool
) -> str:
    """Return what their status is; the ledger's word is later than the gate's."""
    if row is not None:
        return "issued"
    if refusal is not None:
        return "refused"
    if is_open:
        return "failed"
    if over:
        return "no_application"
    return "try_again" if standing is None or not standing.known else _status_in_gate(standing)


def _status_in_gate(standing: Standing) -> str:
    if standing.refused:
        return "refused"
    return "no_application" if standing.ticket is None else "pending"


def _told(status: str, view: EventView | None, event: Event, user_id: str, *, over: bool) -> dict[str, Any]:
    """Return their status, what an application of theirs would be told, and what decides it.

    That is their turn, and where nothing is left, when the last ticket was given.
    """
    if status == "refused":
        return {"status": status, "application": "refused"}
    if status in ("issued", "pending", "failed"):
        return {"status": status, "application": "accepted"}
    if view is None:
        return {"status": status, "application": "closed" if over else "try_again"}
    secret = event.turn_secret if event.spread_ms else None
    turn_ms = secret and turn_at_ms(event.event_id, user_id, event.opens_at_ms, event.spread_ms, secret)
    told = {"status": status, "application": _stranger(view, turn_ms or 0)}
    if turn_ms:
        told["turn_at"] = rfc3339(turn_ms)
    if told["application"] == "sold_out" and view.given_ms:
        told["sold_out_at"] = rfc3339(view.given_ms)
    return told


def _stranger(view: EventView, turn_ms: int) -> str:
    """Return what somebody without a ticket would be told, in the order in which the gate decides.

    `would_win`: a ticket is left, so they would get it.
    """
    if view.state is EventState.DRAFT:
        return "not_open"
    if view.state not in (EventState.OPEN, EventState.PAUSED) or view.now_ms >= view.closes_at_ms:
        return "closed"
    if view.state is EventState.PAUSED:
        return "paused"
    if not view.remaining:
        return "sold_out"
    return "not_open" if view.now_ms < max(turn_ms, view.opens_at_ms) else "would_win"
