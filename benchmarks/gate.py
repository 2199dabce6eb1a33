"""The gate script against the two calls of the tutorial's chain, and against the cheapest command that there is.

Twice: with redis-py, which is what an execution environment pays, and with `redis-benchmark`, the fastest client that
there is, whose figures are Redis's own.
"""

from __future__ import annotations

import itertools
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from benchmarks.function import CALL, person
from benchmarks.measure import Bar, Row, interleave, rate
from dev.install import programs

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.bench import Bench
    from firstcome.gate.gate import Gate

CONNECTIONS = 50
SOMEBODY = "5f0e8400-e29b-41d4-a716-__rand_int__"  # as long as a UUID; redis-benchmark puts twelve digits in
PEOPLE = 10**9
COUPONS = 10**6  # never given away
FEW = 100
WHY_NOT = {
    "redis-py": (
        "EVALSHA has ten words to pack and seven to read, which takes redis-py almost as long as two commands of two "
        "words, and its CPU is what 50 threads wait for; over a network the second round trip would be the larger part"
    ),
    "redis-benchmark": (
        "to a client in C two commands are little more than two system calls of Redis, while a script that decides "
        "window, state, cap, order and identity runs up to ten commands of about 1 µs inside (INFO commandstats)"
    ),
}

_numbers = itertools.count()


def run(bench: Bench) -> list[Row]:
    """Measure accepting, refusing what is sold out, and the mixture of an event with ten applicants a coupon."""
    wrong: list[str] = []
    with closing(bench.stores()) as stores:
        gate = stores.gate
        accepting, sold_out = bench.open_event(stores, COUPONS, "accept"), bench.open_event(stores, FEW, "sold-out")
        for number in range(FEW):
            gate.apply(sold_out, f"winner-{number}", "call")
        rows = [
            _row(bench, "redis-py", _redis_py(bench, gate, accepting, sold_out)),
            _row(bench, "redis-benchmark", _redis_benchmark(bench, gate, accepting, sold_out)),
        ]
        gate.redis.delete("bench:count", "bench:applied_user")
        people = gate.redis.hlen(gate.keys(accepting)[1])
        view = gate.show(accepting)
        if view is None or not 0 < view.coupon_count == people:
            wrong.append(f"{view} for {people} people")
        bench.forget(stores, accepting, sold_out)
    rows[0].wrong.extend(wrong)
    return rows


def _row(bench: Bench, client: str, contenders: dict[str, Callable[[], float]]) -> Row:
    values = interleave(contenders, bench.pick(5, 1), lambda step: bench.say(f"{client}, {step}"))
    if "SADD, INCR" not in values:  # one connection's two calls, one after the other: their times add up
        pairs = zip(values.pop("SADD"), values["INCR"], strict=True)
        values["SADD, INCR"] = [1 / (1 / sadd + 1 / incr) for sadd, incr in pairs]
    both = zip(values["accepted"], values["sold out"], strict=True)
    values["1 of 10 accepted"] = [1 / (0.1 / accepted + 0.9 / sold_out) for accepted, sold_out in both]
    names = ("accepted", "sold out", "1 of 10 accepted")
    bars = [Bar(name, "SADD, INCR", 1.5, why_not=WHY_NOT[client]) for name in names]
    bars += [Bar(name, "INCR", 0.5) for name in ("accepted", "sold out")]
    return Row(f"gate-{client}", f"gate script, {CONNECTIONS} connections of {client}", "people/s", values, bars)


# --- redis-py: a thread for each connection, as the environments' client has it ---------------------------------------


def _redis_py(bench: Bench, gate: Gate, accepting: str, sold_out: str) -> dict[str, Callable[[], float]]:
    redis, calls = gate.redis, bench.pick(5_000, 1_000)
    sha = redis.script_load(gate.script("gate").script)

    def evalsha(event_id: str, user_id: str) -> None:
        keys = gate.keys(event_id)
        redis.evalsha(sha, len(keys), *keys, user_id, CALL)

    def chain(user_id: str) -> None:
        redis.sadd("bench:applied_user", user_id)
        redis.incr("bench:count")

    def measure(call: Callable[[str], object]) -> float:
        people = [person(next(_numbers)) for _ in range(calls)]
        with ThreadPoolExecutor(CONNECTIONS) as threads:
            return rate(lambda: list(threads.map(call, people)), calls)

    work: dict[str, Callable[[str], Any]] = {
        "INCR": lambda _: redis.incr("bench:count"),
        "SADD, INCR": chain,
        "accepted": partial(evalsha, accepting),
        "sold out": partial(evalsha, sold_out),
    }
    return {name: partial(measure, call) for name, call in work.items()}


# --- redis-benchmark -------------------------------------------------------------------------------------------------


def _redis_benchmark(bench: Bench, gate: Gate, accepting: str, sold_out: str) -> dict[str, Callable[[], float]]:
    commands = {
        "INCR": ["INCR", "bench:count"],
        "SADD": ["SADD", "bench:applied_user", SOMEBODY],
        "accepted": evalsha_command(gate, accepting),
        "sold out": evalsha_command(gate, sold_out),
    }
    program = programs(["redis-benchmark"])["redis-benchmark"]
    port, calls = str(urlsplit(bench.servers.redis_url).port), str(bench.pick(100_000, 5_000))
    options = ["-p", port, "-c", str(CONNECTIONS), "-n", calls, "-r", str(PEOPLE), "--csv"]

    def measure(command: list[str]) -> float:
        said = subprocess.run([program, *options, *command], capture_output=True, text=True, check=True).stdout
        return float(said.splitlines()[-1].split(",")[1].strip('"'))

    return {name: partial(measure, command) for name, command in commands.items()}


def evalsha_command(gate: Gate, event_id: str) -> list[str]:
    """Return the command that applies for somebody, its script loaded."""
    keys = gate.keys(event_id)
    sha = gate.redis.script_load(gate.script("gate").script)
    return ["EVALSHA", sha, str(len(keys)), *keys, SOMEBODY, CALL]
