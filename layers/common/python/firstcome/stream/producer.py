"""The producer of the stream `coupon_create`, whose sends have one of three outcomes."""

import socket
import struct
import time
from collections.abc import Callable
from enum import StrEnum
from typing import Any

from firstcome.rules import Ticket
from firstcome.runtime.telemetry import logger
from firstcome.settings import Settings
from firstcome.stream.connect import kafka_config
from firstcome.stream.record import encode

# The library's own clock ends a send; this is how much longer we wait for it to say so.
GRACE_MS = 250
# A connection that is closed takes its unsent bytes with it. Otherwise the kernel goes on trying to deliver a record
# that was given up, for minutes, and after the thaw of a frozen environment.
NO_LINGER = (socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


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

    def send(self, ticket: Ticket, restore_epoch: int, correlation_id: str) -> Sent:
        """Write one record and wait for the broker's word; never raises for Kafka's troubles.

        Takes at most `kafka_max_block_ms` (an environment's first send) + `kafka_delivery_timeout_ms` + `GRACE_MS`.
        After a send that was not delivered, the next ones within `kafka_breaker_ms` are refused without I/O, and the
        first one after that is the probe.
        """
        if time.monotonic() < self._quiet_until:
            return Sent.REFUSED
        sent = self._attempt(ticket, restore_epoch, correlation_id)
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

    def _attempt(self, ticket: Ticket, restore_epoch: int, correlation_id: str) -> Sent:
        topic = self._settings.kafka_topic
        value = encode(ticket, restore_epoch)
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
