"""The operator's actions. Each answers a JSON object; bad input raises `BadInput` and says what to do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from firstcome.audit import audit as audit_event
from firstcome.forget import erase, purge
from firstcome.issue import release_refused
from firstcome.reconcile import reconcile as reconcile_event
from firstcome.restore import restore as restore_event
from firstcome.rules import (
    BadInput,
    EventState,
    FailedStatus,
    Unavailable,
    check_event_id,
    check_user_id,
    parse_time,
    rfc3339,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from firstcome.events import Event
    from firstcome.failed import FailedRow
    from firstcome.gate import EventView
    from firstcome.stores import Stores

Input = dict[str, Any]

CAPACITY_MAX = 10_000_000  # a gate of about 2.5 GB, and a restore of minutes: more wants an event per region
PARTITIONS_MAX = 1_000  # more than any event needs: a typing error
REPLICATION_MAX = 5
TEXT_MAX_LENGTH = 255  # the columns'
SURROGATE = re.compile("[\ud800-\udfff]")
LIST_LIMIT = 100  # rows that an answer shows: a synchronous invocation answers 6 MB at most
LIST_LIMIT_MAX = 1_000


def act(stores: Stores, payload: object) -> dict[str, Any]:
    """Carry out the action that `payload` names; raise `BadInput` naming the actions where it names none."""
    action = payload.get("action") if isinstance(payload, dict) else None
    if not isinstance(payload, dict) or not isinstance(action, str) or action not in ACTIONS:
        raise BadInput("bad_action", f"action must be one of {', '.join(ACTIONS)}")
    return {"action": action, **ACTIONS[action](stores, payload)}


def migrate(stores: Stores, payload: Input) -> dict[str, Any]:
    """Bring the ledger's schema up to date, and make the topic if it is missing."""
    from firstcome.migrate import migrate as migrate_ledger  # noqa: PLC0415  for this action only
    from firstcome.tail import ensure_topic  # noqa: PLC0415

    settings = stores.settings
    partitions = _whole("partitions", payload.get("partitions", settings.kafka_partitions), 1, PARTITIONS_MAX)
    replication = _whole("replication", payload.get("replication", settings.kafka_replication), 1, REPLICATION_MAX)
    return {
        "migrations": migrate_ledger(stores.ledger.connect),
        "topic": settings.kafka_topic,
        "topic_created": ensure_topic(settings, partitions, replication),
    }


def create(stores: Stores, payload: Input) -> dict[str, Any]:
    """Make an event, as a draft. Repeated with the same words, it answers the event that is there."""
    event_id = check_event_id(payload.get("event_id"))
    name = _text("name", payload.get("name"))
    capacity = _whole("capacity", payload.get("capacity"), 1, CAPACITY_MAX)
    opens_at = parse_time("opens_at", payload.get("opens_at"))
    closes_at = parse_time("closes_at", payload.get("closes_at"))
    if closes_at <= opens_at:
        raise BadInput("bad_window", "closes_at must be later than opens_at")
    created = stores.ledger.create_event(event_id, name, capacity, opens_at, closes_at)
    event = _event(stores, event_id)
    if not created:
        asked = (name, capacity, opens_at, closes_at)
        if (event.name, event.capacity, event.opens_at_ms, event.closes_at_ms) != asked:
            raise BadInput("event_exists", f"event {event_id} exists already, and is another one")
        return {"created": False, **_told(stores, event)}
    return {"created": True, **_told(stores, event, create=True)}


def raise_capacity(stores: Stores, payload: Input) -> dict[str, Any]:
    """Raise the number of coupons: in the ledger first, then in the gate. It is never lowered."""
    event_id = check_event_id(payload.get("event_id"))
    capacity = _whole("capacity", payload.get("capacity"), 1, CAPACITY_MAX)
    return _told(stores, stores.ledger.raise_capacity(event_id, capacity))


