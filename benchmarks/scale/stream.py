"""The stream in simulated time: records that wait for their poller, and how pollers take them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import simpy


@dataclass(frozen=True, slots=True)
class Polling:
    """How records become batches: the event source's settings, and its habits."""

    batch: int  # records
    window_s: float
    fetch_min: int  # records that a fetch waits for,
    fetch_wait_s: float  # for so long
    group: int = 1  # pollers that are simulated as one: their batches come and go together


class Log:
    """The records of one poller's partitions."""

    def __init__(self, env: simpy.Environment) -> None:
        self.ready = 0  # at the broker
        self.fetched = 0  # at the poller
        self.gathered = 0  # in a batch that is not committed
        self.asked = 0.0  # until when the broker holds the fetch that it was sent
        self._env = env
        self._waiting: tuple[int, simpy.Event] | None = None

    def at_least(self, count: int) -> simpy.Event:
        """Return an event that comes when so many records are there."""
        self._waiting = (count, self._env.event())
        return self._waiting[1]

    def put(self, count: int) -> None:
        """Append records."""
        self.ready += count
        if self._waiting is not None and self.ready >= self._waiting[0]:
            self._waiting[1].succeed()
            self._waiting = None


class Stream:
    """The topic: people's ids spread the records evenly over the pollers."""

    def __init__(self, env: simpy.Environment) -> None:
        self._env = env
        self._logs: list[Log] = []
        self._put = 0

    @property
    def unread(self) -> int:
        """Records whose offset is not committed."""
        return sum(log.ready + log.fetched + log.gathered for log in self._logs)

    def log(self) -> Log:
        """Return the log of one more poller."""
        self._logs.append(Log(self._env))
        return self._logs[-1]

    def put(self, count: int) -> None:
        """Append records, each poller's share to its log."""
        for number, log in enumerate(self._logs):
            if share := (self._put + count + number) // len(self._logs) - (self._put + number) // len(self._logs):
                log.put(share)
        self._put += count
