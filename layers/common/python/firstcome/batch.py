"""Read an `aws:kafka` event: what can be issued, and what is wrong in itself; and log what became of it."""

from __future__ import annotations

import base64
import binascii
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from firstcome.ledger import Claim, Failure, Outcome, Source
from firstcome.rules import BadInput, Reason, harmless
from firstcome.stream import BadRecord, decode
from firstcome.telemetry import logger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from firstcome.issue import Issued


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
            _read_one(record, source, topic, claims, failures)
    return claims, failures


def oldest_ms(claims: Sequence[Claim], failures: Sequence[Failure]) -> int | None:
    """Answer the broker's time of the oldest record of the batch; None where there is none."""
    sources = [*(one.source for one in claims), *(one.source for one in failures)]
    return min((source.timestamp_ms for source in sources if source), default=None)


def log(answer: dict[str, int], claims: Sequence[Claim], failures: Sequence[Failure], issued: Issued) -> None:
    """Log consume's answer in one line, with the correlation ids by event and ticket; other fates in a line each."""
    tickets: dict[str, dict[int, str]] = defaultdict(dict)
    for claim, verdict in zip(claims, issued.written.verdicts, strict=True):
        one = claim.ticket
        if verdict.outcome is Outcome.ISSUED:
            tickets[one.event_id][one.ticket] = claim.correlation_id
        else:
            _not_issued(verdict.outcome, (one.event_id, one.user_id, one.ticket), claim)
    for failure in failures:
        _not_issued(failure.reason, (failure.event_id, failure.user_id, failure.ticket), failure)
    logger.info("batch", extra={**answer, "told": issued.told, "tickets": tickets})


def _not_issued(why: str, whose: tuple[str | None, str | None, int | None], one: Claim | Failure) -> None:
    event_id, user_id, ticket = whose
    known = {"event_id": event_id, "user_id": user_id, "ticket": ticket, "correlation_id": one.correlation_id}
    logger.warning("not issued", extra={"why": why, **known, "source": str(one.source)})


def _read_one(record: dict[str, Any], source: Source, topic: str, claims: list[Claim], failures: list[Failure]) -> None:
    payload, bad = _decode_base64(record.get("value"))
    correlation_id = _correlation_id(record)
    if bad is None and source.topic != topic:
        bad = BadRecord(Reason.WRONG_TOPIC, f"a record of {source.topic}; expected {topic}")
    if bad is None:
        try:
            claims.append(Claim(decode(payload)[0], payload, source, correlation_id))
        except BadRecord as found:
            bad = found
    if bad is not None:
        known = (bad.event_id, bad.user_id, bad.ticket, bad.applied_at_ms)
        failures.append(Failure(bad.reason, bad.detail, payload, *known, source, correlation_id))


def _correlation_id(record: dict[str, Any]) -> str:
    """Answer the record's correlation id; empty where another producer wrote none, or something else."""
    for header in record.get("headers") or ():
        # A header's value is the list of its bytes, and Java's are signed; Kafka has headers without a value, too.
        if value := header.get("correlation_id"):
            try:
                said = bytes(value)
            except ValueError:
                said = bytes(byte & 0xFF for byte in value)
            return harmless(said.decode("latin-1"))
    return ""


def _decode_base64(value: str | None) -> tuple[bytes, BadRecord | None]:
    if value is None:
        return b"", BadRecord(Reason.NO_VALUE, "the record has no value")
    try:
        return base64.b64decode(value, validate=True), None
    except (binascii.Error, ValueError):
        return value.encode(), BadRecord(Reason.NOT_BASE64, "the value is not base64")
