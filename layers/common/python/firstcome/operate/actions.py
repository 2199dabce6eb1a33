"""The operator's actions. Each returns a JSON object; bad input raises `BadInput` and says what to do."""

from typing import Any

from firstcome.audit.codes import progress
from firstcome.audit.pieces import audit as audit_event
from firstcome.operate import arguments, changes, views
from firstcome.operate.arguments import Input
from firstcome.operate.bounded import bounded, masked
from firstcome.operate.codes import upload_codes
from firstcome.operate.erase import erase, purge
from firstcome.operate.listing import list_failed
from firstcome.operate.lookup import lookup
from firstcome.operate.outcomes import expiring, or_away
from firstcome.operate.recorded import Decision, Long, Repeatable, Work, record
from firstcome.operate.revoke import revoke
from firstcome.operate.shown import find_event, show_event, show_gate
from firstcome.operate.who import UNKNOWN_ACTOR, Group, Who, claimed
from firstcome.retry import operations
from firstcome.rules import ActorKind, BadInput, EventState, rfc3339
from firstcome.runtime.redaction import mark
from firstcome.stores import Stores


def act(stores: Stores, payload: object, who: Who | None = None) -> dict[str, Any]:
    """Carry out the action that `payload` names, and return its answer, below `bounded.ANSWER_MAX_BYTES`.

    `who`: whom a verified token names; None: a direct invoke, which may say itself who acts. Raises `Forbidden` where
    they may not, and `BadInput` where the payload is not what `table.ACTIONS` says; then nothing is changed.
    """
    if who is not None:
        _check(who, payload)
    action, given = arguments.read(payload, token=who is not None)
    who = who or claimed(given.get("actor"))
    work = ACTIONS[action.name]
    if isinstance(work, Long) and who.kind is ActorKind.CLAIMED:
        work = work.at_once
    elif isinstance(work, Long):
        find_event(stores, given["event_id"])
    if isinstance(work, Decision | Repeatable | Long):
        assert isinstance(payload, dict)
        answer = record(stores, action, who, work, payload=payload, given=given)
    else:
        answer = work(stores, given)
    if not who.has(Group.OPERATOR):
        answer = masked(answer, action.personal)
    if not who.has(Group.ADMIN):
        answer = masked(answer, action.secret)
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
    """Bring schema and topic up to date; raise `Unsuitable` for a server that will not do.

    It may be repeated: what is as it should be is left alone.
    """
    from firstcome.ledger.grants import make_users  # noqa: PLC0415
    from firstcome.ledger.migrate import check_server  # noqa: PLC0415  for this action only
    from firstcome.ledger.migrate import migrate as migrate_ledger  # noqa: PLC0415
    from firstcome.stream.topic import check_topic, ensure_topic  # noqa: PLC0415

    settings = stores.settings
    partitions = given.get("partitions", settings.kafka_partitions)
    replication = given.get("replication", settings.kafka_replication)
    warnings = check_server(stores.ledger)
    migrations = migrate_ledger(stores.ledger.connect)
    users = make_users(settings, stores.ledger.connect)  # behind the migrations: a grant needs its table
    created = ensure_topic(settings, partitions, replication)
    checked = check_topic(settings, partitions, replication)
    stores.gate.check_server()  # last: a Redis that is away does not hold up the schema
    return {
        "warnings": [*warnings, *checked.warnings],
        "migrations": migrations,
        "users": users,
        "topic": settings.kafka_topic,
        "topic_created": created,
        "topic_changes": checked.changes,
    }


def show(stores: Stores, given: Input) -> dict[str, Any]:
    """Show one event as the ledger, the gate and the stream know it; a server that is away is named, not fatal."""
    event = find_event(stores, given["event_id"])
    counts = stores.ledger.audit_counts(event.event_id)
    return {
        "event": show_event(event),
        "coupons": counts.rows,
        "codes": progress(stores, event),
        "failed": stores.ledger.count_failed(event.event_id),
        "refused": len(stores.ledger.refusals(event.event_id)),
        "gate": or_away(lambda: show_gate(stores.gate.show(event.event_id))),
        "unread": or_away(stores.reader.lag),
    }


def restore(stores: Stores, given: Input) -> dict[str, Any]:
    """Rebuild a lost gate now, if the records in flight have had the time to arrive."""
    return operations.restore_now(stores, find_event(stores, given["event_id"]))


def reconcile(stores: Stores, given: Input) -> dict[str, Any]:
    """Compare a quiet event's gate with the ledger, and repair it."""
    return operations.reconcile_now(stores, find_event(stores, given["event_id"]))


def audit(stores: Stores, given: Input) -> dict[str, Any]:
    """Check the promise of one event against Redis, Kafka and MySQL."""
    return audit_event(stores, find_event(stores, given["event_id"]))


def expire(stores: Stores, given: Input) -> dict[str, Any]:
    """Let the gate of an ended and settled event go when its retention is over."""
    event = find_event(stores, given["event_id"])
    if event.ended_at_ms is None:
        raise BadInput("not_ended", "end the event first")
    at_ms = event.ended_at_ms + stores.settings.retention_ms
    return {**expiring(stores, event.event_id, at_ms), "expires_at": rfc3339(at_ms)}


def rewind(stores: Stores, given: Input) -> dict[str, Any]:
    """Let the stopped event source read records once more."""
    from firstcome.stream.rewind import rewind as rewind_group  # noqa: PLC0415  for this action only

    rewound = rewind_group(stores.settings, given.get("since"))
    return {"rewound": {str(partition): offset for partition, offset in rewound.items()}}


def drop_gate(stores: Stores, given: Input) -> dict[str, Any]:
    """Lose the gate of an event on purpose: the schedule rebuilds it. Raise `BadInput` where nobody would."""
    event_id = find_event(stores, given["event_id"]).event_id
    if not stores.ledger.is_gated(event_id):
        raise BadInput("past_retention", "the event is past its retention: nobody would rebuild its gate")
    stores.reader.lag()  # raises where the stream cannot be read: without it, the gate would stay lost
    stores.gate.drop(event_id)
    return {"event_id": event_id, "gate": "LOST"}


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


ACTIONS: dict[str, Work | Decision | Repeatable | Long] = {
    "migrate": Repeatable(migrate, row_first=False),
    "create": Decision(changes.create, changes.tell),
    "open": changes.into(EventState.OPEN),
    "pause": changes.into(EventState.PAUSED),
    "close": changes.into(EventState.CLOSED),
    "end": changes.into(EventState.ENDED),
    "raise_capacity": Decision(changes.raise_capacity, changes.tell),
    "edit": Decision(changes.edit, changes.tell),
    "delete": Decision(changes.delete),
    "reschedule": Decision(changes.reschedule, changes.tell_times),
    "list": views.list_events,
    "show": show,
    "issued": views.issued,
    "winners": views.winners,
    "lookup": lookup,
    "history": views.history,
    "operation": views.operation,
    "list_failed": list_failed,
    "redrive": Decision(changes.redrive),
    "refuse": Decision(changes.refuse, changes.release),
    "revoke": Decision(revoke, changes.release),
    "upload_codes": Decision(upload_codes),
    "restore": Long(Repeatable(restore)),
    "reconcile": Long(Repeatable(reconcile)),
    "audit": Long(audit),
    "expire": Repeatable(expire),
    "erase": Repeatable(erase),
    "purge": Repeatable(purge),
    "rewind": Repeatable(rewind),
    "drop_gate": Repeatable(drop_gate),
    "wipe": Repeatable(wipe),
}
