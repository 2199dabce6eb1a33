"""The stream `coupon_create`: its records, and the producer whose sends have one of three outcomes."""

from __future__ import annotations

import json
import re
import socket
import struct
import time
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from firstcome import rules
from firstcome.connect import kafka_config
from firstcome.rules import BadInput, Reason, Ticket
from firstcome.telemetry import logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from firstcome.settings import Settings

VERSION = 1
TICKET_MAX = 2**31 - 1  # the ledger's INT
GENERATION_MAX = 2**53  # the largest that every JSON reader and Redis's Lua keep exactly
# The library's own clock ends a send; this is how much longer we wait for it to say so.
GRACE_MS = 250
# A connection that is closed takes its unsent bytes with it. Otherwise the kernel goes on trying to deliver a record
# that was given up, for minutes, and after the thaw of a frozen environment.
NO_LINGER = (socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


# --- records ---------------------------------------------------------------------------------------------------------


class BadRecord(Exception):  # noqa: N818  a fact about a record, which becomes a row of failed_event
    """A record that is wrong in itself. Of its fields, those that could be read and are valid; the others are None."""

    def __init__(self, reason: Reason, detail: str, fields: dict[str, Any] | None = None) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        fields = fields or {}
        self.event_id: str | None = fields.get("event_id")
        self.user_id: str | None = fields.get("user_id")
        self.ticket: int | None = fields.get("ticket")
        self.applied_at_ms: int | None = fields.get("applied_at")


def encode(ticket: Ticket, generation: int) -> bytes:
    """Answer the record's value: compact JSON, the same bytes for the same ticket."""
    record = {
        "v": VERSION,
        "event_id": ticket.event_id,
        "user_id": ticket.user_id,
        "ticket": ticket.ticket,
        "applied_at": rules.rfc3339(ticket.applied_at_ms),
        "generation": generation,
    }
    return json.dumps(record, separators=(",", ":")).encode()


def decode(value: bytes | None) -> tuple[Ticket, int]:
    """Answer the ticket and the gate's generation; raise `BadRecord` for anything that `encode` would not write.

    Fields that are not known are ignored, so that a later producer may add some.
    """
    if value is None:
        raise BadRecord(Reason.NO_VALUE, "the record has no value")
    try:
        text = value.decode()
        if written := _as_written(text):
            return written
        record = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadRecord(Reason.NOT_JSON, str(error)) from None
    if not isinstance(record, dict):
        raise BadRecord(Reason.NOT_JSON, f"expected an object, not {type(record).__name__}")
    version = record.get("v")
    if type(version) is not int or version != VERSION:
        raise _bad(record, Reason.UNKNOWN_VERSION)
    try:
        *ticket, generation = [check(record.get(name)) for name, check in _FIELDS.items()]
    except BadInput:
        raise _bad(record, Reason.BAD_FIELD) from None
    return Ticket(*ticket), generation


def _as_written(text: str) -> tuple[Ticket, int] | None:
    """Answer what `encode` has written, in half the time that JSON takes; None for anything else, right or wrong."""
    found = _WRITTEN.fullmatch(text)
    if found is None:
        return None
    event_id, user_id, ticket, applied_at, generation = found.groups()
    try:
        applied_at_ms = _check_applied_at(applied_at)
    except BadInput:
        return None
    if int(ticket) > TICKET_MAX or int(generation) > GENERATION_MAX:
        return None
    return Ticket(event_id, user_id, int(ticket), applied_at_ms), int(generation)


def _bad(record: dict[str, Any], reason: Reason) -> BadRecord:
    """Answer everything that is wrong with a record, and what could be read of it all the same."""
    fields: dict[str, Any] = {}
    wrong: list[str] = []
    for name, check in _FIELDS.items():
        try:
            fields[name] = check(record.get(name))
        except BadInput as error:
            wrong.append(error.detail)
    detail = f"expected v={VERSION}" if reason is Reason.UNKNOWN_VERSION else "; ".join(wrong)
    return BadRecord(reason, detail, fields)


def _check_int(name: str, value: object, low: int, high: int) -> int:
    if type(value) is not int or not low <= value <= high:  # type(): a bool is an int, and true is no ticket
        raise BadInput("bad_field", f"{name} must be an integer in {low}..{high}")
    return value


def _check_applied_at(value: object) -> int:
    applied_at_ms = rules.parse_time("applied_at", value)
    if applied_at_ms < 0:
        raise BadInput("bad_field", "applied_at must not be before 1970")
    return applied_at_ms


# What `encode` writes, with the ids as their checks have them.
_WRITTEN = re.compile(
    f'{{"v":{VERSION},"event_id":"({rules.EVENT_ID_PATTERN})","user_id":"({rules.USER_ID_PATTERN})",'
    r'"ticket":([1-9][0-9]{0,9}),"applied_at":"([0-9-]{10}T[0-9:]{8}\.[0-9]{3}Z)","generation":(0|[1-9][0-9]{0,15})}'
)

# In the order of a ticket's fields, the generation last.
_FIELDS: dict[str, Callable[[object], Any]] = {
    "event_id": rules.check_event_id,
    "user_id": rules.check_user_id,
    "ticket": lambda value: _check_int("ticket", value, 1, TICKET_MAX),
    "applied_at": _check_applied_at,
    "generation": lambda value: _check_int("generation", value, 0, GENERATION_MAX),
}


# --- the producer ----------------------------------------------------------------------------------------------------


class Sent(StrEnum):
    """What became of a record. A timeout is unknown, never refused: the record may still arrive."""

    DELIVERED = "delivered"  # every in-sync replica has it
    REFUSED = "refused"  # it never left: it was never queued
    UNKNOWN = "unknown"  # it was queued, and nobody said what became of it


class Stream:
    """The producer of one execution environment, for one request at a time.

    The library is imported here, during init, where Lambda lends a full CPU; the producer and its connections are
    made by the first send, because only winners need them.
    """

    def __init__(self, settings: Settings) -> None:
        from kafka.producer import KafkaProducer  # noqa: PLC0415  consume needs only the records: 0.25 s of import less

        self._make: Callable[..., Any] = KafkaProducer
        self._settings = settings
        self._config = kafka_config(settings)
        self._producer: Any = None
        self._quiet_until = 0.0  # monotonic

    def send(self, ticket: Ticket, generation: int, correlation_id: str) -> Sent:
        """Write one record and wait for the broker's word; never raises for Kafka's troubles.

        Takes at most `kafka_max_block_ms` (an environment's first send) + `kafka_delivery_timeout_ms` + `GRACE_MS`.
        After a send that was not delivered, the next ones within `kafka_breaker_ms` are refused without I/O, and the
        first one after that is the probe.
        """
        if time.monotonic() < self._quiet_until:
            return Sent.REFUSED
        sent = self._attempt(ticket, generation, correlation_id)
        if sent is not Sent.DELIVERED:
            # With the producer goes whatever it still holds: the record that waits, connections that may be dead,
            # their growing backoff, sequence numbers that the broker has not seen.
            self.close()
            self._quiet_until = time.monotonic() + self._settings.kafka_breaker_ms / 1000
        return sent

    def close(self, wait_s: float = 0) -> None:
        """Let go of the producer and of a bad experience; the next send makes another one.

        Its thread closes the connections; wait for that no longer than `wait_s`.
        """
        self._quiet_until = 0.0
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.close(timeout=wait_s)

    def _attempt(self, ticket: Ticket, generation: int, correlation_id: str) -> Sent:
        topic = self._settings.kafka_topic
        value = encode(ticket, generation)
        about = {"event_id": ticket.event_id, "user_id": ticket.user_id, "correlation_id": correlation_id}
        # Besides its own errors the library raises RuntimeError, OSError and ValueError; whatever it is, the winner
        # keeps the ticket and the sweep finishes the work.
        try:
            if self._producer is None:
                self._producer = self._connect()
            # First, because send() would hide the reason for a refusal in the same future as the broker's answer.
            self._producer.partitions_for(topic)
            future = self._producer.send(
                topic,
                key=ticket.user_id.encode(),
                value=value,
                headers=[("correlation_id", correlation_id.encode())],
            )
        except Exception as error:  # noqa: BLE001
            logger.warning("record not sent", extra={"reason": repr(error), **about})
            return Sent.REFUSED
        try:
            future.get(timeout=(self._settings.kafka_delivery_timeout_ms + GRACE_MS) / 1000)
        except Exception as error:  # noqa: BLE001
            # Also where the broker itself says no: it may say so to a repetition, and have written the first try.
            logger.warning("record's fate unknown", extra={"reason": repr(error), **about})
            return Sent.UNKNOWN
        return Sent.DELIVERED

    def _connect(self) -> Any:
        settings = self._settings

        def net_client(**configs: Any) -> Any:
            # The first metadata then has our topic; otherwise a second request follows, after a pause of 100 ms.
            client = self._config["kafka_client"](**configs)
            client.cluster.add_topic(settings.kafka_topic)
            return client

        producer = self._make(
            **self._config | {"kafka_client": net_client},
            acks="all",
            enable_idempotence=True,
            max_block_ms=settings.kafka_max_block_ms,
            delivery_timeout_ms=settings.kafka_delivery_timeout_ms,
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1), NO_LINGER],
            metrics_enabled=False,
        )
        # close() flushes first, and gives up half closed when a record still waits: then its thread would send the
        # record later. Nothing of ours waits for a flush.
        producer.flush = lambda timeout=None: None  # noqa: ARG005
        return producer
