"""The gate script against the two calls of the tutorial's chain, and against the cheapest command that there is.

With `redis-benchmark`, the fastest client that there is, the figures are Redis's own; what redis-py adds to them stands
in `apply` and `http`.
"""

from __future__ import annotations

from contextlib import closing
from functools import partial

from benchmarks.harness.bench import CALL, PLENTY, Bench, evalsha, view, wrong_people
from benchmarks.harness.rows import Bar, Row, interleave
from benchmarks.harness.tools import CONNECTIONS, SOMEBODY, redis_benchmark

WHY_NOT = (
    "to a client in C two commands are little more than two system calls of Redis, while a script that decides window, "
    "state, cap, order and identity runs up to ten commands of about 1 µs inside (INFO commandstats)"
)
COUNT, PEOPLE = "bench:count", "bench:applied_user"  # the chain's keys


def run(bench: Bench) -> list[Row]:
    """Measure accepting, refusing what is sold out, and the mixture of an event with ten applicants a coupon."""
    with closing(bench.stores()) as stores:
        gate = stores.gate
        accepting, sold_out = bench.open_event(stores, PLENTY, "accept"), bench.sold_out(stores)
        apply = {"accepted": evalsha(gate, accepting), "sold out": evalsha(gate, sold_out)}
        row = _row(bench, apply)
        gate.redis.unlink(COUNT, PEOPLE)
        given = view(gate, accepting).coupon_count
        row.wrong.extend(wrong_people(gate, accepting, given) if given else ["nobody has a ticket"])
        bench.forget(stores, accepting, sold_out)
    return [row]


def _row(bench: Bench, apply: dict[str, list[str]]) -> Row:
    commands = {"INCR": ["INCR", COUNT], "SADD": ["SADD", PEOPLE, SOMEBODY]}
    commands |= {name: [*command, SOMEBODY, CALL] for name, command in apply.items()}
    calls = bench.pick(100_000, 5_000)
    contenders = {name: partial(redis_benchmark, bench, command, calls) for name, command in commands.items()}
    values = interleave(contenders, bench.pick(3, 1), bench.say)
    # One connection's two calls, one after the other: their times add up.
    pairs = zip(values.pop("SADD"), values["INCR"], strict=True)
    values["SADD, INCR"] = [1 / (1 / sadd + 1 / incr) for sadd, incr in pairs]
    both = zip(values["accepted"], values["sold out"], strict=True)
    values["1 of 10 accepted"] = [1 / (0.1 / accepted + 0.9 / sold_out) for accepted, sold_out in both]
    names = ("accepted", "sold out", "1 of 10 accepted")
    bars = [Bar(name, "SADD, INCR", 1.5, why_not=WHY_NOT) for name in names]
    bars += [Bar(name, "INCR", 0.5) for name in ("accepted", "sold out")]
    return Row(f"gate script, {CONNECTIONS} connections of redis-benchmark", "people/s", values, bars)
