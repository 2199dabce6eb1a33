"""Read an `aws:kafka` event: what can be issued, and what is wrong in itself."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from firstcome.ledger import Claim, Failure, Source
from firstcome.rules import BadInput, Reason
from firstcome.stream import BadRecord, decode


def read(event: dict[str, Any], topic: str) -> tuple[list[Claim], list[Failure]]:
    """Answer the records of `event` that can be issued, and those that can never be, each with its source position.

    `event` is what the event source mapping sends: {"records": {"<topic>-<partition>": [{"topic", "partition",
    "offset", "timestamp" (ms), "key", "value" (base64), "headers"}, …]}}. Raises `BadInput` where it is not.
    """
    partitions = event.get("records")
    if not isinstance(partitions, dict):
        raise BadInput("bad_event", 'expected an aws:kafka event: {"eventSource": "aws:kafka", "records": {…}}')
    claims: list[Claim] = []
    failures: list[Failure] = []
    for records in partitions.values():
        for record in records:
            source = Source(record["topic"], record["partition"], record["offset"], record["timestamp"])
            _read_one(record.get("value"), source, topic, claims, failures)
    return claims, failures


def _read_one(value: str | None, source: Source, topic: str, claims: list[Claim], failures: list[Failure]) -> None:
    payload = b""
    try:
        if value is None:
            raise BadRecord(Reason.NO_VALUE, "the record has no value")
        try:
            payload = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            payload = value.encode()
            raise BadRecord(Reason.NOT_BASE64, "the value is not base64") from None
        if source.topic != topic:
            raise BadRecord(Reason.WRONG_TOPIC, f"a record of {source.topic}; expected {topic}")
        ticket, _ = decode(payload)
    except BadRecord as bad:
        known = (bad.event_id, bad.user_id, bad.ticket, bad.applied_at_ms)
        failures.append(Failure(bad.reason, bad.detail, payload, *known, source))
    else:
        claims.append(Claim(ticket, payload, source))
