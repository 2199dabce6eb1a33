"""The crowd: an open loop. Each person comes at their own moment, whether or not the others were answered.

Latency counts from that moment, or from the person's turn: a sender that is late does not hide it.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from firstcome_cli import turns
from firstcome_cli.client import AsyncClient, Refused, Unknown

UNKNOWN = "unknown"
TOLD_TO_WAIT = "not_open"  # the code of who comes before their turn
ASKED_EARLY = 20  # times that one person is sent away for having come a little early, by a clock that differs
EARLY_PAUSE_S = 0.05  # before they ask again


@dataclass(frozen=True, slots=True)
class Told:
    """What one person met. Times are seconds since the crowd began."""

    due_s: float  # the moment from which the latency counts
    sent_s: float
    told_s: float
    outcome: str
    ticket: int | None = None

    @property
    def latency_s(self) -> float:
        """From the moment at which they were due."""
        return self.told_s - self.due_s

    @property
    def lag_s(self) -> float:
        """How late this machine was to send."""
        return self.sent_s - self.due_s


@dataclass(frozen=True, slots=True)
class Crowd:
    """So many people, so many a second, the first at `start` (of `time.monotonic`)."""

    client: AsyncClient
    event_id: str
    people: int
    rate: float
    start: float
    server_ahead_s: float  # the server's time, less ours
    person: Callable[[int], str]

    async def come(self, told: Callable[[Told], None]) -> None:
        """Let everybody come, and call `told` for each as soon as they know."""
        async with asyncio.TaskGroup() as group:
            for number in range(self.people):
                due = self.start + number / self.rate
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                group.create_task(self._one(number, due, told))

    async def _one(self, number: int, due: float, told: Callable[[Told], None]) -> None:
        user_id = self.person(number)
        outcome, ticket, sent = UNKNOWN, None, due
        for _ in range(ASKED_EARLY):
            sent = time.monotonic()
            try:
                application = await self.client.apply(self.event_id, user_id)
                outcome, ticket = application.status, application.ticket
            except Refused as no:
                outcome = no.code
                if no.code == TOLD_TO_WAIT:
                    due = max(due, self._turn(no))
                    await asyncio.sleep(max(EARLY_PAUSE_S, due - time.monotonic()))
                    continue
            except Unknown:
                outcome = UNKNOWN
            break
        now = time.monotonic()
        told(Told(due - self.start, sent - self.start, now - self.start, outcome, ticket))

    def _turn(self, no: Refused) -> float:
        """Return the moment, of our clock, at which this person may ask."""
        at = no.fields.get("turn_at") or no.fields.get("opens_at")
        if not isinstance(at, str):
            return time.monotonic()
        return time.monotonic() + turns.milliseconds(at) / 1000 - self.server_ahead_s - time.time()
