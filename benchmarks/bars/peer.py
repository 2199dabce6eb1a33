"""The course's chain as people deploy it, beside firstcome: as many processes, the same servers and connections.

The peer is benchmarks/peer/server.py: threads, one producer that batches, `SADD` and `INCR`. Its consumer is the
ladder's, a row and a commit for each record. Both stand behind haproxy.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from kafka import KafkaProducer

from benchmarks.bars.drain import drained, fill
from benchmarks.harness.bench import FEW, PATIENT, PLENTY, Bench, mend, wrong_people
from benchmarks.harness.rows import Bar, Row, interleave, rate
from benchmarks.harness.tools import CONNECTIONS, applications, turn, wrk
from benchmarks.ladder.consumer import Consumer, environ
from benchmarks.ladder.steps import SADD_INCR_TOPIC, STEPS, make_tables
from benchmarks.peer.server import new_event
from dev import front
from dev.child import Child
from dev.cloud import APPLY_ENVIRONMENTS, ROOT, Cloud
from dev.crowd import Answer, Crowd
from dev.install import programs
from dev.recipes import url_of
from firstcome.stores import Stores

COUPONS = 100  # of an event at half of which everything is killed that answers people
MORE_PEOPLE = 2_000  # who ask afterwards
# A round waits for the sweep, which lets half a minute pass first, so that a slow record is not taken for a lost one.
SETTINGS = {**PATIENT, "FIRSTCOME_SWEEP_OVERDUE_MS": "500"}
OURS, WAITS, SENDS = "firstcome", "peer that waits for the broker", "peer that does not wait"
(CHAIN,) = (step for step in STEPS if step.topic == SADD_INCR_TOPIC)
ONE_EACH = (
    "an environment serves one person at a time, so each record is a request of its own to the broker, where the "
    "threads of a peer share one; the broker has the same two cores. The CPU below is what each side itself costs"
)
FRONT = ROOT / "benchmarks" / "peer" / "front.cfg"  # the servers follow


@contextmanager
def running(bench: Bench, processes: int) -> Iterator[tuple[str, list[Child]]]:
    """Have the peer's processes that answer people; what is killed is started again. Lend their URL, and them."""
    same: dict[str, Any] = {"log": bench.folder / "peer.log", "env": environ(bench), "cwd": ROOT}
    token = uuid.uuid4().hex[:8]
    with ExitStack() as ending:
        servers, names = [], [f"peer-{number}-{token}" for number in range(processes)]
        for name in names:
            own = ending.enter_context(front.listen_abstract(name))
            own.listen(CONNECTIONS)  # all of them may come at once, before the process has started
            serve = [sys.executable, "-m", "benchmarks.peer.server", str(own.fileno())]
            servers.append(Child(name, serve, pass_fds=[own.fileno()], **same))
        listener = ending.enter_context(front.listen(0))
        config = bench.folder / "peer.cfg"
        lines = "".join(f"  server {name} abns@{name}\n" for name in names)
        config.write_text(FRONT.read_text().replace("${DESCRIPTOR}", str(listener.fileno())) + lines)
        command = [programs(["haproxy"])["haproxy"], "-db", "-f", str(config)]
        for child in (*servers, Child("peer-front", command, pass_fds=[listener.fileno()], **same)):
            ending.callback(child.stop)
            child.start()
        yield url_of(*listener.getsockname()), servers


@dataclass(frozen=True, slots=True)
class Side:
    """One contender: where it answers people, and the table of its rows."""

    name: str
    url: str
    table: str
    open: Callable[[int], str]  # an event of so many coupons; return its id
    pids: Callable[[], Sequence[int]]  # of the processes that answer people
    finish: Callable[[str], object]  # return when an event has every row that it will have


@dataclass(frozen=True, slots=True)
class Contest:
    """Both running, but for what reads the topics: firstcome, the peer where a winner waits for the broker, and not."""

    bench: Bench
    stores: Stores
    cloud: Cloud
    consumer: Consumer  # the peer's
    sides: list[Side]


def run(bench: Bench) -> list[Row]:
    """Kill both, then drain both, then ask both in turn: what the peer then accepts, it would write for minutes."""
    processes = bench.pick(APPLY_ENVIRONMENTS, 2)
    make_tables(bench.settings)
    with ExitStack() as opened:
        stores = opened.enter_context(closing(bench.stores()))
        consumer = Consumer(bench, CHAIN)
        opened.callback(consumer.stop)
        url, servers = opened.enter_context(running(bench, processes))
        more: dict[str, Any] = {"apply_environments": processes, "environment": SETTINGS}
        more |= {"clock": False, "poller": False}
        cloud = opened.enter_context(Cloud(bench.folder / "cloud-peer", servers=bench.servers, **more))

        def theirs(name: str) -> Side:
            def pids() -> list[int]:
                return [child.pid for child in servers if child.pid is not None]

            opening = partial(new_event, waits=name == WAITS)
            return Side(name, url, CHAIN.table, opening, pids, lambda _: consumer.drained())

        opening, pids = partial(bench.open_event, stores), partial(cloud.environments, "apply")
        ours = Side(OURS, cloud.api_url, "coupon", opening, pids, partial(mend, cloud, stores.gate))
        contest = Contest(bench, stores, cloud, consumer, [ours, theirs(WAITS), theirs(SENDS)])
        killed, drain = _kill(contest), _drain(contest)
        return [*_answers(contest), drain, killed]


