"""The gate script against the two calls of the tutorial's chain, and against the cheapest command that there is.

`redis-benchmark` is the client: it is the fastest one that there is, so the figures are Redis's own and not a client's.
"""

from __future__ import annotations

import subprocess
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from benchmarks.measure import Bar, Row, interleave
from dev.install import programs

if TYPE_CHECKING:
    from benchmarks.bench import Bench
    from firstcome.gate import Gate

CONNECTIONS = 50
SOMEBODY = "5f0e8400-e29b-41d4-a716-__rand_int__"  # as long as a UUID; redis-benchmark puts twelve digits in
PEOPLE = 10**9
CHAIN_WHY_NOT = (
    "with a client in C on the other core, an INCR costs Redis little more than its system calls, and two of them cost "
    "24 µs; a script that decides window, state, cap, order and identity has nine commands of about 1 µs inside it"
)


def run(bench: Bench) -> list[Row]:
    """Measure accepting, refusing what is sold out, and the mixture of an event with ten applicants a coupon."""
    calls, rounds = bench.pick(100_000, 5_000), bench.pick(5, 1)
    port = urlsplit(bench.servers.redis_url).port
    redis_benchmark = partial(_redis_benchmark, str(port), calls)
    wrong: list[str] = []
    with closing(bench.stores()) as stores:
        accepting = bench.open_event(stores, 10**7, "accept")
        accept = evalsha(stores.gate, accepting)
        # One that has given its tickets away.
        sold_out = evalsha(stores.gate, bench.open_event(stores, 100, "sold-out"))
        redis_benchmark(sold_out, n=2_000)

        values = interleave(
            {
                "INCR": lambda: redis_benchmark(["INCR", "bench:count"]),
                "SADD": lambda: redis_benchmark(["SADD", "bench:applied_user", SOMEBODY]),
                "gate": lambda: redis_benchmark(accept),
                "gate, sold out": lambda: redis_benchmark(sold_out),
            },
            rounds,
            bench.say,
        )
        view = stores.gate.show(accepting)
        if (
            view is None or not 1 < view.coupon_count <= rounds * calls + 1
        ):  # a repeated number is the same person again
            wrong.append(f"{view} after {rounds * calls} applications")
        stores.gate.redis.delete("bench:count", "bench:applied_user")
    # One connection's two calls, one after the other: the times add up.
    chain = [1 / (1 / incr + 1 / sadd) for incr, sadd in zip(values["INCR"], values["SADD"], strict=True)]
    mixture = [1 / (0.1 / yes + 0.9 / no) for yes, no in zip(values["gate"], values["gate, sold out"], strict=True)]
    values = {
        "INCR": values["INCR"],
        "SADD, INCR": chain,
        "accepted": values["gate"],
        "sold out": values["gate, sold out"],
        "1 of 10 accepted": mixture,
    }
    what = f"gate script, {CONNECTIONS} connections"
    bars = [
        Bar("accepted", "SADD, INCR", 1.5, why_not=CHAIN_WHY_NOT),
        Bar("sold out", "SADD, INCR", 1.5),
        Bar("1 of 10 accepted", "SADD, INCR", 1.5),
        Bar("accepted", "INCR", 0.5),
        Bar("sold out", "INCR", 0.5),
    ]
    return [Row("gate", what, "calls/s", values, bars, wrong)]


def evalsha(gate: Gate, event_id: str) -> list[str]:
    """Answer the command that applies for somebody, its script loaded."""
    gate.apply(event_id, "the-first", "call")
    keys = gate.keys(event_id)
    return ["EVALSHA", gate.script("gate").sha, str(len(keys)), *keys, SOMEBODY, "0123abcd"]


def _redis_benchmark(port: str, calls: int, command: list[str], n: int = 0) -> float:
    """Answer how many of the command Redis carries out in a second, for clients that wait for each answer."""
    program = programs(["redis-benchmark"])["redis-benchmark"]
    options = ["-p", port, "-c", str(CONNECTIONS), "-n", str(n or calls), "-r", str(PEOPLE), "--csv"]
    said = subprocess.run([program, *options, *command], capture_output=True, text=True, check=True).stdout
    return float(said.splitlines()[-1].split(",")[1].strip('"'))
