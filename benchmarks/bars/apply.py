"""The apply handler in one execution environment, called in process with real events, beside the bare round trips."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from types import ModuleType
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from benchmarks.harness.bench import CALL, FEW, PLENTY, Bench, evalsha, person, wrong_people
from benchmarks.harness.functions import HEADERS, apply_event, environment
from benchmarks.harness.rows import Bar, Row, each_us, interleave
from dev.openapi import load_handler
from firstcome.operate.actions import act
from firstcome.rules import Ticket
from firstcome.stores import Stores
from firstcome.stream.record import encode

# Of the losers whose answer comes from memory: a filter of winners takes a few of them for one.
ASKED_MAX = 0.05
WARM_UP = 200  # calls: connections, the caches of Powertools and of the interpreter
AWAITED_S = 5
TOPIC = "apply"  # of its own: nobody reads these records, and a drain would meet them

_numbers = itertools.count()


def run(bench: Bench) -> list[Row]:
    """Measure accepting, and refusing what is sold out, from memory and by asking Redis."""
    rounds, calls = bench.pick(9, 1), bench.pick(400, 50)
    with closing(Stores.of(replace(bench.settings, kafka_topic=TOPIC))) as stores:
        act(stores, {"action": "migrate"})
        open_event, sold_out = bench.open_event(stores, PLENTY, "accept"), bench.sold_out(stores)
        with environment(bench, "apply", kafka_topic=TOPIC):
            remembering = load_handler()
            os.environ["FIRSTCOME_SOLD_OUT_MEMORY_MS"] = "0"
            asking = load_handler()
            contenders = {
                "accepted": (asking.handler, open_event),
                "EVALSHA + produce": (_round_trips(asking, open_event), open_event),
                "from memory": (remembering.handler, sold_out),
                "empty Powertools handler": (_empty(), sold_out),
                "via Redis": (asking.handler, sold_out),
                "EVALSHA": (_evalsha(asking, sold_out), sold_out),
            }
            for call, event_id in contenders.values():
                _measure(call, event_id, WARM_UP)
            measures = {name: lambda c=c, e=e: _measure(c, e, calls) for name, (c, e) in contenders.items()}
            values = interleave(measures, rounds, bench.say)
            asked = _asked(remembering, sold_out, calls)
        wrong = wrong_people(stores.gate, open_event, 2 * (rounds * calls + WARM_UP))
        wrong += wrong_people(stores.gate, sold_out, FEW)
        bench.forget(stores, open_event, sold_out)
    if asked > ASKED_MAX:
        wrong.append(f"{asked:.1%} of the losers were asked about in Redis")

    def row(what: str, ours: str, floor: str, limit: float, *notes: str) -> Row:
        bars = [Bar("handler", floor, limit, at_most=True)]
        both = {"handler": values[ours], floor: values[floor]}
        return Row(f"apply handler, {what}", "µs a call", both, bars, notes=list(notes))

    note = f"{asked:.1%} of these losers look like a winner and are asked about in Redis; 1.4 % are expected"
    rows = [
        row("accepted, one environment", "accepted", "EVALSHA + produce", 1.5),
        row("sold out, from memory", "from memory", "empty Powertools handler", 1.5, note),
        row("sold out, via Redis", "via Redis", "EVALSHA", 2),
    ]
    rows[0].wrong.extend(wrong)
    return rows


def _measure(call: Callable[[Any, Any], object], event_id: str, calls: int) -> float:
    """Return the median time of a call, each for another person, in microseconds."""
    events = [apply_event(event_id, person(next(_numbers))) for _ in range(calls)]
    return each_us(lambda event: call(event, None), events)


def _asked(remembering: ModuleType, sold_out: str, calls: int) -> float:
    """Return which share of the losers is asked about in Redis, though the environment remembers."""
    redis = remembering.applications.gate.redis
    _measure(remembering.handler, sold_out, 1)
    redis.config_resetstat()
    _measure(remembering.handler, sold_out, calls)
    found: int = redis.info("commandstats").get("cmdstat_evalsha", {"calls": 0})["calls"]
    return found / calls


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


def _round_trips(environment: ModuleType, event_id: str) -> Callable[[Any, Any], object]:
    """Return both round trips by themselves: the script, and a record that is awaited."""
    round_trip = _evalsha(environment, event_id)
    producer = environment.applications.stream._connect()  # noqa: SLF001  the very producer of the handler
    topic = environment.settings.kafka_topic

    def call(event: dict[str, Any], context: object) -> object:
        ticket, applied_at_ms, _ = map(int, round_trip(event, context).split(" ")[3:])
        user_id = event["body"][13:-2]
        value = encode(Ticket(event_id, user_id, ticket, applied_at_ms), 1)
        return producer.send(topic, key=user_id.encode(), value=value, headers=HEADERS).get(AWAITED_S)

    return call
