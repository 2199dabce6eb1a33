"""Events in the ledger: what the operator decides stands here first; the gate is told afterwards, by version."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from firstcome.ledger.database import Connection, Database
from firstcome.ledger.statements import sql_time, statements
from firstcome.rules import BadInput, EventState, rfc3339

# From where to where an operator may take an event. To where it is already: always, and nothing changes.
TRANSITIONS = {
    EventState.DRAFT: {EventState.OPEN, EventState.ENDED, EventState.DELETED},
    EventState.OPEN: {EventState.PAUSED, EventState.CLOSED, EventState.ENDED},
    EventState.PAUSED: {EventState.OPEN, EventState.CLOSED, EventState.ENDED},
    EventState.CLOSED: {EventState.OPEN, EventState.ENDED},
    EventState.ENDED: set(),
    EventState.DELETED: set(),
}


# Two runs of the schedule, which tells a gate that could not be reached, and the time to pause where it was not told.
RESCHEDULE_BEFORE_MS = 120_000
TURN_SECRET_BYTES = 32  # of randomness: nobody guesses their turn, nor finds it by trying secrets


@dataclass(frozen=True, slots=True)
class Event:
    """One row of `coupon_event`."""

    event_id: str
    name: str
    capacity: int
    opens_at_ms: int
    closes_at_ms: int
    state: EventState
    restore_epoch: int  # raised by every restore of the gate
    config_version: int  # raised by every change of an operator
    created_at_ms: int
    ended_at_ms: int | None
    timezone: str  # an IANA name
    spread_ms: int  # over how many ms from the opening on the turns are spread; 0: there are none
    turn_secret: bytes | None = field(repr=False)  # 32 bytes; None before the first opening, and without turns

    @property
    def gate_fields(self) -> dict[str, str | int]:
        """What the gate keeps of it, beside config_version: the secret of its turns too, so log none of it."""
        return {
            "name": self.name,
            "capacity": self.capacity,
            "opens_at_ms": self.opens_at_ms,
            "closes_at_ms": self.closes_at_ms,
            "state": str(self.state),
            "restore_epoch": self.restore_epoch,
            "timezone": self.timezone,
            "spread_ms": self.spread_ms,
            **({} if self.turn_secret is None else {"turn_secret": self.turn_secret.hex()}),
        }


def create_event(  # noqa: PLR0917  the columns
    ledger: Database,
    event_id: str,
    name: str,
    capacity: int,
    opens_at_ms: int,
    closes_at_ms: int,
    timezone: str = "UTC",
    spread_ms: int = 0,
) -> bool:
    """Make an event, as a draft; False, and nothing changed, where there is one of that id."""
    row = {
        "event_id": event_id,
        "name": name,
        "capacity": capacity,
        "opens_at": sql_time(opens_at_ms),
        "closes_at": sql_time(closes_at_ms),
        "timezone": timezone,
        "spread_ms": spread_ms,
    }
    return ledger.transact(lambda connection: bool(statements.create_event(connection, **row)))


def event(ledger: Database, event_id: str) -> Event | None:
    """Return one event; None where there is none."""
    row = ledger.read(lambda connection: statements.event(connection, event_id=event_id))
    return None if row is None else event_of(row)


def gated_events(ledger: Database, retention_days: int) -> list[Event]:
    """Return the events that have, or should have, a gate: those not ended, and those ended within the retention."""
    return ledger.read(
        lambda connection: [event_of(row) for row in statements.gated_events(connection, retention_days=retention_days)]
    )


def is_gated(ledger: Database, event_id: str) -> bool:
    """Say whether the event has, or should have, a gate: past its retention, the ledger alone answers for it."""
    return any(one.event_id == event_id for one in gated_events(ledger, ledger.settings.retention_days))


def set_state(ledger: Database, event_id: str, state: EventState) -> Event:
    """Take the event to `state`, and answer it; raise `BadInput` where it cannot go there from where it is."""

    def change(was: Event) -> dict[str, Any]:
        if state is was.state:
            return {}
        if state not in TRANSITIONS[was.state]:
            raise BadInput("bad_transition", f"event {event_id} is {was.state}: it cannot become {state}")
        if state is EventState.OPEN and was.spread_ms and was.turn_secret is None:
            # Not before: an operator who saw a draft's turns could draw again until they like them.
            return {"state": state, "turn_secret": secrets.token_bytes(TURN_SECRET_BYTES)}
        return {"state": state}

    return _change(ledger, event_id, change)


def raise_capacity(ledger: Database, event_id: str, capacity: int) -> Event:
    """Raise the number of coupons, and answer the event; raise `BadInput` where it would be lowered, or has ended."""

    def change(was: Event) -> dict[str, Any]:
        if capacity == was.capacity:
            return {}
        if was.state is EventState.ENDED:
            raise BadInput("event_ended", f"event {event_id} has ended")
        if capacity < was.capacity:
            raise BadInput("capacity_lowered", f"the capacity of {event_id} is {was.capacity}: it is never lowered")
        return {"capacity": capacity}

    return _change(ledger, event_id, change)


def edit(ledger: Database, event_id: str, wanted: dict[str, Any]) -> Event:
    """Change these fields of a draft, and answer it; raise `BadInput` where it is none, or would have no window."""

    def change(was: Event) -> dict[str, Any]:
        if was.state is not EventState.DRAFT:
            raise BadInput("not_draft", f"event {event_id} is {was.state}: only a draft is edited")
        now = replace(was, **wanted)
        check_window(now.opens_at_ms, now.closes_at_ms, now.spread_ms)
        return {} if now == was else wanted

    return _change(ledger, event_id, change)


def reschedule(
    ledger: Database, event_id: str, opens_at_ms: int | None, closes_at_ms: int | None, now_ms: int
) -> Event:
    """Let the event open or close later, and answer it. None: as it is.

    Raises `BadInput` where a time would be earlier, where the event has ended, and where its opening is to move and
    is less than `RESCHEDULE_BEFORE_MS` away, or over: who waits for it could not be told any more.
    """

    def change(was: Event) -> dict[str, Any]:
        opens_ms = was.opens_at_ms if opens_at_ms is None else opens_at_ms
        closes_ms = was.closes_at_ms if closes_at_ms is None else closes_at_ms
        if (opens_ms, closes_ms) == (was.opens_at_ms, was.closes_at_ms):
            return {}
        if was.state is EventState.ENDED:
            raise BadInput("event_ended", f"event {event_id} has ended")
        if opens_ms < was.opens_at_ms or closes_ms < was.closes_at_ms:
            raise BadInput("earlier", f"event {event_id} is rescheduled to later times only")
        if opens_ms != was.opens_at_ms and was.opens_at_ms - now_ms < RESCHEDULE_BEFORE_MS:
            is_past = was.opens_at_ms <= now_ms
            raise BadInput(
                "too_late",
                f"event {event_id} {'opened' if is_past else 'opens'} at {rfc3339(was.opens_at_ms)}, and it is "
                f"{rfc3339(now_ms)}: "
                + ("" if is_past else f"in the last {RESCHEDULE_BEFORE_MS // 1000} s before that ")
                + "its opening does not move any more; pause it instead",
            )
        check_window(opens_ms, closes_ms, was.spread_ms)
        return {"opens_at_ms": opens_ms, "closes_at_ms": closes_ms}

    return _change(ledger, event_id, change)


def check_window(opens_at_ms: int, closes_at_ms: int, spread_ms: int) -> None:
    """Raise `BadInput` where an event would be over before everybody's turn has come."""
    if closes_at_ms <= opens_at_ms + spread_ms:
        raise BadInput(
            "bad_window", "closes_at must be later than opens_at, and than the last turn (spread_ms after it)"
        )


