"""The gate script against the two calls of the tutorial's chain, and against the cheapest command that there is.

Twice: with redis-py, which is what an execution environment pays, and with `redis-benchmark`, the fastest client that
there is, whose figures are Redis's own.
"""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks.harness.bench import CALL, PLENTY, evalsha, person, view, wrong_people
from benchmarks.harness.rows import Bar, Row, interleave, rate
from benchmarks.harness.tools import CONNECTIONS, SOMEBODY, redis_benchmark

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.harness.bench import Bench
    from firstcome.gate.gate import Gate

Contenders = dict[str, "Callable[[], float]"]

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
COUNT, PEOPLE = "bench:count", "bench:applied_user"  # the chain's keys


def run(bench: Bench) -> list[Row]:
    """Measure accepting, refusing what is sold out, and the mixture of an event with ten applicants a coupon."""
    with closing(bench.stores()) as stores:
        gate = stores.gate
        accepting, sold_out = bench.open_event(stores, PLENTY, "accept"), bench.sold_out(stores)
        apply = {"accepted": evalsha(gate, accepting), "sold out": evalsha(gate, sold_out)}
        rows = [
            _row(bench, "redis-py", _redis_py(bench, gate, apply)),
            _row(bench, "redis-benchmark", _redis_benchmark(bench, apply)),
        ]
        gate.redis.unlink(COUNT, PEOPLE)
        given = view(gate, accepting).coupon_count
        rows[0].wrong.extend(wrong_people(gate, accepting, given) if given else ["nobody has a ticket"])
        bench.forget(stores, accepting, sold_out)
    return rows


def _row(bench: Bench, client: str, contenders: Contenders) -> Row:
    values = interleave(contenders, bench.pick(5, 1), lambda step: bench.say(f"{client}, {step}"))
    if "SADD, INCR" not in values:  # one connection's two calls, one after the other: their times add up
        pairs = zip(values.pop("SADD"), values["INCR"], strict=True)
        values["SADD, INCR"] = [1 / (1 / sadd + 1 / incr) for sadd, incr in pairs]
    both = zip(values["accepted"], values["sold out"], strict=True)
    values["1 of 10 accepted"] = [1 / (0.1 / accepted + 0.9 / sold_out) for accepted, sold_out in both]
    names = ("accepted", "sold out", "1 of 10 accepted")
    bars = [Bar(name, "SADD, INCR", 1.5, why_not=WHY_NOT[client]) for name in names]
    bars += [Bar(name, "INCR", 0.5) for name in ("accepted", "sold out")]
    return Row(f"gate script, {CONNECTIONS} connections of {client}", "people/s", values, bars)


def _redis_py(bench: Bench, gate: Gate, apply: dict[str, list[str]]) -> Contenders:
    """Return what a thread for each connection measures, as the environments' client has it."""
    redis: Any = gate.redis
    calls, numbers = bench.pick(5_000, 1_000), itertools.count()

    def chain(user_id: str) -> None:
        redis.sadd(PEOPLE, user_id)
        redis.incr(COUNT)

    def measure(call: Callable[[str], object]) -> float:
        people = [person(next(numbers)) for _ in range(calls)]
        with ThreadPoolExecutor(CONNECTIONS) as threads:
            return rate(lambda: list(threads.map(call, people)), calls)

    def applying(command: list[str]) -> Callable[[str], object]:
        return lambda user_id: redis.execute_command(*command, user_id, CALL)

    work: dict[str, Callable[[str], object]] = {"INCR": lambda _: redis.incr(COUNT), "SADD, INCR": chain}
    work |= {name: applying(command) for name, command in apply.items()}
    return {name: partial(measure, call) for name, call in work.items()}


def _redis_benchmark(bench: Bench, apply: dict[str, list[str]]) -> Contenders:
    commands = {"INCR": ["INCR", COUNT], "SADD": ["SADD", PEOPLE, SOMEBODY]}
    commands |= {name: [*command, SOMEBODY, CALL] for name, command in apply.items()}
    calls = bench.pick(100_000, 5_000)
    return {name: partial(redis_benchmark, bench, command, calls) for name, command in commands.items()}
