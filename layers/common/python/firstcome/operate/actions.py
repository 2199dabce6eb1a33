"""The operator's actions. Each returns a JSON object; bad input raises `BadInput` and says what to do."""

from collections.abc import Callable
from typing import Any

from firstcome.audit.pieces import audit as audit_event
from firstcome.gate.answers import EventView
from firstcome.ledger.events import Event
from firstcome.operate import arguments
from firstcome.operate.arguments import Input
from firstcome.operate.bounded import bounded, masked
from firstcome.operate.erase import erase, purge
from firstcome.operate.listing import failed_row, list_failed
from firstcome.operate.outcomes import configured, expiring, or_away, refused
from firstcome.operate.who import UNKNOWN_ACTOR, Group, Who, claimed
from firstcome.retry.reconcile import reconcile as reconcile_event
from firstcome.retry.restore import restore as restore_event
from firstcome.rules import BadInput, EventState, rfc3339
from firstcome.runtime.redaction import mark
from firstcome.stores import Stores

REPAIRS_SHOWN = 100  # of a reconciliation; how many there were is counted
COMMON = ("actor", "request_id", "expect_version")  # fields that are no business of the action itself
REASON = "by the operator"  # of a refusal, where none is given


def act(stores: Stores, payload: object, who: Who | None = None) -> dict[str, Any]:
    """Carry out the action that `payload` names, and return its answer, below `bounded.ANSWER_MAX_BYTES`.

    `who`: whom a verified token names; None: a direct invoke, which may say itself who acts. Raises `Forbidden` where
    they may not, and `BadInput` where the payload is not what `table.ACTIONS` says; then nothing is changed.
    """
    if who is not None:
        _check(who, payload)
    action, given = arguments.read(payload, token=who is not None)
    who = who or claimed(given.get("actor"))
    given = {name: value for name, value in given.items() if name not in COMMON}
    answer = ACTIONS[action.name](stores, given)
    if not who.has(Group.OPERATOR):
        answer = masked(answer, action.personal)
    return bounded({"action": action.name, **answer})


def actor(payload: object) -> str:
    """Return who acts, as logs may name them."""
    said = payload.get("actor") if isinstance(payload, dict) else None
    return mark(said) if isinstance(said, str) else UNKNOWN_ACTOR


def _check(who: Who, payload: object) -> None:
    """Raise `Forbidden` before anything else is said about the payload."""
    action = arguments.named(payload.get("action") if isinstance(payload, dict) else None)
    who.check(action.name, action.group, direct=action.direct)


def migrate(stores: Stores, given: Input) -> dict[str, Any]:
    """Bring the ledger's schema up to date, make the topic if it is missing, and look whether the servers will do."""
    from firstcome.ledger.migrate import check_server  # noqa: PLC0415  for this action only
    from firstcome.ledger.migrate import migrate as migrate_ledger  # noqa: PLC0415
    from firstcome.stream.topic import ensure_topic  # noqa: PLC0415

    settings = stores.settings
    partitions = given.get("partitions", settings.kafka_partitions)
    replication = given.get("replication", settings.kafka_replication)
    done = {
        "warnings": check_server(stores.ledger),
        "migrations": migrate_ledger(stores.ledger.connect),
        "topic": settings.kafka_topic,
        "topic_created": ensure_topic(settings, partitions, replication),
    }
    stores.gate.check_server()  # last: a Redis that is away does not hold up the schema
    return done


def create(stores: Stores, given: Input) -> dict[str, Any]:
    """Make an event, as a draft. Repeated with the same words, it returns the event that is there."""
    event_id, name, capacity = given["event_id"], given["name"], given["capacity"]
    opens_at, closes_at = given["opens_at"], given["closes_at"]
    timezone, spread_ms = given.get("timezone", "UTC"), given.get("spread_ms", 0)
    if closes_at <= opens_at + spread_ms:
        raise BadInput(
            "bad_window", "closes_at must be later than opens_at, and than the last turn (spread_ms after it)"
        )
    created = stores.ledger.create_event(event_id, name, capacity, opens_at, closes_at, timezone, spread_ms)
    event = stores.ledger.event(event_id)
    if event is None:
        raise BadInput("id_used", f"the id {event_id} was a deleted draft's: take another, an id is never used again")
    if not created:
        _same(event, given | {"timezone": timezone, "spread_ms": spread_ms})
    return {"created": created, **_updated(stores, event, create=created)}


def raise_capacity(stores: Stores, given: Input) -> dict[str, Any]:
    """Raise the number of coupons: in the ledger first, then in the gate. It is never lowered."""
    return _updated(stores, stores.ledger.raise_capacity(given["event_id"], given["capacity"]))


def show(stores: Stores, given: Input) -> dict[str, Any]:
    """Show one event as the ledger, the gate and the stream know it; a server that is away is named, not fatal."""
    event = _event(stores, given["event_id"])
    counts = stores.ledger.audit_counts(event.event_id)
    return {
        "event": _show_event(event),
        "coupons": counts.rows,
        "failed": stores.ledger.count_failed(event.event_id),
        "refused": len(stores.ledger.refusals(event.event_id)),
        "gate": or_away(lambda: _show_gate(stores.gate.show(event.event_id))),
        "unread": or_away(stores.reader.lag),
    }


