"""Read an `aws:kafka` event: what can be issued, and what is wrong in itself; and log what became of it."""

import binascii
import json
import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

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
        event_id, user_id, number, _ = claim.ticket
        if verdict.outcome is Outcome.ISSUED:
            tickets[event_id][number] = claim.correlation_id
        else:
            _not_issued(verdict.outcome, (event_id, user_id, number), claim)
    for failure in failures:
        _not_issued(failure.reason, (failure.event_id, failure.user_id, failure.ticket), failure)
    logger.info("batch", extra={**answer, "gate_updated": issued.gate_updated, "tickets": tickets})


def _not_issued(why: str, whose: tuple[str | None, str | None, int | None], one: Claim | Failure) -> None:
    event_id, user_id, ticket = whose
    known = {"event_id": event_id, "user_id": user_id, "ticket": ticket, "correlation_id": one.correlation_id}
    logger.warning("not issued", extra={"why": why, **known, "source": str(one.source) if one.source else None})


def _read_one(record: dict[str, Any], topic: str, claims: list[Claim], failures: list[Failure]) -> None:
    source, correlation_id = _source(record, topic), _correlation_id(record)
    payload = b""
    try:
        payload = _payload(record.get("value"))
        _check_topic(record.get("topic"), topic)
        claims.append(Claim(decode(payload)[0], payload, source, correlation_id))
    except BadRecord as bad:
        known = (bad.event_id, bad.user_id, bad.ticket, bad.applied_at_ms)
        what = _raw(record["value"]) if bad.reason is Reason.NOT_BASE64 else payload
        failures.append(Failure(bad.reason, bad.detail, what, *known, source, correlation_id))


def _check_topic(stood: object, topic: str) -> None:
    if stood != topic:
        raise BadRecord(Reason.WRONG_TOPIC, f"a record of {stood}; expected {topic}")


def _source(record: dict[str, Any], topic: str) -> Source | None:
    """Return where the record stood; None where that is not said, or as the ledger cannot hold it."""
    stood, partition, offset = record.get("topic"), record.get("partition"), record.get("offset")
    if stood != topic and (not isinstance(stood, str) or not TOPIC.fullmatch(stood)):
        return None
    # type(): a bool is an int.
    if type(partition) is not int or type(offset) is not int:
        return None
    if not 0 <= partition <= INT_MAX or not 0 <= offset <= BIGINT_MAX:
        return None
    timestamp_ms = record.get("timestamp")
    if type(timestamp_ms) is not int or not 0 <= timestamp_ms <= TIME_MAX_MS:
        timestamp_ms = NO_TIMESTAMP
    return Source(stood, partition, offset, timestamp_ms)


def _correlation_id(record: dict[str, Any]) -> str:
    """Return the record's correlation id; empty where another producer wrote none, or something else."""
    headers = record.get("headers")
    for header in headers if isinstance(headers, list) else ():
        # A header's value is the list of its bytes; Kafka has headers without a value, too.
        value = header.get("correlation_id") if isinstance(header, dict) else None
        if not isinstance(value, list) or not value:
            continue
        try:
            return harmless(bytes(value).decode("latin-1"))
        except (TypeError, ValueError):  # Java's bytes are signed: with one below 0 it is no correlation id
            continue
    return ""


def _payload(value: object) -> bytes:
    """Return the record's value; raise `BadRecord` where it is missing or no base64."""
    if value is None:
        raise BadRecord(Reason.NO_VALUE, "the record has no value")
    if isinstance(value, str):
        try:
            return binascii.a2b_base64(value, strict_mode=True)
        except ValueError:  # binascii.Error is one
            pass
    raise BadRecord(Reason.NOT_BASE64, "the value is not base64")


def _raw(value: object) -> bytes:
    """Return what stands there, for a failed row: a string as it is, anything else as JSON."""
    text = value if isinstance(value, str) else json.dumps(value)
    return text.encode(errors="backslashreplace")  # JSON may spell half of a surrogate pair
