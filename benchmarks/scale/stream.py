"""The stream in simulated time: records that wait for the pollers, and how these make batches of them."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import simpy


@dataclass(frozen=True, slots=True)
class Polling:
    """How records become batches: the event source's settings."""

    batch: int  # records
    window_s: float
    group: int = 1  # pollers that are simulated as one: their batches come and go together


class Stream:
    """The topic. People's ids spread the records evenly over the partitions, so all pollers have the same to do."""

    def __init__(self, env: simpy.Environment) -> None:
        self.unread = 0  # records whose offset is not committed
        self._ready = 0  # those of them that are in no batch
        self._env = env
        self._waiting: tuple[int, simpy.Event] | None = None

    def put(self, count: int) -> None:
        """Append records."""
        self.unread += count
        self._ready += count
        if self._waiting is not None and self._ready >= self._waiting[0]:
            self._waiting[1].succeed()
            self._waiting = None

    def gather(self, polling: Polling) -> Generator[simpy.Event, Any, int]:
        """Wait for a batch for each poller; return how many records: full ones, or what came within the window."""
        full = polling.batch * polling.group
        yield self._at_least(1)
        yield self._at_least(full) | self._env.timeout(polling.window_s)
        self._waiting = None
        batch = min(self._ready, full)
        self._ready -= batch
        return batch

    def commit(self, count: int) -> None:
        """Commit the offsets of a batch."""
        self.unread -= count

    def _at_least(self, count: int) -> simpy.Event:
        """Return an event that comes when so many records are ready."""
        event = self._env.event()
        if self._ready >= count:
            event.succeed()
        else:
            self._waiting = count, event
        return event
