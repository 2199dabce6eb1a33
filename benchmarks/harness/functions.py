"""Handlers in this process, as an execution environment has them, and the events that they are given."""

from __future__ import annotations

import contextlib
import copy
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

from benchmarks.harness.bench import Bench
from dev import poller
from dev.cloud import ROOT
from firstcome.rules import Ticket
from firstcome.runtime.telemetry import logger
from firstcome.stream.record import encode

_APPLY: dict[str, Any] = json.loads((ROOT / "events" / "apply-first.json").read_text())
HEADERS = [("correlation_id", b"JKJaXmPLvHcESHA=")]  # of a record
PARTITIONS = 12  # over which a batch's records are spread, as those of the topic are


@contextlib.contextmanager
def environment(bench: Bench, name: str, **settings: str) -> Iterator[None]:
    """Have a function's variables over the benchmark's servers, and its log in a file that nobody reads."""
    before = dict(os.environ)
    os.environ.update(bench.environ | {f"FIRSTCOME_{setting.upper()}": value for setting, value in settings.items()})
    with (bench.folder / f"{name}.log").open("w") as log, contextlib.redirect_stdout(log):
        logger.registered_handler.setStream(log)  # type: ignore[attr-defined]
        try:
            yield
        finally:
            logger.registered_handler.setStream(sys.__stdout__)  # type: ignore[attr-defined]
            os.environ.clear()
            os.environ.update(before)


def apply_event(event_id: str, user_id: str) -> dict[str, Any]:
    """Return the event in which API Gateway hands over an application of a trusted back end."""
    event = copy.deepcopy(_APPLY)
    event["rawPath"] = event["requestContext"]["http"]["path"] = f"/events/{event_id}/applications"
    event["pathParameters"] = {"event_id": event_id}
    event["body"] = json.dumps({"user_id": user_id})
    return event


def kafka_event(topic: str, tickets: Sequence[Ticket]) -> dict[str, Any]:
    """Return the event in which the event source mapping hands over the records of these tickets."""
    same = {"topic": topic, "timestamp": int(time.time() * 1000), "timestamp_type": 0, "headers": HEADERS}
    records = [
        SimpleNamespace(
            **same, partition=n % PARTITIONS, offset=n, key=ticket.user_id.encode(), value=encode(ticket, 1)
        )
        for n, ticket in enumerate(tickets)
    ]
    return poller.event(records, "arn:bench", "b-1:9098")
