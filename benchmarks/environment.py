"""One execution environment of apply that measures itself; `apply` starts it, and reads what it writes to a pipe."""

from __future__ import annotations

import itertools
import json
import os
import sys
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from benchmarks.function import CALL, HEADERS, apply_event, person
from benchmarks.measure import each_us, interleave
from dev.openapi import load_handler
from firstcome.rules import Ticket
from firstcome.stream.record import encode

if TYPE_CHECKING:
    from collections.abc import Callable

WARM_UP = 200  # calls: connections, the caches of Powertools and of the interpreter
AWAITED_S = 5

_numbers = itertools.count()


def main() -> None:
    """Measure every contender; write the values, and which share of the calls from memory has asked Redis."""
    descriptor, arguments = sys.argv[1:]
    open_event, sold_out, rounds, calls = json.loads(arguments)
    remembering = load_handler()
    os.environ["FIRSTCOME_SOLD_OUT_MEMORY_MS"] = "0"
    asking = load_handler()
    contenders = {
        "accepted": (asking.handler, open_event),
        "EVALSHA + produce": (_round_trips(asking), open_event),
        "from memory": (remembering.handler, sold_out),
        "empty Powertools handler": (_empty(), sold_out),
        "via Redis": (asking.handler, sold_out),
        "EVALSHA": (_evalsha(asking), sold_out),
    }
    for call, event_id in contenders.values():
        _measure(call, event_id, WARM_UP)
    values = interleave({name: lambda c=c, e=e: _measure(c, e, calls) for name, (c, e) in contenders.items()}, rounds)  # type: ignore[misc]
    redis = remembering.applications.gate.redis
    _measure(remembering.handler, sold_out, 1)
    redis.config_resetstat()
    _measure(remembering.handler, sold_out, calls)
    asked = redis.info("commandstats").get("cmdstat_evalsha", {"calls": 0})["calls"] / calls
    with os.fdopen(int(descriptor), "w") as pipe:
        json.dump([values, asked], pipe)


def _measure(call: Callable[[Any, Any], object], event_id: str, calls: int) -> float:
    """Return the median time of a call, each for another person, in microseconds."""
    return each_us(
        lambda event: call(event, None), [apply_event(event_id, person(next(_numbers))) for _ in range(calls)]
    )


def _empty() -> Callable[[Any, Any], object]:
    """Return a handler that does nothing but route and answer a constant, through Powertools' resolver."""
    app = APIGatewayHttpResolver()

    @app.post("/events/<event_id>/applications")
    def apply(event_id: str) -> Response[str]:  # noqa: ARG001
        return Response(409, "application/problem+json", '{"code":"sold_out"}', {"Cache-Control": "no-store"})

    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        return app.resolve(event, context)

    return handler


def _evalsha(environment: Any) -> Callable[[Any, Any], Any]:
    """Return the round trip to Redis by itself, over the environment's own client."""
    gate = environment.applications.gate
    redis = gate.redis
    sha = redis.script_load(gate.script("gate").script)

    def call(event: dict[str, Any], _: object) -> Any:
        keys = gate.keys(event["pathParameters"]["event_id"])
        return redis.evalsha(sha, len(keys), *keys, event["body"][13:-2], CALL)

    return call


def _round_trips(environment: Any) -> Callable[[Any, Any], object]:
    """Return both round trips by themselves: the script, and a record that is awaited."""
    evalsha = _evalsha(environment)
    stream = environment.applications.stream
    producer = stream._connect()  # noqa: SLF001  the very producer of the handler
    topic = environment.settings.kafka_topic

    def call(event: dict[str, Any], context: object) -> object:
        _, ticket, applied_at_ms, *_ = evalsha(event, context)
        user_id = event["body"][13:-2]
        value = encode(Ticket(event["pathParameters"]["event_id"], user_id, ticket, applied_at_ms), 1)
        return producer.send(topic, key=user_id.encode(), value=value, headers=HEADERS).get(AWAITED_S)

    return call


if __name__ == "__main__":
    main()
