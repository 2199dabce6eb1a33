"""The load generators that are programs: `redis-benchmark` for commands, `wrk` for a closed loop over HTTP."""

from __future__ import annotations

import json
import subprocess
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.harness.bench import Bench
from benchmarks.harness.cpu import all_spent_s
from dev.install import programs

CONNECTIONS = 50
SOMEBODY = "5f0e8400-e29b-41d4-a716-__rand_int__"  # as long as a UUID; redis-benchmark puts twelve digits in
PEOPLE = 10**9
_SCRIPT = Path(__file__).with_name("wrk.lua")


def applications(event_id: str) -> str:
    """Return the path of applying."""
    return f"/events/{event_id}/applications"


def redis_benchmark(bench: Bench, command: list[str], calls: int) -> float:
    """Have Redis carry out a command so many times; return how many a second."""
    options = ["-p", str(urlsplit(bench.servers.redis_url).port), "-c", str(CONNECTIONS)]
    options += ["-n", str(calls), "-r", str(PEOPLE), "--csv"]
    program = programs(["redis-benchmark"])["redis-benchmark"]
    said = subprocess.run([program, *options, *command], capture_output=True, text=True, check=True).stdout
    return float(said.splitlines()[-1].split(",")[1].strip('"'))


@dataclass(frozen=True, slots=True)
class Heard:
    """What the connections of `wrk` heard. `lost`: connections that broke, or waited for too long."""

    seconds: float
    statuses: dict[int, int]
    lost: int
    p50_ms: float
    p99_ms: float
    cpu_us: float = 0  # what the processes that answered had of the cores for each answer
    kafka_s: float = 0  # and Kafka in all

    @property
    def count(self) -> int:
        """How many answers there were."""
        return sum(self.statuses.values())

    @property
    def rate(self) -> float:
        """How many a second."""
        return self.count / self.seconds


def wrk(url: str, path: str, seconds: int, *, method: str = "POST", prefix: str = "", people: int = 0) -> Heard:
    """Let each of 50 connections ask, wait and ask again as somebody else, for so long; return what they heard.

    `prefix` and twelve digits are a person's id, as long as a UUID; `people` come again and again, 0: all are new.
    """
    command = [programs(["wrk"])["wrk"], "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(_SCRIPT), url]
    command += ["--", method, path, prefix or str(uuid.uuid4())[:24], str(people)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    heard = json.loads(said.splitlines()[-1])
    statuses = {int(status): number for status, number in heard["statuses"].items()}
    p50_ms, p99_ms = heard["p50_us"] / 1000, heard["p99_us"] / 1000
    return Heard(heard["duration_us"] / 1e6, statuses, heard["lost"], p50_ms, p99_ms)


def turn(asked: Callable[[], Heard], pids: Callable[[], Iterable[int]], status: int, wrong: list[str]) -> Heard:
    """Have `wrk` ask, and the kernel say what the processes spent meanwhile; note answers of another status."""
    before = all_spent_s(pids())
    heard = asked()
    if heard.lost or set(heard.statuses) != {status}:
        wrong.append(f"{heard.statuses} in place of {status}, {heard.lost} connections broke")
    return replace(heard, cpu_us=(all_spent_s(pids()) - before) / heard.count * 1e6)