def redrive(stores: Stores, given: Input) -> dict[str, Any]:
    """Let the scheduled retry work on failed rows again, with all their attempts: on one, an event's, or all."""
    failed_id, event_id = given.get("id"), given.get("event_id")
    due = stores.ledger.redrive(failed_id, event_id)
    if failed_id is not None and not due:
        row = failed_row(stores, failed_id, event_id)
        raise BadInput("bad_id", f"failed row {failed_id} is {row.status}: there is nothing to try again")
    return {"due": due}


def refuse(stores: Stores, given: Input) -> dict[str, Any]:
    """Refuse one person for good, unless they have a row: in the ledger first, then their ticket is released."""
    event_id, user_id = given.get("event_id"), given.get("user_id")
    if "id" in given:
        row = failed_row(stores, given["id"], event_id)
        event_id, user_id = row.event_id, row.user_id
    if event_id is None or user_id is None:
        raise BadInput("bad_id", f"failed row {given['id']} does not say whose it is")
    _event(stores, event_id)
    if not stores.ledger.refuse(event_id, user_id, given.get("reason", REASON)).done:
        raise BadInput("has_coupon", f"this person has a coupon of {event_id} already")
    return {"event_id": event_id, "user_id": user_id, **refused(stores, event_id, user_id)}


def restore(stores: Stores, given: Input) -> dict[str, Any]:
    """Rebuild a lost gate now, if the records in flight have had the time to arrive."""
    event = _event(stores, given["event_id"])
    if not stores.ledger.is_gated(event.event_id):
        raise BadInput("past_retention", "the event is past its retention: the ledger alone answers for it")
    return {"outcome": restore_event(stores, event)}


def reconcile(stores: Stores, given: Input) -> dict[str, Any]:
    """Compare a quiet event's gate with the ledger, and repair it."""
    event = _event(stores, given["event_id"])
    outcome, repairs = reconcile_event(stores, event.event_id)
    return {"outcome": outcome, "repairs": len(repairs), "first": [list(repair) for repair in repairs[:REPAIRS_SHOWN]]}


def audit(stores: Stores, given: Input) -> dict[str, Any]:
    """Check the promise of one event against Redis, Kafka and MySQL."""
    return audit_event(stores, _event(stores, given["event_id"]))


def expire(stores: Stores, given: Input) -> dict[str, Any]:
    """Let the gate of an ended and settled event go when its retention is over."""
    event = _event(stores, given["event_id"])
    if event.ended_at_ms is None:
        raise BadInput("not_ended", "end the event first")
    at_ms = event.ended_at_ms + stores.settings.retention_ms
    return {**expiring(stores, event.event_id, at_ms), "expires_at": rfc3339(at_ms)}


def wipe(stores: Stores, given: Input) -> dict[str, Any]:
    """Remove every trace of one event: on the local cloud only, once the stream is read to its end."""
    if not stores.settings.local_cloud:
        raise BadInput("local_only", "wipe exists on the local cloud only")
    event_id = given["event_id"]
    if not stores.reader.caught_up():
        raise BadInput("busy", "records are unread: wait until consume has read them")
    stores.ledger.wipe(event_id)
    stores.gate.delete(event_id)
    return {"wiped": event_id}


def _into(state: EventState) -> Callable[[Stores, Input], dict[str, Any]]:
    def change(stores: Stores, given: Input) -> dict[str, Any]:
        return _updated(stores, stores.ledger.set_state(given["event_id"], state))

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


def _same(event: Event, wanted: Input) -> None:
    """Raise `BadInput` saying what differs, unless the event is what was asked for."""
    asked = {
        "name": (event.name, wanted["name"]),
        "capacity": (event.capacity, wanted["capacity"]),
        "opens_at": (rfc3339(event.opens_at_ms), rfc3339(wanted["opens_at"])),
        "closes_at": (rfc3339(event.closes_at_ms), rfc3339(wanted["closes_at"])),
        "timezone": (event.timezone, wanted["timezone"]),
        "spread_ms": (event.spread_ms, wanted["spread_ms"]),
    }
    differs = [f"{field} is {is_}, not {asked_}" for field, (is_, asked_) in asked.items() if is_ != asked_]
    if differs:
        raise BadInput(
            "event_exists", f"event {event.event_id} exists already, and is another one: {'; '.join(differs)}"
        )


def _updated(stores: Stores, event: Event, *, create: bool = False) -> dict[str, Any]:
    return {"event": _show_event(event), **configured(stores, event, create=create)}


def _show_event(event: Event) -> dict[str, Any]:
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
        "restore_epoch": view.restore_epoch,
        "config_version": view.config_version,
        "write_seq": view.write_seq,
        "now": rfc3339(view.now_ms),
    }
