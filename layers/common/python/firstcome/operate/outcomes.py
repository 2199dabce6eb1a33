"""What became of an operator's change in the gate: an outcome, and a note where it needs one."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any

from firstcome.gate.answers import ConfigureOutcome, ExpireOutcome, ReleaseOutcome
from firstcome.issue import release_refused
from firstcome.ledger.events import Event
from firstcome.operate.bounded import SAID_MAX_LENGTH
from firstcome.rules import Unavailable
from firstcome.stores import Stores


class GateOutcome(StrEnum):
    """What has become of a change in the gate."""

    CREATED = "CREATED"  # the gate was made
    UPDATED = "UPDATED"  # the gate was told
    UNCHANGED = "UNCHANGED"  # it knew that already
    RELEASED = "RELEASED"  # the person's ticket was taken back
    REFUSED = "REFUSED"  # the person had no ticket
    EXPIRING = "EXPIRING"  # its keys go at the time that is named
    LIVE = "LIVE"
    PENDING = "PENDING"
    LOST = "LOST"
    GONE = "GONE"


NOTES = {
    GateOutcome.UNCHANGED: "the gate knew this already: nothing was changed",
    GateOutcome.REFUSED: "the refusal is noted; this person had no ticket that could be released",
    GateOutcome.LIVE: "the gate has not heard yet that the event has ended: the schedule tells it within a minute",
    GateOutcome.PENDING: "a ticket waits for its row: ask again when `show` says that none is pending",
    GateOutcome.LOST: "the ledger has it; the gate is lost, and hears of it when it is restored",
    GateOutcome.GONE: "the ledger has it; the event is past its retention, and has no gate any more",
}
# What the operator reads where a script says it otherwise.
_OTHERWISE = {"STALE": GateOutcome.UNCHANGED, "UNKNOWN": GateOutcome.LOST}


def configured(stores: Stores, event: Event, *, create: bool = False) -> dict[str, Any]:
    """Tell the gate what the ledger says now; where it is away or lost, the scheduled retry does it."""

    def tell() -> GateOutcome:
        said = stores.gate.configure(event.event_id, event.config_version, event.gate_fields, create=create)
        return _of(said)

    return _answer(stores, event.event_id, or_away(tell))


def refused(stores: Stores, event_id: str, user_id: str) -> dict[str, Any]:
    """Tell the gate that the ledger refuses this person; where it is away or lost, the scheduled retry does it."""

    def tell() -> GateOutcome:
        had_none = stores.gate.standing(event_id, user_id).ticket is None
        outcome = _of(release_refused(stores.ledger, stores.gate, event_id, user_id))
        return GateOutcome.REFUSED if outcome is GateOutcome.RELEASED and had_none else outcome

    return _answer(stores, event_id, or_away(tell))


def expiring(stores: Stores, event_id: str, at_ms: int) -> dict[str, Any]:
    """Let the gate go at that time, if it has ended and nothing waits; raise `Unavailable` where Redis is away."""
    return _answer(stores, event_id, _of(stores.gate.expire(event_id, at_ms)))


def or_away(read: Callable[[], Any]) -> Any:
    """Return what `read` returns, or which server is away."""
    try:
        return read()
    except Unavailable as trouble:
        return f"away: {trouble}"[:SAID_MAX_LENGTH]


def _of(said: ConfigureOutcome | ReleaseOutcome | ExpireOutcome) -> GateOutcome:
    return _OTHERWISE.get(said) or GateOutcome(said)


def _answer(stores: Stores, event_id: str, outcome: GateOutcome | str) -> dict[str, Any]:
    """Return the outcome, or which server is away, and a note where there is one."""
    if outcome is GateOutcome.LOST and not stores.ledger.is_gated(event_id):  # there is no gate
        outcome = GateOutcome.GONE
    note = NOTES.get(outcome) if isinstance(outcome, GateOutcome) else None
    return {"gate": str(outcome)} | ({"note": note} if note else {})
