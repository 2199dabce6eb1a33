"""Read an `aws:kafka` event: what can be issued, and what is wrong in itself; and log what became of it."""

import base64
import binascii
import json
import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, TypeGuard

from firstcome.issue import Issued
from firstcome.ledger.coupons import Claim, Outcome
from firstcome.ledger.failed_events import Failure, Source
from firstcome.rules import TIME_MAX_MS, BadInput, Reason, harmless
from firstcome.runtime.telemetry import logger
from firstcome.stream.record import BadRecord, decode

# What a Kafka topic may be called, and what the ledger's columns hold.
TOPIC = re.compile(r"[a-zA-Z0-9._-]{1,249}")
INT_MAX = 2**31 - 1
BIGINT_MAX = 2**63 - 1
NO_TIMESTAMP = -1  # Kafka's own word for it


def read(event: object, topic: str) -> tuple[list[Claim], list[Failure]]:
    """Return the records of `event` that can be issued, and those that can never be, each with its source position.

    `event` is what the event source mapping sends: {"records": {"<topic>-<partition>": [{"topic", "partition",
    "offset", "timestamp" (ms), "key", "value" (base64), "headers"}, …]}}. Raises `BadInput` where it is not. A record
    with a part of another type fails alone: the batch would come back with it for ever.
    """
    partitions = event.get("records") if isinstance(event, dict) else None
    if not isinstance(partitions, dict):
        raise BadInput("bad_event", 'expected an aws:kafka event: {"eventSource": "aws:kafka", "records": {…}}')
    claims: list[Claim] = []
    failures: list[Failure] = []
    for records in partitions.values():
        for record in records if isinstance(records, list) else [records]:
            if isinstance(record, dict):
                _read_one(record, topic, claims, failures)
            else:
                failures.append(Failure(Reason.BAD_FIELD, "the record is no object", _raw(record)))
    return claims, failures


def oldest_ms(claims: Sequence[Claim], failures: Sequence[Failure]) -> int | None:
    """Return the broker's time of the oldest record of the batch; None where there is none."""
    sources = [*(one.source for one in claims), *(one.source for one in failures)]
    stood = [source.timestamp_ms for source in sources if source]
    return min((at_ms for at_ms in stood if at_ms != NO_TIMESTAMP), default=None)


def log(answer: dict[str, int], claims: Sequence[Claim], failures: Sequence[Failure], issued: Issued) -> None:
    """Log consume's answer in one line, with the correlation ids by event and ticket; other fates in a line each."""
    tickets: dict[str, dict[int, str]] = defaultdict(dict)
    for claim, verdict in zip(claims, issued.written.verdicts, strict=True):
        one = claim.ticket
        if verdict.outcome is Outcome.ISSUED:
            tickets[one.event_id][one.number] = claim.correlation_id
        else:
            _not_issued(verdict.outcome, (one.event_id, one.user_id, one.number), claim)
    for failure in failures:
        _not_issued(failure.reason, (failure.event_id, failure.user_id, failure.ticket), failure)
    logger.info("batch", extra={**answer, "gate_updated": issued.gate_updated, "tickets": tickets})


def _not_issued(why: str, whose: tuple[str | None, str | None, int | None], one: Claim | Failure) -> None:
    event_id, user_id, ticket = whose
    known = {"event_id": event_id, "user_id": user_id, "ticket": ticket, "correlation_id": one.correlation_id}
    logger.warning("not issued", extra={"why": why, **known, "source": str(one.source) if one.source else None})


def _read_one(record: dict[str, Any], topic: str, claims: list[Claim], failures: list[Failure]) -> None:
    payload, bad = _decode_base64(record.get("value"))
    source, correlation_id = _source(record), _correlation_id(record)
    if bad is None and record.get("topic") != topic:
        bad = BadRecord(Reason.WRONG_TOPIC, f"a record of {record.get('topic')}; expected {topic}")
    if bad is None:
        try:
            claims.append(Claim(decode(payload)[0], payload, source, correlation_id))
        except BadRecord as found:
            bad = found
    if bad is not None:
        known = (bad.event_id, bad.user_id, bad.ticket, bad.applied_at_ms)
        failures.append(Failure(bad.reason, bad.detail, payload, *known, source, correlation_id))


def _source(record: dict[str, Any]) -> Source | None:
    """Return where the record stood; None where that is not said, or as the ledger cannot hold it."""
    topic, partition, offset = record.get("topic"), record.get("partition"), record.get("offset")
    if not isinstance(topic, str) or not TOPIC.fullmatch(topic):
        return None
    if not _is_int(partition, INT_MAX) or not _is_int(offset, BIGINT_MAX):
        return None
    timestamp_ms = record.get("timestamp")
    return Source(topic, partition, offset, timestamp_ms if _is_int(timestamp_ms, TIME_MAX_MS) else NO_TIMESTAMP)


def _is_int(value: object, highest: int) -> TypeGuard[int]:
    return type(value) is int and 0 <= value <= highest  # type(): a bool is an int


def _correlation_id(record: dict[str, Any]) -> str:
    """Return the record's correlation id; empty where another producer wrote none, or something else."""
    headers = record.get("headers")
    for header in headers if isinstance(headers, list) else ():
        # A header's value is the list of its bytes, and Java's are signed; Kafka has headers without a value, too.
        value = header.get("correlation_id") if isinstance(header, dict) else None
        if not isinstance(value, list) or not value:
            continue
        if all(type(byte) is int and -128 <= byte <= 255 for byte in value):
            return harmless(bytes(byte & 0xFF for byte in value).decode("latin-1"))
    return ""


def _decode_base64(value: object) -> tuple[bytes, BadRecord | None]:
    if value is None:
        return b"", BadRecord(Reason.NO_VALUE, "the record has no value")
    try:
        if isinstance(value, str):
            return base64.b64decode(value, validate=True), None
    except (binascii.Error, ValueError):
        pass
    return _raw(value), BadRecord(Reason.NOT_BASE64, "the value is not base64")


def _raw(value: object) -> bytes:
    """Return what stands there, for a failed row: a string as it is, anything else as JSON."""
    text = value if isinstance(value, str) else json.dumps(value)
    return text.encode(errors="backslashreplace")  # JSON may spell half of a surrogate pair
