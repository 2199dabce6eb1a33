"""The operator's erasure: of one person, or of everybody in events that are over.

The ledger comes last. While a gate or the stream still names somebody, erasing the ledger would be half of it, and a
restore or a repeated record would bring the id back: such an event is turned down, and the answer says why.
"""

from collections.abc import Callable
from typing import Any

from firstcome.ledger.erasure import not_over
from firstcome.ledger.events import Event
from firstcome.operate.arguments import Input
from firstcome.operate.bounded import counted
from firstcome.rules import BadInput
from firstcome.stores import Stores

# Reading all that the stream holds, a million records in some 15 s: operate has 300 s, and the rest is for erasing.
HISTORY_MS = 200_000
NO_EVENT = ""  # stands for the failed rows of no event that we know


def erase(stores: Stores, given: Input) -> dict[str, Any]:
    """Erase one person from one event, or from all; `kept` says where they are still named, and why.

    Repeated, it finds nothing more to do. Raises `Unavailable` where one of the three servers cannot be asked.
    """
    user_id, only = given["user_id"], given.get("event_id")
    ledger, days = stores.ledger, stores.settings.retention_days
    named_by_stream = {(one.event_id, one.user_id) for one in _history(stores)}

    def person(event_id: str) -> int:
        _over(stores, event_id, in_stream=(event_id, user_id) in named_by_stream)
        return ledger.erase_person(event_id, user_id)

    if only is not None:
        return {"erased": _counted([only], person), "kept": []}
    naming = set(ledger.events_naming(user_id)) | {event_id for event_id, who in named_by_stream if who == user_id}
    naming |= {event.event_id for event in ledger.gated_events(days) if _held(stores, event.event_id, user_id)}
    kept: list[dict[str, str]] = []
    erased = _counted(sorted(naming), person, kept)
    erased |= _some(NO_EVENT, ledger.erase_strays(user_id, days))
    if young := ledger.strays(user_id):
        detail = f"{young} failed rows of no known event are younger than {days} days"
        kept.append({"event_id": NO_EVENT, "code": "not_over", "detail": detail})
    return counted(erased, kept)


def purge(stores: Stores, given: Input) -> dict[str, Any]:
    """Erase everybody from one event that is over, or from all that ended `ledger_retention_days` ago."""
    ledger, days = stores.ledger, stores.settings.ledger_retention_days
    only = given.get("event_id")
    named_by_stream = {one.event_id for one in _history(stores)}

    def everybody(event_id: str) -> int:
        event = _over(stores, event_id, in_stream=event_id in named_by_stream)
        return ledger.erase_everybody(event_id, event.capacity)

    if only is not None:
        return {"erased": _counted([only], everybody), "kept": []}
    kept: list[dict[str, str]] = []
    erased = _counted(ledger.events_kept_too_long(days), everybody, kept)
    return counted(erased | _some(NO_EVENT, ledger.erase_strays(None, days)), kept)


def _history(stores: Stores) -> list[Any]:
    stores.reader.lag()  # where Kafka is away, this says so within a shorter time
    return stores.reader.history(timeout_ms=HISTORY_MS, aborted=True)


def _over(stores: Stores, event_id: str, *, in_stream: bool) -> Event:
    """Return the event; raise `BadInput` while it may need to know its people, or Redis or Kafka still name them."""
    event = stores.ledger.event(event_id)
    if event is None:
        raise BadInput("unknown_event", f"there is no event {event_id}")
    if stores.ledger.is_gated(event_id):  # the statement that erases asks again, under the event's lock
        raise not_over(event_id, stores.settings.retention_days)
    if stores.gate.exists(event_id):
        raise BadInput("gate_alive", f"the gate of {event_id} is still there: let it go with `expire`")
    if in_stream:
        raise BadInput("in_stream", f"the stream still has records of {event_id}: they go by themselves with their age")
    return event


def _held(stores: Stores, event_id: str, user_id: str) -> bool:
    standing = stores.gate.standing(event_id, user_id)
    return standing.refused or standing.ticket is not None


def _counted(
    events: list[str], erase_from: Callable[[str], int], kept: list[dict[str, str]] | None = None
) -> dict[str, int]:
    """Return how many rows were erased in each event; one that is turned down is noted in `kept`, or raised."""
    erased: dict[str, int] = {}
    for event_id in events:
        try:
            erased |= _some(event_id, erase_from(event_id))
        except BadInput as turned_down:
            if kept is None:
                raise
            kept.append({"event_id": event_id, "code": turned_down.code, "detail": turned_down.detail})
    return erased


def _some(event_id: str, rows: int) -> dict[str, int]:
    return {event_id: rows} if rows else {}