def next_restore_epoch(ledger: Database, event_id: str) -> Event:
    """Count one more restore of the event's gate, and answer the event as it is then."""

    def work(connection: Connection) -> Event:
        statements.next_restore_epoch(connection, event_id=event_id)
        row = statements.event_locked(connection, event_id=event_id)
        if row is None:
            raise _unknown(event_id)
        return event_of(row)

    return ledger.transact(work)


def wipe(ledger: Database, event_id: str) -> None:
    """Remove every row of the event: for the local cloud."""

    def work(connection: Connection) -> None:
        statements.lock_event(connection, event_id=event_id)
        statements.wipe_coupons(connection, event_id=event_id)
        statements.wipe_codes(connection, event_id=event_id)
        statements.wipe_redemptions(connection, event_id=event_id)
        statements.wipe_refusals(connection, event_id=event_id)
        statements.wipe_failed(connection, event_id=event_id)
        statements.wipe_operations(connection, event_id=event_id)
        statements.wipe_event(connection, event_id=event_id)

    ledger.transact(work)


def _change(ledger: Database, event_id: str, change: Callable[[Event], dict[str, Any]]) -> Event:
    """Change what `change` answers of the event as it is, and answer it as it is then."""

    def work(connection: Connection) -> Event:
        row = statements.event_locked(connection, event_id=event_id)
        if row is None:
            raise _unknown(event_id)
        was = event_of(row)
        changed = change(was)
        if not changed:
            return was
        now = replace(was, **changed)
        statements.change_event(
            connection,
            event_id=event_id,
            name=now.name,
            capacity=now.capacity,
            opens_at=sql_time(now.opens_at_ms),
            closes_at=sql_time(now.closes_at_ms),
            timezone=now.timezone,
            spread_ms=now.spread_ms,
            turn_secret=now.turn_secret,
            state=now.state,
        )
        if now.state is EventState.DELETED:
            return replace(now, config_version=was.config_version + 1)
        return event_of(statements.event_locked(connection, event_id=event_id))

    return ledger.transact(work)


def _unknown(event_id: str) -> BadInput:
    return BadInput("unknown_event", f"there is no event {event_id}")


def event_of(columns: tuple[Any, ...]) -> Event:
    """Return the event that a statement found; they all name the columns in one order."""
    event_id, name, capacity, opens_at_ms, closes_at_ms, state, *rest = columns
    return Event(event_id, name, capacity, opens_at_ms, closes_at_ms, EventState(state), *rest)
