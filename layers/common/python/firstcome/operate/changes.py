"""What an operator decides: each decision is one transaction of the ledger, and the gate is told afterwards."""

from typing import Any

from firstcome.ledger.events import Event, check_window
from firstcome.operate.arguments import Input
from firstcome.operate.listing import failed_row
from firstcome.operate.outcomes import GateOutcome, configured, or_away, refused
from firstcome.operate.recorded import Decision
from firstcome.operate.shown import find_event, show_event
from firstcome.rules import BadInput, EventState, Unavailable, rfc3339
from firstcome.stores import Stores

REASON = "by the operator"  # of a refusal, where none is given


def create(stores: Stores, given: Input) -> dict[str, Any]:
    """Make an event, as a draft. Repeated with the same words, it returns the event that is there."""
    event_id, name, capacity = given["event_id"], given["name"], given["capacity"]
    opens_at, closes_at = given["opens_at"], given["closes_at"]
    timezone, spread_ms = given.get("timezone", "UTC"), given.get("spread_ms", 0)
    check_window(opens_at, closes_at, spread_ms)
    created = stores.ledger.create_event(event_id, name, capacity, opens_at, closes_at, timezone, spread_ms)
    event = stores.ledger.event(event_id)
    if event is None:
        raise BadInput("id_used", f"the id {event_id} was a deleted draft's: take another, an id is never used again")
    if created:
        # What an event of this id has left behind. Before the commit: nobody knows of the event yet, so nothing of its
        # own can be there. Where Redis is away, the restore replaces every key.
        or_away(lambda: stores.gate.delete(event_id))
    else:
        _same(event, given | {"timezone": timezone, "spread_ms": spread_ms})
    return {"created": created, "event": show_event(event)}


def raise_capacity(stores: Stores, given: Input) -> dict[str, Any]:
    """Raise the number of coupons. It is never lowered."""
    return {"event": show_event(stores.ledger.raise_capacity(given["event_id"], given["capacity"]))}


def edit(stores: Stores, given: Input) -> dict[str, Any]:
    """Change a draft."""
    columns = {"opens_at": "opens_at_ms", "closes_at": "closes_at_ms"}
    wanted = {columns.get(name, name): value for name, value in given.items() if name != "event_id"}
    return {"event": show_event(stores.ledger.edit(given["event_id"], wanted))}


def delete(stores: Stores, given: Input) -> dict[str, Any]:
    """Delete a draft: its row stays as a tombstone, its gate goes.

    The gate goes before the commit: where Redis is away, nothing is deleted, and nothing is left behind.
    """
    event = stores.ledger.set_state(given["event_id"], EventState.DELETED)
    stores.gate.delete(event.event_id)
    return {"event": show_event(event)}


def reschedule(stores: Stores, given: Input) -> dict[str, Any]:
    """Let an event open or close later, by the gate's clock; one whose gate does not answer stays as it is."""
    event_id = find_event(stores, given["event_id"]).event_id
    view = stores.gate.show(event_id)
    if view is None:
        raise Unavailable("gate", f"the gate of {event_id} is lost: restore it, then reschedule")
    opens_at, closes_at = given.get("opens_at"), given.get("closes_at")
    return {"event": show_event(stores.ledger.reschedule(event_id, opens_at, closes_at, view.now_ms))}


def tell_times(stores: Stores, answer: dict[str, Any], *, again: bool) -> dict[str, Any]:
    """Tell the gate; raise `Unavailable` unless it has said that it knows: until then it opens at the old time."""
    told = tell(stores, answer, again=again)
    if told["gate"] not in (GateOutcome.UPDATED, GateOutcome.UNCHANGED):
        raise Unavailable("gate", f"the ledger has the new times, the gate has not ({told['gate']}): repeat it")
    return told


def into(state: EventState) -> Decision:
    """Return the decision that takes an event to `state`."""

    def change(stores: Stores, given: Input) -> dict[str, Any]:
        return {"event": show_event(stores.ledger.set_state(given["event_id"], state))}

    return Decision(change, tell)


def tell(stores: Stores, answer: dict[str, Any], *, again: bool) -> dict[str, Any]:
    """Tell the gate what the ledger says of the event now, which may be more than this decision.

    Only the first time it also makes the gate: later it may be a lost one, which only restore may make anew.
    """
    event = stores.ledger.event(answer["event"]["event_id"])
    return {} if event is None else configured(stores, event, create=answer.get("created", False) and not again)


def redrive(stores: Stores, given: Input) -> dict[str, Any]:
    """Let the scheduled retry work on failed rows again, with all their attempts: on one, an event's, or all."""
    failed_id, event_id = given.get("id"), given.get("event_id")
    due = stores.ledger.redrive(failed_id, event_id, given.get("up_to_id"))
    if failed_id is not None and not due:
        row = failed_row(stores, failed_id, event_id)
        raise BadInput("bad_id", f"failed row {failed_id} is {row.status}: there is nothing to try again")
    return {"due": due}


def refuse(stores: Stores, given: Input) -> dict[str, Any]:
    """Refuse one person for good, unless they have a row."""
    event_id, user_id = given.get("event_id"), given.get("user_id")
    if "id" in given:
        row = failed_row(stores, given["id"], event_id)
        event_id, user_id = row.event_id, row.user_id
    if event_id is None or user_id is None:
        raise BadInput("bad_id", f"failed row {given['id']} does not say whose it is")
    find_event(stores, event_id)
    if not stores.ledger.refuse(event_id, user_id, given.get("reason", REASON)).done:
        raise BadInput("has_coupon", f"this person has a coupon of {event_id} already")
    return {"event_id": event_id, "user_id": user_id}


def release(stores: Stores, answer: dict[str, Any], *, again: bool) -> dict[str, Any]:  # noqa: ARG001  the same again
    """Let the gate release the ticket of somebody who was refused."""
    return refused(stores, answer["event_id"], answer["user_id"])


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
