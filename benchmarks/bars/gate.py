"""The gate script against one that makes the same Redis calls and decides nothing, and beside the cheapest command.

With `redis-benchmark`, the fastest client that there is, the figures are Redis's own; what redis-py adds to them stands
in `apply` and `http`.

Beside it, what the winners take of Redis's memory, with which `make capacity` plans. Nothing is settled meanwhile, so
this is the peak: every ticket is still pending.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.harness.bench import CALL, PLENTY, Bench, evalsha, view, wrong_people
from benchmarks.harness.rows import Bar, Row, interleave
from benchmarks.harness.tools import CONNECTIONS, SOMEBODY, redis_benchmark
from benchmarks.scale.limits import WINNER_BYTES
from firstcome.gate.gate import Gate
from firstcome.stores import Stores

COUNT = "bench:count"
_LOOK, _WRITE = Path(__file__).with_suffix(".lua").read_text().split("-- sold out\n")
SAME_CALLS = {
    "accepted": _LOOK + _WRITE + "return 'ACCEPTED 1 1790000000000 123456 1790000000000 1'",
    "sold out": _LOOK + "return 'SOLD_OUT 1 1790000000000 1790000000000 1:1790000000000:100:1600'",
}
FLOOR = "the same calls, "
WINNERS, PLANNED, FULL, LATER = "accepted", "planned", "sold out", "many losers later"
CAREFUL = 0.8  # of what is planned: a plan of more would ask for too large a node
PATIENCE_MS = 60_000  # Redis counts the bytes one by one, and does nothing else meanwhile
DECIDING = (
    "by our reading, mostly the product: deciding takes about 5 µs of Lua beside 13 µs of calls (the rows above); why "
    "the floor gets dearer within a run was not found"
)
NOTE = (
    "beside INCR there is no bar: to a client in C one INCR is two system calls of Redis, about 9 µs of its CPU, and "
    "an application adds four calls of about 1 µs inside (a winner's seven), EVALSHA and Lua"
)


def run(bench: Bench) -> list[Row]:
    """Measure accepting, and refusing what is sold out."""
    with closing(Stores.of(replace(bench.settings, redis_timeout_ms=PATIENCE_MS))) as stores:
        gate = stores.gate
        accepting, sold_out = bench.open_event(stores, PLENTY, "accept"), bench.sold_out(stores)
        events = {"accepted": accepting, "sold out": sold_out}
        written = bench.open_event(stores, PLENTY, "floor")
        commands = {name: evalsha(gate, event_id) for name, event_id in events.items()}
        for name, text in SAME_CALLS.items():
            keys = gate.keys(written if name == "accepted" else events[name])
            commands[FLOOR + name] = ["EVALSHA", str(gate.redis.script_load(text)), str(len(keys)), *keys]
        full = _bytes_a_winner(gate, sold_out)
        rows = _rows(bench, gate, {name: [*command, SOMEBODY, CALL] for name, command in commands.items()})
        gate.redis.unlink(COUNT)
        given = view(gate, accepting).coupon_count
        # After a whole run 300,000: Redis's tables have just outgrown 2^18, and have room for twice as many.
        took = {WINNERS: _bytes_a_winner(gate, accepting), PLANNED: float(WINNER_BYTES)}
        took |= {FULL: full, LATER: _bytes_a_winner(gate, sold_out)}
        planned = [Bar(WINNERS, PLANNED, 1, at_most=True), Bar(WINNERS, PLANNED, CAREFUL)]
        bars = [*planned, Bar(LATER, FULL, 1.01, at_most=True)]
        values = {name: [size] for name, size in took.items()}
        rows.insert(0, Row("memory of the gate at its peak", "bytes a winner", values, bars))
        rows[-1].wrong.extend(wrong_people(gate, accepting, given))
        bench.forget(stores, accepting, sold_out, written)
    return rows


def _bytes_a_winner(gate: Gate, event_id: str) -> float:
    """Return what the event's keys take, counted whole (`SAMPLES 0`)."""
    redis: Any = gate.redis
    sizes = [redis.memory_usage(key, samples=0) or 0 for key in gate.keys(event_id)]
    return float(sum(sizes) / view(gate, event_id).coupon_count)


def _rows(bench: Bench, gate: Gate, scripts: dict[str, list[str]]) -> list[Row]:
    """Return what an application costs Redis, by two measures, and last how many of them it serves."""
    calls = bench.pick(30_000, 5_000)
    cpu: dict[str, list[float]] = {}
    inside: dict[str, list[float]] = {}
    made: dict[str, dict[str, int]] = {}

    def measure(name: str, command: list[str]) -> float:
        redis: Any = gate.redis  # whose answers have types for both kinds of clients
        redis.config_resetstat()
        before = _cpu_s(redis.info("cpu"))
        rate = redis_benchmark(bench, command, calls)
        cpu.setdefault(name, []).append((_cpu_s(redis.info("cpu")) - before) / calls * 1e6)
        stats = {key.removeprefix("cmdstat_"): each for key, each in redis.info("commandstats").items()}
        inside.setdefault(name, []).append(stats[command[0].lower()]["usec_per_call"])
        made[name] = {one: round(each["calls"] / calls) for one, each in stats.items() if each["calls"] > calls / 2}
        return rate

    commands = scripts | {"INCR": ["INCR", COUNT]}
    contenders = {name: partial(measure, name, command) for name, command in commands.items()}
    values = interleave(contenders, bench.pick(10, 1), bench.say)  # many short ones: a busy moment meets both sides
    what = f"gate script, {CONNECTIONS} connections of redis-benchmark"
    bars = [Bar(name, FLOOR + name, 0.8, why_not=DECIDING if name == "accepted" else "") for name in SAME_CALLS]
    row = Row(what, "people/s", values, bars, notes=[NOTE])
    row.wrong.extend(
        f"{name}: the calls {made[name]} are not those of its floor, {made[FLOOR + name]}"
        for name in SAME_CALLS
        if made[name] != made[FLOOR + name]
    )
    return [
        Row(f"{what}: Redis's CPU", "µs a person", cpu),
        Row(f"{what}: time inside the command", "µs a person", inside),
        row,
    ]


def _cpu_s(info: dict[str, Any]) -> float:
    return float(info["used_cpu_user"]) + float(info["used_cpu_sys"])
