"""Service times, measured: what each process of the local cloud spends of the two cores on one request, or one row.

The cloud is loaded with one kind of work at a time, and the kernel is asked what each process had of the cores. Rates
and latencies are kept beside, but nothing is taken from them: they are what the simulation has to find by itself.
"""

from __future__ import annotations

import os
import resource
import signal
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from kafka import KafkaProducer

from benchmarks import wrk
from benchmarks.bench import wrong_rows
from benchmarks.clouds import COUPONS, DRAINED_S, applications, sold_out
from benchmarks.function import HEADERS, apply_all
from benchmarks.load import Load, application, ask
from benchmarks.machine import SLICE_S
from benchmarks.times import Times
from firstcome.ledger.connect import mysql_connection
from firstcome.stores import Stores
from firstcome.stream.connect import kafka_config
from firstcome.stream.record import encode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.bench import Bench
    from dev.cloud import Cloud

TICKS = os.sysconf("SC_CLK_TCK")
DRAINED = 10_000  # records
COMPILED_S = 0.01  # for which the broker's just-in-time compiler takes a core at a time


@dataclass(frozen=True, slots=True)
class Phase:
    """One kind of work: how many of it, in how many seconds, and what the processes had of the cores for it."""

    count: int
    seconds: float
    spent_s: dict[str, float]
    rate: float = 0.0  # a second
    p50_ms: float = 0.0
    p99_ms: float = 0.0

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
    commit_s: float
    generator_s: float  # what a request costs load.py, which is not wrk
    wrong: list[str]

    @property
    def times(self) -> Times:
        """The service times."""
        lost, remembered, won, drain = self.lost, self.remembered, self.won, self.drain
        idle = self.idle
        return Times(
            client_s=lost.each_s("client", idle),
            front_s=lost.each_s("front", idle),
            lost_s=lost.each_s("apply", idle),
            remembered_s=remembered.each_s("apply", idle),
            won_s=won.each_s("apply", idle),
            gate_lost_s=lost.each_s("redis", idle),
            gate_won_s=won.each_s("redis", idle),
            settle_s=drain.each_s("redis", idle),
            produce_s=won.each_s("kafka", idle),
            fetch_s=drain.each_s("kafka", idle),
            poll_s=drain.each_s("poller", idle),
            consume_s=drain.each_s("consume", idle),
            ledger_s=drain.each_s("mariadb", idle),
            commit_s=self.commit_s,
        )

    def beside(self, phase: Phase) -> dict[float, float]:
        """Return how many cores were busy with something else meanwhile, by how long they were at a time."""
        others = max(0.0, phase.duty("others")) + self.idle.duty("kafka")
        return {COMPILED_S: phase.duty("compiler"), SLICE_S: others}


