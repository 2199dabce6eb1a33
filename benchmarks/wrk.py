"""A closed loop by `wrk`: each of its connections asks, waits for the answer, and asks again as somebody else."""

from __future__ import annotations

import json
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path

from dev.install import programs

CONNECTIONS = 50
_SCRIPT = Path(__file__).with_suffix(".lua")


@dataclass(frozen=True, slots=True)
class Heard:
    """What the connections heard. `lost`: connections that broke, or waited for too long."""

    seconds: float
    statuses: dict[int, int]
    lost: int
    p50_ms: float
    p99_ms: float

    @property
    def count(self) -> int:
        """How many answers there were."""
        return sum(self.statuses.values())

    @property
    def rate(self) -> float:
        """How many a second."""
        return self.count / self.seconds


def apply(url: str, path: str, seconds: int) -> Heard:
    """Let other people apply at `path` for so long, over 50 connections; return what they heard."""
    # As long as a UUID, with the twelve digits that count them.
    prefix = str(uuid.uuid4())[:24]
    command = [programs(["wrk"])["wrk"], "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(_SCRIPT), url]
    said = subprocess.run([*command, "--", path, prefix], capture_output=True, text=True, check=True).stdout
    heard = json.loads(said.splitlines()[-1])
    return Heard(
        seconds=heard["duration_us"] / 1e6,
        statuses={int(status): number for status, number in heard["statuses"].items()},
        lost=heard["lost"],
        p50_ms=heard["p50_us"] / 1000,
        p99_ms=heard["p99_us"] / 1000,
    )
