"""Service times, measured: what each process of the local cloud spends of the two cores on one request, or one row.

The cloud is loaded with one kind of work at a time, and the kernel is asked what each process had of the cores. Rates
are kept beside: the model that `make capacity` counts with has to find them by itself.
"""

from __future__ import annotations

import os
import resource
import signal
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.bars.drain import fill, settled
from benchmarks.harness.bench import PLENTY, Bench
from benchmarks.harness.cpu import TICKS, spent_s
from benchmarks.harness.tools import applications, wrk
from benchmarks.scale.times import Times
from dev.cloud import Cloud
from firstcome.stores import Stores

DRAINED = 10_000  # records
CORES = os.cpu_count() or 1


@dataclass(slots=True)
class Phase:
    """One kind of work: what the processes had of the cores for it, in how many seconds, and how many of it."""

    spent_s: dict[str, float]
    seconds: float = 0.0
    count: int = 1
    rate: float = 0.0  # a second

    def each_s(self, process: str, idle: Phase) -> float:
        """Return what one costs a process, without what it does when nobody asks."""
        return max(0.0, self.spent_s[process] - idle.duty(process) * self.seconds) / self.count

    def duty(self, process: str) -> float:
        """Return how many cores a process has."""
        return self.spent_s[process] / self.seconds


@dataclass(frozen=True, slots=True)
class Calibration:
    """What one round has found."""

    idle: Phase
    lost: Phase
    remembered: Phase
    won: Phase
    drain: Phase
    wrong: list[str]

    @property
    def times(self) -> Times:
        """The service times."""

        def each_s(phase: Phase, process: str) -> float:
            return phase.each_s(process, self.idle)

        return Times(
            client_s=each_s(self.lost, "client"),
            front_s=each_s(self.lost, "front"),
            lost_s=each_s(self.lost, "apply"),
            remembered_s=each_s(self.remembered, "apply"),
            won_s=each_s(self.won, "apply"),
            gate_lost_s=each_s(self.lost, "redis"),
            gate_won_s=each_s(self.won, "redis"),
            settle_s=each_s(self.drain, "redis"),
            produce_s=each_s(self.won, "kafka"),
            fetch_s=each_s(self.drain, "kafka"),
            consume_s=each_s(self.drain, "consume"),
            ledger_s=each_s(self.drain, "mariadb"),
        )

    def beside(self, phase: Phase) -> float:
        """Return how many cores were busy with something else meanwhile."""
        return phase.duty("compiler") + max(0.0, phase.duty("others")) + self.idle.duty("kafka")


def calibrate(bench: Bench, cloud: Cloud) -> Calibration:
    """Load the cloud with each kind of work by itself, and measure."""
    never = replace(bench.settings, sold_out_memory_coupons=0)  # of its events nothing is remembered
    with closing(bench.stores()) as stores, closing(Stores.of(never)) as forgetful:
        gone, asked_for = bench.sold_out(stores), bench.sold_out(forgetful)
        to_win = bench.open_event(stores, PLENTY, "won")
        with _phase(cloud) as idle:
            time.sleep(bench.pick(1000, 200) / 1000)  # what is measured is doing nothing
        remembered = _ask(bench, cloud, gone)
        lost = _ask(bench, cloud, asked_for)
        with _paused(cloud.poller.pid):
            won = _ask(bench, cloud, to_win)
            # Each record by itself, as apply puts them there.
            fill(bench, stores, to_win, bench.pick(DRAINED, DRAINED // 10), batch_size=0)
        drain = _drain(bench, cloud, stores, to_win)
        wrong = bench.drained(stores, to_win)
    return Calibration(idle, lost, remembered, won, drain, wrong)


@contextmanager
def _phase(cloud: Cloud) -> Iterator[Phase]:
    """Lend a phase that has, afterwards, what was spent inside."""
    before, began = _spent(cloud), time.monotonic()
    phase = Phase(before)
    yield phase
    after, phase.seconds = _spent(cloud), time.monotonic() - began
    phase.spent_s = {name: after[name] - before[name] for name in after}


def _ask(bench: Bench, cloud: Cloud, event_id: str) -> Phase:
    path = applications(event_id)
    if not bench.quick:
        wrk(cloud.api_url, path, 1)
    with _phase(cloud) as phase:
        heard = wrk(cloud.api_url, path, bench.pick(2, 1))
    phase.count, phase.rate = heard.count, heard.rate
    return phase


@contextmanager
def _paused(pid: int | None) -> Iterator[None]:
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _drain(bench: Bench, cloud: Cloud, stores: Stores, event_id: str) -> Phase:
    """Wait until every ticket has its row."""
    with _phase(cloud) as phase:
        settled(stores, event_id)
    phase.count = bench.rows(event_id)[0]
    return phase


def _spent(cloud: Cloud) -> dict[str, float]:
    """Return what each process of a cloud has had of the cores, in seconds. Environments are one."""
    pids = {"front": [cloud.front.pid], "poller": [cloud.poller.pid]}  # the poller only so that it is no "other"
    pids |= {name: list(cloud.environments(name)) for name in ("apply", "consume")}
    pids |= {name: [pid] for name, pid in cloud.servers.pids.items()}
    spent = {name: sum(spent_s(pid) for pid in some if pid) for name, some in pids.items()}
    # The broker's compiler is at work for minutes, and belongs to no request.
    kafka = cloud.servers.pids["kafka"]
    tasks = [task for task in Path(f"/proc/{kafka}/task").iterdir() if "Compiler" in (task / "comm").read_text()]
    spent["compiler"] = sum(spent_s(f"{kafka}/task/{task.name}") for task in tasks)
    spent["kafka"] -= spent["compiler"]
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent["client"] = children.ru_utime + children.ru_stime
    user, nice, system, _idle, _iowait, *others = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    spent["others"] = sum(map(int, (user, nice, system, *others))) / TICKS - sum(spent.values())
    return spent
