"""How an event stands: what anybody may ask. It needs no stream, and so no Kafka."""

import time
from functools import partial
from typing import Self

from firstcome.apply import turns
from firstcome.apply.known_events import KnownEvents
from firstcome.apply.problem import Answer, Problem, later
from firstcome.gate.answers import EventView
from firstcome.gate.connect import redis_client
from firstcome.gate.gate import Gate
from firstcome.ledger.connect import mysql_connection
from firstcome.ledger.events import Event
from firstcome.ledger.ledger import Ledger
from firstcome.rules import EventState, rfc3339
from firstcome.settings import Settings

PUBLIC = {"Cache-Control": "public, max-age=1"}


class Shown:
    """Events, as one execution environment answers for them.

    Each method answers, raises `Problem` for a no, or `Unavailable` where nobody can know at this moment.
    """

    def __init__(self, gate: Gate, ledger: Ledger, settings: Settings) -> None:
        self.gate = gate
        self.ledger = ledger
        self.events = KnownEvents(ledger, settings)

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Make the clients for these settings. None of them connects before it is used."""
        ledger = Ledger(partial(mysql_connection, settings, settings.mysql_status_timeout_ms), settings)
        return cls(Gate(redis_client(settings), settings), ledger, settings)

    def close(self) -> None:
        """Close every connection, and forget which events there are; the next request begins anew."""
        for part in (self.gate, self.ledger, self.events):
            part.close()

    def event(self, event_id: str) -> Answer:
        """Return the event as the gate knows it; once it has ended, the ledger's word does as well."""
        view = self.gate.show(event_id)
        if view is not None:
            return _event(event_id, view, view.remaining, view.now_ms)
        event = self.events.gated(event_id) or self.events.past(event_id)
        if event is None:
            raise Problem("unknown_event")
        if event.state is not EventState.ENDED:
            raise later("gate_lost")
        return _event(event_id, event, 0, time.time_ns() // 1_000_000)


def _event(event_id: str, event: Event | EventView, remaining: int, now_ms: int) -> Answer:
    body = {
        "event_id": event_id,
        "name": event.name,
        "state": event.state,
        "capacity": event.capacity,
        # Nobody gets what is left of an event that has ended.
        "remaining": 0 if event.state is EventState.ENDED else remaining,
        "opens_at": rfc3339(event.opens_at_ms),
        "closes_at": rfc3339(event.closes_at_ms),
        "now": rfc3339(now_ms),
        **turns.public(event),
    }
    return Answer(200, body, PUBLIC)
