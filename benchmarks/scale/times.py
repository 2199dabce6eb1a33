"""What one of each costs, what is expected, and how long each part of it takes on AWS."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median

from benchmarks.harness.report import REPORT
from benchmarks.harness.rows import Row
from benchmarks.scale import limits
from benchmarks.scale.deployment import MEMORY_MB
from firstcome.settings import Settings

MEMORY_COUPONS = Settings().sold_out_memory_coupons  # larger events are not remembered
KEPT = REPORT / "times.json"
# What is called so in the rows of the benchmark `http`.
CPU_UNIT = "µs of CPU each"
CONSUMED, RECORD, INSERTED, SETTLED = "a row consumed", "Kafka, a record", "MariaDB, a row", "Redis, a row settled"
SHARE = min(1.0, MEMORY_MB / limits.MB_PER_VCPU)  # of a virtual CPU, which an environment has


@dataclass(frozen=True, slots=True)
class Times:
    """Service times, in seconds of a core, by the process that spends them."""

    # apply, in its environment, a request
    lost_s: float  # sold out, by asking Redis
    remembered_s: float  # sold out, from memory
    won_s: float
    # Redis
    gate_lost_s: float
    gate_won_s: float
    settle_s: float  # a row
    produce_s: float  # Kafka, a record, until it is confirmed
    # from Kafka to the row, a record of a batch of some hundred
    consume_s: float
    ledger_s: float


def of(found: Mapping[str, Sequence[Row]]) -> Times:
    """Return those that a whole run has found: Redis's by itself, all others under the load of `http`."""
    rates = found["gate"][-1].values
    us = {name: median(values) for row in found["http"] for name, values in row.values.items() if row.unit == CPU_UNIT}
    return Times(
        lost_s=us["via Redis"] / 1e6,
        remembered_s=us["from memory"] / 1e6,
        won_s=us["accepted"] / 1e6,
        gate_lost_s=1 / median(rates["sold out"]),
        gate_won_s=1 / median(rates["accepted"]),
        settle_s=us[SETTLED] / 1e6,
        produce_s=us[RECORD] / 1e6,
        consume_s=us[CONSUMED] / 1e6,
        ledger_s=us[INSERTED] / 1e6,
    )


def write(times: Times) -> None:
    """Keep them beside the report: `make capacity` counts with what was measured last."""
    KEPT.write_text(json.dumps(asdict(times), indent=1) + "\n")


def read() -> Times:
    """Return those that were measured last; raise `FileNotFoundError` where none were."""
    return Times(**json.loads(KEPT.read_text()))


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
    """Service times as they are there: the measured ones, as if its cores were as fast, and its network."""

    times: Times

    @property
    def lost_s(self) -> float:
        """How long an environment is busy with a loser, by asking Redis."""
        return self.times.lost_s / SHARE + limits.HOP_S + self.times.gate_lost_s

    @property
    def remembered_s(self) -> float:
        """The same, from memory."""
        return self.times.remembered_s / SHARE

    @property
    def won_s(self) -> float:
        """The same, with a winner."""
        times = self.times
        return times.won_s / SHARE + limits.HOP_S + times.gate_won_s + limits.SEND_S + times.produce_s

    def batch_s(self, rows: int) -> float:
        """How long consume is busy with a batch."""
        times = self.times
        each_s = times.consume_s / SHARE + times.ledger_s + times.settle_s
        return rows * each_s + limits.COMMIT_S + 2 * limits.HOP_S
