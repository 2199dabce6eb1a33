"""A topic of one test: what stands in it is written by hand, good and bad."""

from __future__ import annotations

import time
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from kafka import KafkaAdminClient, KafkaProducer, TopicPartition
from kafka.errors import NoError
from kafka.structs import OffsetAndMetadata

from firstcome.rules import Ticket
from firstcome.settings import Settings
from firstcome.stream.admin import ask
from firstcome.stream.reader import StreamReader
from firstcome.stream.record import encode
from firstcome.stream.topic import ensure_topic
from tests.patience import PATIENCE_S, PATIENT

if TYPE_CHECKING:
    from collections.abc import Iterator

PARTITIONS = 3
NOW_MS = 1_893_553_445_678


class Log:
    """A topic and a consumer group; records are written by hand, good and bad."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.reader = StreamReader(settings)
        self.admin = KafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap)
        self._producers: list[Any] = []

    @classmethod
    def new(cls, bootstrap: str) -> Log:
        """Make a topic of PARTITIONS, and name a group that nobody has heard of."""
        name = f"test-{uuid.uuid4().hex}"
        settings = Settings(kafka_bootstrap=bootstrap, kafka_topic=name, kafka_group=f"group-{name}", **PATIENT)
        ensure_topic(settings, PARTITIONS, 1)
        return cls(settings)

    def producer(self, **config: Any) -> Any:
        """Return a producer that ends with the test."""
        self._producers.append(KafkaProducer(bootstrap_servers=self.settings.kafka_bootstrap, **config))
        return self._producers[-1]

    def write(self, *values: bytes, partition: int = 0) -> list[Any]:
        """Append these values; answer where each is."""
        producer = self.producer()
        sent = [producer.send(self.settings.kafka_topic, value=value, partition=partition) for value in values]
        producer.flush()
        return [one.get(timeout=10) for one in sent]

    @contextmanager
    def transaction(self, *values: bytes, partition: int = 0) -> Iterator[Any]:
        """Append these values in a transaction, and lend its producer while nobody knows yet how it ends."""
        producer = self.producer(transactional_id=uuid.uuid4().hex)
        producer.init_transactions()
        producer.begin_transaction()
        for value in values:
            producer.send(self.settings.kafka_topic, value=value, partition=partition).get(timeout=10)
        yield producer

    def write_committed(self, *values: bytes, partition: int = 0) -> None:
        """Append these values and the marker that ends their transaction."""
        with self.transaction(*values, partition=partition) as producer:
            producer.commit_transaction()

    def write_aborted(self, *values: bytes, partition: int = 0) -> None:
        """Append these values, and a marker which says that they never were."""
        with self.transaction(*values, partition=partition) as producer:
            producer.abort_transaction()

    def forget_offset(self, partition: int = 0) -> None:
        """Do what `offsets.retention.minutes` does to a group without members."""
        at = TopicPartition(self.settings.kafka_topic, partition)
        assert self.admin.delete_group_offsets(self.settings.kafka_group, [at]) == {at: NoError}

    def commit(self, offset: int, partition: int = 0) -> None:
        """Let the group have read up to this offset."""
        to = {TopicPartition(self.settings.kafka_topic, partition): OffsetAndMetadata(offset, "", -1)}

        def commit(admin: Any) -> None:
            for error in admin.alter_group_offsets(self.settings.kafka_group, to).values():
                if error is not NoError:
                    raise error

        # The first group of a broker waits until it has made the topic of the offsets.
        ask(self.settings, time.monotonic() + PATIENCE_S, commit)

    def delete_before(self, offset: int, partition: int = 0) -> None:
        """Do what retention does."""
        self.admin.delete_records({TopicPartition(self.settings.kafka_topic, partition): offset})

    def close(self) -> None:
        """Let go of the broker."""
        for producer in self._producers:
            producer.close()
        self.admin.close()


def ticket(number: int, event_id: str = "E", applied_at_ms: int = NOW_MS) -> Ticket:
    return Ticket(event_id, f"user-{number}", number, applied_at_ms)


def record(number: int, event_id: str = "E", applied_at_ms: int = NOW_MS) -> bytes:
    return encode(ticket(number, event_id, applied_at_ms), 0)
