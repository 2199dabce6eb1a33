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
    payload, bad = _decode_base64(value)
    if bad is None and source.topic != topic:
        bad = BadRecord(Reason.WRONG_TOPIC, f"a record of {source.topic}; expected {topic}")
    if bad is None:
        try:
            claims.append(Claim(decode(payload)[0], payload, source))
        except BadRecord as found:
            bad = found
    if bad is not None:
        known = (bad.event_id, bad.user_id, bad.ticket, bad.applied_at_ms)
        failures.append(Failure(bad.reason, bad.detail, payload, *known, source))


def _decode_base64(value: str | None) -> tuple[bytes, BadRecord | None]:
    if value is None:
        return b"", BadRecord(Reason.NO_VALUE, "the record has no value")
    try:
        return base64.b64decode(value, validate=True), None
    except (binascii.Error, ValueError):
        return value.encode(), BadRecord(Reason.NOT_BASE64, "the value is not base64")
