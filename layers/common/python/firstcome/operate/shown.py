"""Events and operations, as every answer of the operator's actions shows them."""

from typing import Any

from firstcome.gate.answers import EventView
from firstcome.ledger.events import Event
from firstcome.ledger.operations import Operation
from firstcome.rules import BadInput, public_turns, rfc3339
from firstcome.stores import Stores


def find_event(stores: Stores, event_id: str) -> Event:
    """Return the event; raise `BadInput` where there is none."""
    event = stores.ledger.event(event_id)
    if event is None:
        raise BadInput("unknown_event", f"there is no event {event_id}")
    return event


def show_event(event: Event) -> dict[str, Any]:
    """Return the event as the ledger knows it; of its turns what everybody may know, from the first opening on."""
    return {
        "event_id": event.event_id,
        "name": event.name,
        "state": event.state,
        "capacity": event.capacity,
        "opens_at": rfc3339(event.opens_at_ms),
        "closes_at": rfc3339(event.closes_at_ms),
        "timezone": event.timezone,
        "spread_ms": event.spread_ms,
        "restore_epoch": event.restore_epoch,
        "config_version": event.config_version,
        "ended_at": rfc3339(event.ended_at_ms) if event.ended_at_ms is not None else None,
        **public_turns(event.state, event.turn_secret),
    }


def show_operation(one: Operation) -> dict[str, Any]:
    """Return a row of `operation` as the answers show it."""
    refused = one.answer if one.answer and one.answer.keys() == {"code", "detail"} else {}
    return {
        "id": one.id,
        "request_id": one.request_id,
        "at": rfc3339(one.at_ms),
        "actor": one.actor,
        "actor_kind": one.actor_kind,
        "action": one.action,
        "event_id": one.event_id,
        "user_id": one.user_id,
        "version_before": one.version_before,
        "version_after": one.version_after,
        "status": one.status,
        "what": one.what,
        "code": refused.get("code"),
    }


def show_gate(view: EventView | None) -> dict[str, Any] | None:
    """Return the event as the gate knows it; None where the gate is lost."""
    if view is None:
        return None
    oldest = view.oldest_pending_ms
    return {
        "state": view.state,
        "capacity": view.capacity,
        "coupon_count": view.coupon_count,
        "free": view.free,
        "remaining": view.remaining,
        "pending": view.pending,
        "oldest_pending_age_ms": None if oldest is None else view.now_ms - oldest,
        "restore_epoch": view.restore_epoch,
        "config_version": view.config_version,
        "write_seq": view.write_seq,
        "now": rfc3339(view.now_ms),
    }
