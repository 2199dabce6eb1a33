"""The apply handler in one execution environment, called in process with real events, beside the bare round trips.

Time, as whoever asks waits for it; and CPU of all threads of the process, as Lambda's share of a core has to give it.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from statistics import median
from types import ModuleType
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from kafka import KafkaProducer

from benchmarks.harness.bench import CALL, FEW, PATIENT, PLENTY, Bench, evalsha, person, wrong_people
from benchmarks.harness.functions import HEADERS, apply_event, environment
from benchmarks.harness.library import awaited_producer
from benchmarks.harness.rows import Bar, Row, interleave
from dev.openapi import load_handler
from firstcome.operate.actions import act
from firstcome.rules import Ticket
from firstcome.settings import Settings
from firstcome.stores import Stores
from firstcome.stream.record import encode

WARM_UP = 200  # calls: connections, the caches of Powertools and of the interpreter
AWAITED_S = 5
FLOOR = "EVALSHA + awaited KafkaProducer"
TURNS = (
    "where other processes want the cores, each round trip waits for its turn, and the handler makes one more: the "
    "gate has to note the delivery before it is said. The CPU below is what it costs"
)
TOPIC = "apply"  # of its own: nobody reads these records, and a drain would meet them

_numbers = itertools.count()


def run(bench: Bench) -> list[Row]:
    """Measure accepting, and refusing what is sold out, from memory and by asking Redis."""
    rounds, calls = bench.pick(30, 1), bench.pick(100, 50)  # short turns: what else runs here meets both sides
    settings = replace(Settings.from_env(bench.environ | PATIENT), kafka_topic=TOPIC)
    reserved: list[str] = []  # a send that is given up is no cheap one
    with closing(Stores.of(settings)) as stores, closing(awaited_producer(settings)) as producer:
        act(stores, {"action": "migrate"})
        open_event, sold_out = bench.open_event(stores, PLENTY, "accept"), bench.sold_out(stores)
        with environment(bench, "apply", kafka_topic=TOPIC):
            os.environ.update(PATIENT)
            remembering = load_handler()
            os.environ["FIRSTCOME_SOLD_OUT_MEMORY_MS"] = "0"
            asking = load_handler()

            def accepted(event: Any, context: Any) -> None:
                if '"accepted"' not in (answer := asking.handler(event, context))["body"]:
                    reserved.append(answer["body"])

            contenders: dict[str, tuple[Callable[[Any, Any], object], str]] = {
                "accepted": (accepted, open_event),
                FLOOR: (_round_trips(asking, open_event, producer), open_event),
                "from memory": (remembering.handler, sold_out),
                "empty Powertools handler": (_empty(), sold_out),
                "via Redis": (asking.handler, sold_out),
                "EVALSHA": (_evalsha(asking, sold_out), sold_out),
            }
            for call, event_id in contenders.values():
                _measure(call, event_id, WARM_UP)
            measures = {name: lambda c=c, e=e: _measure(c, e, calls) for name, (c, e) in contenders.items()}
            found = interleave(measures, rounds, bench.say)
        wrong = wrong_people(stores.gate, open_event, 2 * (rounds * calls + WARM_UP))
        wrong += wrong_people(stores.gate, sold_out, FEW) + reserved[:1]
        bench.forget(stores, open_event, sold_out)

    def row(what: str, ours: str, floor: str, limit: float, *, cpu: bool = False) -> Row:
        both = {"handler": found[ours], floor: found[floor]}
        values = {name: [each[cpu] for each in rounds] for name, rounds in both.items()}
        unit = "µs of CPU a call" if cpu else "µs a call"
        why_not = TURNS if floor == FLOOR and not cpu else ""
        bars = [Bar("handler", floor, limit, at_most=True, why_not=why_not)]
        return Row(f"apply handler, {what}{': CPU' * cpu}", unit, values, bars)

    rows = [
        row("accepted", "accepted", FLOOR, 0.5),
        row("accepted", "accepted", FLOOR, 0.5, cpu=True),
        row("sold out, from memory", "from memory", "empty Powertools handler", 1.5),
        row("sold out, via Redis", "via Redis", "EVALSHA", 2),
    ]
    rows[0].wrong.extend(wrong)
    return rows


def _measure(call: Callable[[Any, Any], object], event_id: str, calls: int) -> tuple[float, float]:
    """Return the median time of a call, each for another person, and the mean of its CPU, in microseconds."""
    events = [apply_event(event_id, person(next(_numbers))) for _ in range(calls)]
    times_ns, cpu_began_s = list[int](), time.process_time()
    for event in events:
        began_ns = time.perf_counter_ns()
        call(event, None)
        times_ns.append(time.perf_counter_ns() - began_ns)
    return median(times_ns) / 1000, (time.process_time() - cpu_began_s) / calls * 1e6


def _empty() -> Callable[[Any, Any], object]:
    """Return a handler that does nothing but route and answer a constant, through Powertools' resolver."""
    app = APIGatewayHttpResolver()

    @app.post("/events/<event_id>/applications")
    def apply(event_id: str) -> Response[str]:  # noqa: ARG001
        return Response(409, "application/problem+json", '{"code":"sold_out"}', {"Cache-Control": "no-store"})

    return app.resolve


def _evalsha(environment: ModuleType, event_id: str) -> Callable[[Any, Any], Any]:
    """Return the round trip to Redis by itself, over the environment's own client."""
    gate = environment.applications.gate
    command = evalsha(gate, event_id)
    return lambda event, _: gate.redis.execute_command(*command, event["body"][13:-2], CALL)


def _round_trips(environment: ModuleType, event_id: str, producer: KafkaProducer) -> Callable[[Any, Any], object]:
    """Return both round trips by themselves: the script, and a record that is awaited."""
    round_trip = _evalsha(environment, event_id)

    def call(event: dict[str, Any], context: object) -> object:
        ticket, applied_at_ms, _ = map(int, round_trip(event, context).split(" ")[3:])
        user_id = event["body"][13:-2]
        value = encode(Ticket(event_id, user_id, ticket, applied_at_ms), 1)
        return producer.send(TOPIC, key=user_id.encode(), value=value, headers=HEADERS).get(AWAITED_S)

    return call
