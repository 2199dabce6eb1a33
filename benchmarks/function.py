"""A function's handler in this process, as an execution environment has it, and what it is given."""

from __future__ import annotations

import contextlib
import copy
import importlib
import json
import os
import sys
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from dev import poller
from dev.cloud import ROOT
from firstcome.gate.gate import ApplyOutcome
from firstcome.rules import Ticket
from firstcome.runtime.telemetry import logger
from firstcome.stream.record import encode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks.bench import Bench
    from firstcome.stores import Stores

_APPLY: dict[str, Any] = json.loads((ROOT / "events" / "apply-first.json").read_text())
APPLY_AT_A_TIME = 1_000  # in one round trip
CALL = "0123abcd"  # the name of an application's call
HEADERS = [("correlation_id", b"JKJaXmPLvHcESHA=")]  # of a record
PARTITIONS = 12  # over which a batch's records are spread, as those of the topic are


@contextlib.contextmanager
def load(bench: Bench, name: str, **settings: str) -> Iterator[Callable[[Any, Any], Any]]:
    """Import functions/<name>/handler.py over the benchmark's servers; return its handler, which logs into a file."""
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


def person(number: int) -> str:
    """Return the id of one person, as long as a UUID."""
    return f"5f0e8400-e29b-41d4-a716-{number:012}"


def apply_all(stores: Stores, event_id: str, count: int) -> list[Ticket]:
    """Let so many people apply, in few round trips, and answer their tickets; nothing is sent."""
    redis, keys = stores.gate.redis, stores.gate.keys(event_id)
    sha = redis.script_load(stores.gate.script("gate").script)
    tickets = []
    for start in range(0, count, APPLY_AT_A_TIME):
        people = [person(number) for number in range(start, min(count, start + APPLY_AT_A_TIME))]
        with redis.pipeline(transaction=False) as pipeline:
            for user_id in people:
                pipeline.evalsha(sha, len(keys), *keys, user_id, CALL)
            answers = pipeline.execute()
        for user_id, (word, ticket, applied_at_ms, *_) in zip(people, answers, strict=True):
            assert word == ApplyOutcome.ACCEPTED, word
            tickets.append(Ticket(event_id, user_id, ticket, applied_at_ms))
    return tickets


def apply_event(event_id: str, user_id: str) -> dict[str, Any]:
    """Return the event in which API Gateway hands over an application of a trusted back end."""
    path = f"/events/{event_id}/applications"
    event = copy.deepcopy(_APPLY)
    event["rawPath"] = event["requestContext"]["http"]["path"] = path
    event["pathParameters"] = {"event_id": event_id}
    event["body"] = json.dumps({"user_id": user_id})
    return event


def msk_event(topic: str, tickets: Sequence[Ticket]) -> dict[str, Any]:
    """Return the event in which the event source mapping hands over the records of these tickets."""
    now_ms = int(time.time() * 1000)
    records = [
        SimpleNamespace(
            topic=topic,
            partition=number % PARTITIONS,
            offset=number,
            timestamp=now_ms,
            timestamp_type=0,
            key=ticket.user_id.encode(),
            value=encode(ticket, 1),
            headers=HEADERS,
        )
        for number, ticket in enumerate(tickets)
    ]
    return poller.event(records, "arn:bench", "b-1:9098")
