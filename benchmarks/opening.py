"""What is expected, and how long each part of it takes on AWS."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from benchmarks import limits
from firstcome.settings import Settings

if TYPE_CHECKING:
    from benchmarks.deployment import Deployment
    from benchmarks.times import Times

MEMORY_COUPONS = Settings().sold_out_memory_coupons  # larger events are not remembered


@dataclass(frozen=True, slots=True)
class Opening:
    """What is expected."""

    burst: float  # people a second, of one event, while it lasts
    seconds: float
    coupons: int
    events: int = 1  # that open together
    issued_within_s: float = 60.0  # how long the last row may take
    memory: bool = True  # environments remember that it is sold out

    @property
    def people(self) -> float:
        """Everybody, of all events."""
        return self.burst * self.seconds * self.events

    @property
    def peak(self) -> float:
        """People a second, of all events."""
        return self.burst * self.events

    @property
    def won(self) -> float:
        """Coupons that are given, of all events."""
        return min(self.coupons * self.events, self.people)

    @property
    def remembered(self) -> bool:
        """Whether losers are told from memory."""
        return self.memory and self.coupons <= MEMORY_COUPONS


@dataclass(frozen=True, slots=True)
class Aws:
    """Service times as they are there: the measured ones on its cores, and its network."""

    times: Times
    share: float  # of a virtual CPU that an environment has

    @classmethod
    def of(cls, measured: Times, deployment: Deployment) -> Aws:
        """Return those of a deployment."""
        times = replace(measured.on(limits.CORE), hop_s=limits.HOP_S, send_s=limits.SEND_S, commit_s=limits.COMMIT_S)
        return cls(times, min(1.0, deployment.memory_mb / limits.MB_PER_VCPU))

    @property
    def lost_s(self) -> float:
        """How long an environment is busy with a loser, by asking Redis."""
        return self.times.lost_s / self.share + self.times.hop_s + self.times.gate_lost_s

    @property
    def remembered_s(self) -> float:
        """The same, from memory."""
        return self.times.remembered_s / self.share

    @property
    def won_s(self) -> float:
        """The same, with a winner."""
        times = self.times
        waits_s = times.hop_s + times.gate_won_s + times.send_s + times.produce_s
        return times.won_s / self.share + waits_s

    def batch_s(self, rows: int) -> float:
        """How long consume is busy with a batch."""
        times = self.times
        return (
            rows * (times.consume_s / self.share + times.ledger_s + times.settle_s) + times.commit_s + 2 * times.hop_s
        )
