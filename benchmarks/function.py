"""A function's handler in this process, as an execution environment has it, and what it is given."""

from __future__ import annotations

import base64
import contextlib
import copy
import importlib
import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any

from dev.cloud import ROOT
from firstcome.rules import Ticket
from firstcome.stream import encode
from firstcome.telemetry import logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks.bench import Bench
    from firstcome.stores import Stores

_APPLY: dict[str, Any] = json.loads((ROOT / "events" / "apply-first.json").read_text())
PARTITIONS = 12  # over which a batch's records are spread, as those of the topic are


@contextlib.contextmanager
def load(bench: Bench, name: str, **settings: str) -> Iterator[Callable[[Any, Any], Any]]:
    """Import functions/<name>/handler.py over the benchmark's servers; answer its handler, which logs into a file."""
    variables = bench.environ | {f"FIRSTCOME_{setting.upper()}": value for setting, value in settings.items()}
    before = dict(os.environ)
    os.environ.update(variables)
    with (bench.folder / f"{name}.log").open("w") as log, contextlib.redirect_stdout(log):
        logger.registered_handler.setStream(log)  # type: ignore[attr-defined]
        try:
            yield importlib.import_module(f"functions.{name}.handler").handler
        finally:
            logger.registered_handler.setStream(sys.__stdout__)  # type: ignore[attr-defined]
            os.environ.clear()
            os.environ.update(before)


def apply_all(stores: Stores, event_id: str, count: int) -> list[Ticket]:
    """Let so many people apply, and answer their tickets; nothing is sent."""
    tickets = []
    for number in range(count):
        user_id = f"5f0e8400-e29b-41d4-a716-{number:012}"
        decision = stores.gate.apply(event_id, user_id, "0123abcd")
        assert decision.ticket is not None, decision
        assert decision.applied_at_ms is not None, decision
        tickets.append(Ticket(event_id, user_id, decision.ticket, decision.applied_at_ms))
    return tickets


def apply_event(event_id: str, user_id: str) -> dict[str, Any]:
    """Answer the event in which API Gateway hands over an application of a trusted back end."""
    path = f"/events/{event_id}/applications"
    event = copy.deepcopy(_APPLY)
    event["rawPath"] = event["requestContext"]["http"]["path"] = path
    event["pathParameters"] = {"event_id": event_id}
    event["body"] = json.dumps({"user_id": user_id})
    return event


def kafka_event(topic: str, tickets: Sequence[Ticket]) -> dict[str, Any]:
    """Answer the event in which the event source mapping hands over the records of these tickets."""
    now_ms = int(time.time() * 1000)
    records: dict[str, list[dict[str, Any]]] = {}
    for number, ticket in enumerate(tickets):
        partition = number % PARTITIONS
        record = {
            "topic": topic,
            "partition": partition,
            "offset": number,
            "timestamp": now_ms,
            "timestampType": "CREATE_TIME",
            "key": base64.b64encode(ticket.user_id.encode()).decode(),
            "value": base64.b64encode(encode(ticket, 1)).decode(),
            "headers": [{"correlation_id": list(b"JKJaXmPLvHcESHA=")}],
        }
        records.setdefault(f"{topic}-{partition}", []).append(record)
    return {
        "eventSource": "aws:kafka",
        "eventSourceArn": "arn:bench",
        "bootstrapServers": "b-1:9098",
        "records": records,
    }