def show(stores: Stores, payload: Input) -> dict[str, Any]:
    """Show one event as the ledger, the gate and the stream know it; a server that is away is named, not fatal."""
    event = _event(stores, check_event_id(payload.get("event_id")))
    counts = stores.ledger.audit_counts(event.event_id)
    return {
        "event": _show_event(event),
        "coupons": counts.rows,
        "failed": stores.ledger.count_failed(event.event_id),
        "refused": len(stores.ledger.refusals(event.event_id)),
        "gate": _or_away(lambda: _show_gate(stores.gate.show(event.event_id))),
        "unread": _or_away(stores.tail.lag),
    }


def list_failed(stores: Stores, payload: Input) -> dict[str, Any]:
    """List failed rows, the oldest first."""
    event_id = check_event_id(payload["event_id"]) if payload.get("event_id") is not None else None
    status = payload.get("status")
    if status is not None and status not in list(FailedStatus):
        raise BadInput("bad_status", f"status must be one of {', '.join(FailedStatus)}")
    limit = _whole("limit", payload.get("limit", LIST_LIMIT), 1, LIST_LIMIT_MAX)
    rows = stores.ledger.list_failed(event_id, FailedStatus(status) if status else None, limit)
    return {"rows": [_show_failed(row) for row in rows]}


def redrive(stores: Stores, payload: Input) -> dict[str, Any]:
    """Let the scheduled retry work on one failed row again, or on all of them (of one event): attempts start anew."""
    if payload.get("all") is True:
        event_id = check_event_id(payload["event_id"]) if payload.get("event_id") is not None else None
        return {"due": stores.ledger.redrive(None, event_id)}
    if payload.get("id") is None:
        raise BadInput("bad_id", 'say which row: "id", or "all": true')
    return {"due": stores.ledger.redrive(_whole("id", payload["id"], 1, 2**63 - 1), None)}


def refuse(stores: Stores, payload: Input) -> dict[str, Any]:
    """Refuse one person for good: in the ledger first, then their ticket is released.

    Where the gate cannot be told, the scheduled retry does it. Turned down where they have a row.
    """
    if payload.get("id") is not None:
        row = stores.ledger.failed_row(_whole("id", payload["id"], 1, 2**63 - 1))
        if row is None or row.event_id is None or row.user_id is None:
            raise BadInput("bad_id", "there is no such failed row, or it does not say whose it is")
        event_id, user_id = row.event_id, row.user_id
    else:
        event_id, user_id = check_event_id(payload.get("event_id")), check_user_id(payload.get("user_id"))
    reason = _text("reason", payload.get("reason", "by the operator"))
    _event(stores, event_id)
    refused = stores.ledger.refuse(event_id, user_id, reason)
    if not refused.done:
        raise BadInput("has_coupon", f"this person has a coupon of {event_id} already")
    told = _or_away(lambda: release_refused(stores.ledger, stores.gate, event_id, user_id))
    return {"event_id": event_id, "user_id": user_id, "gate": told}


def restore(stores: Stores, payload: Input) -> dict[str, Any]:
    """Rebuild a lost gate now, if the records in flight have had the time to arrive."""
    event = _event(stores, check_event_id(payload.get("event_id")))
    if not stores.ledger.is_gated(event.event_id):
        raise BadInput("past_retention", "the event is past its retention: the ledger alone answers for it")
    return {"outcome": restore_event(stores.ledger, stores.gate, stores.tail, stores.settings, event)}


def reconcile(stores: Stores, payload: Input) -> dict[str, Any]:
    """Compare a quiet event's gate with the ledger, and repair it."""
    event = _event(stores, check_event_id(payload.get("event_id")))
    outcome, repairs = reconcile_event(stores.ledger, stores.gate, stores.tail, stores.settings, event.event_id)
    return {"outcome": outcome, "repairs": len(repairs), "first": [list(repair) for repair in repairs[:LIST_LIMIT]]}


def audit(stores: Stores, payload: Input) -> dict[str, Any]:
    """Check the promise of one event against Redis, Kafka and MySQL."""
    return audit_event(stores, _event(stores, check_event_id(payload.get("event_id"))))