def _answers(contest: Contest) -> list[Row]:
    """Return how many a second are accepted, and how many told that it is sold out; and what each costs."""
    bench, stores, (ours, waits, sends) = contest.bench, contest.stores, contest.sides
    cpu_us: dict[str, list[float]] = {}
    wrong: list[str] = []

    def asked(name: str, side: Side, event_id: str, status: int) -> float:
        found = turn(partial(wrk, side.url, applications(event_id), bench.pick(3, 1)), side.pids, status, wrong)
        cpu_us.setdefault(name, []).append(found.cpu_us)
        return found.rate

    accepting, gone = ours.open(PLENTY), bench.sold_out(stores)
    accepted = {
        OURS: partial(asked, "accepted", ours, accepting, 202),
        WAITS: partial(asked, "accepted, peer that waits", waits, waits.open(PLENTY), 202),
        SENDS: partial(asked, "accepted, peer that does not", sends, sends.open(PLENTY), 202),
    }
    sold_out = {
        OURS: partial(asked, "sold out", ours, gone, 409),
        "peer": partial(asked, "sold out, peer", waits, waits.open(0), 409),
    }
    for each in (*accepted.values(), *sold_out.values()) if not bench.quick else ():
        bench.say("warming up")
        each()
    cpu_us.clear()
    rates = [interleave(each, bench.pick(3, 1), bench.say) for each in (accepted, sold_out)]
    contest.cloud.poller.start()
    wrong += bench.drained(stores, accepting) + wrong_people(stores.gate, gone, FEW)
    what = f"{CONNECTIONS} connections of wrk, {len(waits.pids())} processes each"
    bars = [Bar(OURS, WAITS, 1, why_not=ONE_EACH)]
    return [
        Row(f"peer, accepted, {what}", "answers/s", rates[0], bars, wrong),
        Row(f"peer, sold out, {what}", "answers/s", rates[1], [Bar(OURS, "peer", 1)]),
        Row("peer, CPU of the processes that answer people", "µs an answer", cpu_us),
    ]


def _drain(contest: Contest) -> Row:
    """Return how fast each makes rows of what waits in its topic."""
    bench, stores, consumer, (ours, _, sends) = contest.bench, contest.stores, contest.consumer, contest.sides
    many, few = bench.pick(20_000, 2_000), bench.pick(10_000, 1_000)
    expected, wrong = dict[str, int](), list[str]()

    def our_rate() -> float:
        event_id = ours.open(many)
        expected[event_id] = many
        fill(bench, stores, event_id, many, linger_ms=5)
        return drained(contest.cloud, stores, many).rows_s

    def their_rate() -> float:
        event_id = sends.open(few)
        with closing(KafkaProducer(bootstrap_servers=bench.settings.kafka_bootstrap)) as producer:
            for number in range(few):
                producer.send(CHAIN.topic, f"{event_id} person-{number}".encode())
            producer.flush()
        consumer.start()
        found = rate(consumer.drained, few)
        consumer.stop()
        rows = bench.query(f"SELECT COUNT(*) FROM {CHAIN.table} WHERE event_id = %s", event_id)
        wrong.extend([f"{event_id}: {rows} rows of {few:,}"] if rows != [(few,)] else [])
        return found

    values = interleave({OURS: our_rate, "peer": their_rate}, bench.pick(3, 1), bench.say)
    return Row("peer, drain", "rows/s", values, [Bar(OURS, "peer", 1)], wrong + bench.wrong_rows(expected))


def _kill(contest: Contest) -> Row:
    """Return how many rows there are in the end where all processes that answer people die at half of the coupons."""
    bench, unkept, wrong = contest.bench, dict[str, list[int]](), list[str]()
    contest.cloud.poller.start()
    contest.consumer.start()
    people = [f"person-{number:05}" for number in range(COUPONS + bench.pick(MORE_PEOPLE, COUPONS))]

    def rows(side: Side) -> float:
        event_id, promised, lock = side.open(COUPONS), set[str](), threading.Lock()

        def told(answer: Answer) -> None:
            with lock:
                if answer.has_ticket:
                    promised.add(answer.user_id)
                    for pid in side.pids() if len(promised) == COUPONS // 2 else ():
                        os.kill(pid, signal.SIGKILL)

        Crowd(side.url, event_id, CONNECTIONS).rush(people, told)
        side.finish(event_id)
        found = bench.query(f"SELECT user_id FROM {side.table} WHERE event_id = %s", event_id)
        unkept.setdefault(side.name, []).append(len(promised - {user_id for (user_id,) in found}))
        wrong.extend(bench.wrong_rows({event_id: COUPONS}) if side.name == OURS else [])
        return len(found)

    values = interleave({side.name: partial(rows, side) for side in contest.sides}, bench.pick(3, 1), bench.say)
    contest.cloud.poller.stop()
    contest.consumer.stop()
    values["coupons"] = [float(COUPONS)] * len(values[OURS])
    notes = [f"{name}: rows {values[name]}, told yes and no row {counts}" for name, counts in unkept.items()]
    what = f"peer, rows of {COUPONS} coupons, killed at half, {MORE_PEOPLE:,} people more"
    return Row(what, "rows", values, [Bar(OURS, "coupons", 1)], wrong, notes)
