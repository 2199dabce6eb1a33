"""The events that the ledger knows, kept for a while."""

from __future__ import annotations

import time
from dataclasses import dataclass

from firstcome.ledger.events import Event
from firstcome.ledger.ledger import Ledger
from firstcome.rules import EventState, Unavailable
from firstcome.settings import Settings

# Every event there ever was: ended within a century. An event leaves the short list days after it has ended, so that
# a long list of this age knows it.
ALL_EVENTS_DAYS = 36_500
ALL_EVENTS_MS = 60_000


class KnownEvents:
    """The events that the ledger knows, so that a flood of invented names costs it next to nothing.

    Asked only about events that the gate does not know. Each method raises `Unavailable` where the ledger could not
    be asked; it is then asked again after `known_events_ms`.
    """

    def __init__(self, ledger: Ledger, settings: Settings) -> None:
        self._ledger = ledger
        self._retry_ms = settings.known_events_ms
        self._retention_days = settings.retention_days
        self._lists: dict[int, _List] = {}

    def gated(self, event_id: str) -> Event | None:
        """Return the event if it should have a gate: where it has none, the gate is lost, and will be restored."""
        return self._list(self._retention_days, self._retry_ms).get(event_id)

    def past(self, event_id: str) -> Event | None:
        """Return the event if it has ended, however long ago."""
        event = self._list(ALL_EVENTS_DAYS, ALL_EVENTS_MS).get(event_id)
        return event if event and event.state is EventState.ENDED else None

    def close(self) -> None:
        """Forget them; the next question asks the ledger."""
        self._lists.clear()

    def _list(self, retention_days: int, keep_ms: int) -> dict[str, Event]:
        known = self._lists.get(retention_days)
        if known is None or time.monotonic() >= known.until:
            known = self._lists[retention_days] = self._read(retention_days, keep_ms)
        if known.trouble:
            raise Unavailable("events", known.trouble)
        return known.events

    def _read(self, retention_days: int, keep_ms: int) -> _List:
        try:
            events = {event.event_id: event for event in self._ledger.gated_events(retention_days)}
        except Unavailable as trouble:
            return _List({}, str(trouble), time.monotonic() + self._retry_ms / 1000)
        return _List(events, "", time.monotonic() + keep_ms / 1000)


@dataclass(frozen=True, slots=True)
class _List:
    events: dict[str, Event]
    trouble: str  # why it could not be read
    until: float  # monotonic