def expire(stores: Stores, payload: Input) -> dict[str, Any]:
    """Let the gate of an ended and settled event go when its retention is over."""
    event = _event(stores, check_event_id(payload.get("event_id")))
    if event.ended_at_ms is None:
        raise BadInput("not_ended", "end the event first")
    at_ms = event.ended_at_ms + stores.settings.retention_ms
    return {"gate": stores.gate.expire(event.event_id, at_ms), "expires_at": rfc3339(at_ms)}


def wipe(stores: Stores, payload: Input) -> dict[str, Any]:
    """Remove every trace of one event: on the local cloud only, once the stream is read to its end."""
    if not stores.settings.local_cloud:
        raise BadInput("local_only", "wipe exists on the local cloud only")
    event_id = check_event_id(payload.get("event_id"))
    if not stores.tail.caught_up():
        raise BadInput("busy", "records are unread: wait until consume has read them")
    stores.ledger.wipe(event_id)
    with stores.gate.answering():
        stores.gate.redis.delete(*stores.gate.keys(event_id))
    return {"wiped": event_id}


def _into(state: EventState) -> Callable[[Stores, Input], dict[str, Any]]:
    def change(stores: Stores, payload: Input) -> dict[str, Any]:
        return _told(stores, stores.ledger.set_state(check_event_id(payload.get("event_id")), state))

    return change


ACTIONS: dict[str, Callable[[Stores, Input], dict[str, Any]]] = {
    "migrate": migrate,
    "create": create,
    "open": _into(EventState.OPEN),
    "pause": _into(EventState.PAUSED),
    "close": _into(EventState.CLOSED),
    "end": _into(EventState.ENDED),
    "raise_capacity": raise_capacity,
    "show": show,
    "list_failed": list_failed,
    "redrive": redrive,
    "refuse": refuse,
    "restore": restore,
    "reconcile": reconcile,
    "audit": audit,
    "expire": expire,
    "erase": erase,
    "purge": purge,
    "wipe": wipe,
}


def _event(stores: Stores, event_id: str) -> Event:
    event = stores.ledger.event(event_id)
    if event is None:
        raise BadInput("unknown_event", f"there is no event {event_id}")
    return event


def _told(stores: Stores, event: Event, *, create: bool = False) -> dict[str, Any]:
    """Tell the gate what the ledger says now; where it is away or lost, the scheduled retry does it."""

    def tell() -> str:
        return stores.gate.configure(event.event_id, event.version, event.gate_fields, create=create)

    return {"event": _show_event(event), "gate": _or_away(tell)}


def _or_away(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except Unavailable as trouble:
        return f"away: {trouble}"


def _text(field: str, value: object) -> str:
    # Half of a surrogate pair is a string to JSON, and none to any database.
    if not isinstance(value, str) or not 1 <= len(value) <= TEXT_MAX_LENGTH or SURROGATE.search(value):
        raise BadInput(f"bad_{field}", f"{field} must be a string of 1 to {TEXT_MAX_LENGTH} characters")
    return value


def _whole(field: str, value: object, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise BadInput(f"bad_{field}", f"{field} must be a whole number from {low} to {high}")
    return value


def _show_event(event: Event) -> dict[str, Any]:
    return {
        "event_id": event.event_id,
        "name": event.name,
        "state": event.state,
        "capacity": event.capacity,
        "opens_at": rfc3339(event.opens_at_ms),
        "closes_at": rfc3339(event.closes_at_ms),
        "generation": event.generation,
        "version": event.version,
        "ended_at": rfc3339(event.ended_at_ms) if event.ended_at_ms is not None else None,
    }


def _show_gate(view: EventView | None) -> dict[str, Any] | None:
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
        "generation": view.generation,
        "version": view.version,
        "rev": view.rev,
        "now": rfc3339(view.now_ms),
    }


def _show_failed(row: FailedRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "event_id": row.event_id,
        "user_id": row.user_id,
        "ticket": row.ticket,
        "reason": row.reason,
        "detail": row.detail,
        "status": row.status,
        "attempts": row.attempts,
        "correlation_id": row.correlation_id or None,
        "payload": row.payload.decode("utf-8", "replace"),
    }
