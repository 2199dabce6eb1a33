"""The producer of the stream `coupon_create`, whose sends have one of three outcomes."""

from enum import StrEnum

from firstcome.rules import Ticket
from firstcome.runtime import credentials
from firstcome.runtime.telemetry import logger
from firstcome.settings import Settings
from firstcome.stream.backoff import Backoff, NotConnectingError, TooManyConnectsError
from firstcome.stream.record import encode


class Sent(StrEnum):
    """What became of a record. A timeout is unknown, never refused: the record may still arrive."""

    DELIVERED = "delivered"  # every in-sync replica has it
    REFUSED = "refused"  # it never left: it was never queued
    UNKNOWN = "unknown"  # it was queued, and nobody said what became of it


class Stream:
    """The producer of one execution environment, for one request at a time.

    It works in the caller's thread, and in no other: between two sends nothing happens, so a freeze interrupts nothing.
    The library is imported here, during init, where Lambda lends a full CPU; the connections are made by the first
    send, because only winners need them.
    """

    def __init__(self, settings: Settings) -> None:
        # consume needs only the records: 0.25 s of import less
        from firstcome.stream.delivery import Delivery  # noqa: PLC0415

        self._settings = settings
        self._delivery = Delivery(settings)
        # Half of a quiet time is certain. It does not grow: a probe costs one winner a wait.
        self._breaker = Backoff(2 * settings.kafka_breaker_ms, 2 * settings.kafka_breaker_ms)

    def send(self, ticket: Ticket, restore_epoch: int, correlation_id: str) -> Sent:
        """Write one record and wait for the broker's word; never raises for Kafka's troubles.

        Takes at most `kafka_max_block_ms` until the record leaves + `kafka_delivery_timeout_ms`. After a send that was
        not delivered, the next ones within `kafka_breaker_ms` or a little longer are refused without I/O, and the first
        one after that is the probe. A broker that refuses another connection refuses this record only: what is
        connected serves on, and nobody connects within the backoff.
        """
        if self._breaker.quiet:
            return Sent.REFUSED
        sent = self._attempt(ticket, restore_epoch, correlation_id)
        if sent is Sent.DELIVERED:
            self._breaker.reset()
        return sent

    def prime(self, *, ask: bool) -> None:  # noqa: ARG002
        """Import what signs in to the brokers. It connects to none: MSK takes 100 connections a second and broker."""
        if self._settings.kafka_security == "AWS_MSK_IAM":
            credentials.prime_tokens()

    def close(self) -> None:
        """Let go of the connections and of a bad experience; the next send makes others."""
        self._breaker.reset()
        self._delivery.forget()

    def _attempt(self, ticket: Ticket, restore_epoch: int, correlation_id: str) -> Sent:
        key, value = ticket.user_id.encode(), encode(ticket, restore_epoch)
        about = {"event_id": ticket.event_id, "user_id": ticket.user_id, "correlation_id": correlation_id}
        # Whatever is raised, the winner keeps the ticket and the sweep finishes the work.
        try:
            self._delivery.deliver(key, value, correlation_id.encode())
        except Exception as error:  # noqa: BLE001
            left, too_many = self._delivery.left, isinstance(error, TooManyConnectsError)
            if left or not too_many:
                # With the connections goes whatever they still hold: the record that waits in a socket.
                self._delivery.close()
                self._breaker.failed()
            if left:
                logger.warning("record's fate unknown", extra={"reason": repr(error), **about})
                return Sent.UNKNOWN
            if not isinstance(error, NotConnectingError):  # which repeats a refusal that was logged
                logger.warning("record not sent", extra={"reason": repr(error), **about})
            return Sent.REFUSED
        return Sent.DELIVERED
