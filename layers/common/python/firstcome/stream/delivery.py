"""One record, written to its partition's leader and confirmed by every in-sync replica."""

import time

from kafka.errors import KafkaError, RetriableError

from firstcome.settings import Settings
from firstcome.stream import crc32c
from firstcome.stream.brokers import Brokers, pause
from firstcome.stream.connect import CLIENT_ID
from firstcome.stream.connection import Connection, after
from firstcome.stream.wire import Wire

CORRELATION_IDS = 2**31  # of requests; they begin again
HEADER = "correlation_id"  # the record's, which names the call of the applicant
USUAL_BYTES = 512  # of a record with its batch: what a checksum needs for them is made during init


class Delivery:
    """Tries until it is done or the time is up. The same record may be written twice: the ledger takes it once."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._brokers = Brokers(settings)
        self._wire = Wire(settings.kafka_topic, CLIENT_ID, settings.kafka_request_timeout_ms, HEADER)
        crc32c.prepare(USUAL_BYTES)
        self._requests = 0
        self.left = False  # whether a byte of the last record has left

    def deliver(self, key: bytes, value: bytes, correlation_id: bytes) -> None:
        """Return when the record is written; raise otherwise, and say in `left` whether it may be.

        Not even NOT_LEADER_OR_FOLLOWER takes that back: a leader that has written the record says the same when it
        loses its partition before the replicas have it.
        """
        self.left = False
        deadline = after(self._settings.kafka_max_block_ms)
        timestamp_ms = int(time.time() * 1000)
        record = key, value, correlation_id
        died = False
        while True:
            connection, partition = self._brokers.leader(key, deadline)
            self._requests = (self._requests + 1) % CORRELATION_IDS
            request = self._wire.request(self._requests, partition, timestamp_ms, record)
            if not self.left:
                self.left = True
                deadline = after(self._settings.kafka_delivery_timeout_ms)
            try:
                return self._write(connection, request, deadline)
            except (OSError, RetriableError) as error:
                self._brokers.failed(connection, error)
                # The first connection that turns out to be dead is replaced at once. A broker that says "not now", or
                # hangs up again and again, is given a moment.
                if (isinstance(error, KafkaError) or died) and not pause(deadline):
                    raise
                died = True

    def close(self) -> None:
        """Close the connections."""
        self._brokers.close()

    def forget(self) -> None:
        """Close the connections, and forget that one was refused."""
        self._brokers.forget()

    def _write(self, connection: Connection, request: bytes, deadline: float) -> None:
        try_until = min(deadline, after(self._settings.kafka_request_timeout_ms))
        answer = connection.exchange(request, try_until)
        if throttle_ms := self._wire.throttle_ms(answer, self._requests):
            connection.quiet_until = after(throttle_ms)