class Meter:
    """What the processes of a cloud have had of the cores."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def read(self) -> dict[str, float]:
        """Return seconds of a core by process, since each began. Environments are one."""
        cloud = self._cloud
        pids = {"front": [cloud.front.pid], "poller": [cloud.poller.pid]}
        pids |= {name: list(cloud.environments(name)) for name in ("apply", "consume")}
        pids |= {name: [pid] for name, pid in cloud.servers.pids.items()}
        spent = {name: sum(_spent_s(pid) for pid in some if pid) for name, some in pids.items()}
        # The broker's compiler is at work for minutes, and belongs to no request.
        spent["compiler"] = _compiled_s(cloud.servers.pids["kafka"])
        spent["kafka"] -= spent["compiler"]
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent["client"] = children.ru_utime + children.ru_stime
        spent["others"] = _busy_s() - sum(spent.values())
        return spent

    @contextmanager
    def phase(self) -> Iterator[dict[str, float]]:
        """Fill a dictionary with what was spent inside, and `seconds`."""
        found: dict[str, float] = {}
        before, began = self.read(), time.monotonic()
        yield found
        after, ended = self.read(), time.monotonic()
        found |= {name: after[name] - before[name] for name in after} | {"seconds": ended - began}


def calibrate(bench: Bench, cloud: Cloud) -> Calibration:
    """Load the cloud with each kind of work by itself, and measure."""
    meter = Meter(cloud)
    never = replace(bench.settings, sold_out_memory_coupons=0)  # of its events nothing is remembered
    with closing(bench.stores()) as stores, closing(Stores.of(never)) as forgetful:
        gone, asked_for = sold_out(bench, stores), sold_out(bench, forgetful)
        to_win = bench.open_event(stores, COUPONS, "won")
        with meter.phase() as found:
            time.sleep(bench.pick(1000, 200) / 1000)  # what is measured is doing nothing
        idle = _phase(found, 1)
        remembered = _ask(bench, meter, cloud, gone)
        lost = _ask(bench, meter, cloud, asked_for)
        with _paused(cloud.poller.pid):
            won = _ask(bench, meter, cloud, to_win)
            _fill(bench, stores, to_win, bench.pick(DRAINED, DRAINED // 10))
            view = stores.gate.show(to_win)
            assert view is not None
        drain = _drain(bench, meter, to_win, view.coupon_count)
        asked = ask(Load(cloud.api_url, [application(applications(gone))], 0, bench.pick(10_000, 500), "somebody", 200))
        wrong = wrong_rows(bench, to_win, view.coupon_count)
    generator_s = asked.cpu * max(asked.done_s) / len(asked.done_s)
    return Calibration(idle, lost, remembered, won, drain, _commit_s(bench), generator_s, wrong)


def _phase(found: dict[str, float], count: int, **more: float) -> Phase:
    return Phase(count, found.pop("seconds"), found, **more)


def _ask(bench: Bench, meter: Meter, cloud: Cloud, event_id: str) -> Phase:
    path = applications(event_id)
    if not bench.quick:
        wrk.apply(cloud.api_url, path, 1)
    with meter.phase() as found:
        heard = wrk.apply(cloud.api_url, path, bench.pick(2, 1))
    return _phase(found, heard.count, rate=heard.rate, p50_ms=heard.p50_ms, p99_ms=heard.p99_ms)


@contextmanager
def _paused(pid: int | None) -> Iterator[None]:
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _fill(bench: Bench, stores: Stores, event_id: str, count: int) -> None:
    """Give so many tickets away, and put their records into the topic as apply does: each by itself."""
    settings = bench.settings
    producer = KafkaProducer(**kafka_config(settings), acks="all", batch_size=0, key_serializer=str.encode)
    for ticket in apply_all(stores, event_id, count):
        producer.send(settings.kafka_topic, key=ticket.user_id, value=encode(ticket, 1), headers=HEADERS)
    producer.flush()
    producer.close()


def _drain(bench: Bench, meter: Meter, event_id: str, rows: int) -> Phase:
    """Wait until the rows are there. The rate is that between a tenth and nine tenths of them: the last ones wait."""
    seen: list[tuple[float, int]] = []
    with meter.phase() as found:
        deadline = time.monotonic() + DRAINED_S
        while not seen or seen[-1][1] < rows:
            time.sleep(0.01)
            seen.append((time.monotonic(), bench.rows(event_id)[0]))
            if seen[-1][0] > deadline:
                raise TimeoutError(f"{seen[-1][1]} of {rows} rows after {DRAINED_S:g} s")
    return _phase(found, rows, rate=middle_rate(seen, rows))


def middle_rate(seen: list[tuple[float, int]], total: int) -> float:
    """Return the rate at which a count that was seen at some times grew, between a tenth and nine tenths of `total`."""
    middle = [(at, count) for at, count in seen if 0.1 * total <= count <= 0.9 * total]
    if len(middle) < 2:  # a batch or two
        middle = seen
    (began, first), (ended, last) = middle[0], middle[-1]
    return (last - first) / (ended - began)


def _commit_s(bench: Bench) -> float:
    """Return the median time of a commit of one row."""
    with mysql_connection(bench.settings, 10_000) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS commits (number INT)")
        times = []
        for number in range(50):
            cursor.execute("INSERT INTO commits VALUES (%s)", (number,))
            began = time.perf_counter()
            connection.commit()
            times.append(time.perf_counter() - began)
        cursor.execute("DROP TABLE commits")
    return median(times)


def _spent_s(pid: int | str) -> float:
    """Return what a process and its threads have had of the cores."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / TICKS


def _compiled_s(pid: int) -> float:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(_spent_s(f"{pid}/task/{task.name}") for task in tasks if "Compiler" in (task / "comm").read_text())


def _busy_s() -> float:
    user, nice, system, _idle, _iowait, *others = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    return sum(map(int, (user, nice, system, *others))) / TICKS
