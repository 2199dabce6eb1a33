"""Parts of partitions, read as a consumer is given them: without markers of transactions, and what was aborted."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from firstcome.rules import Unavailable
from firstcome.settings import FETCH_WAIT_MS, Settings
from firstcome.stream.connect import kafka_config

POLL_RECORDS = 5_000  # handed out at a time; the default of 500 costs a third of the speed
POLL_MS = 200  # a poll that meets only a gap moves on without a word: look at the position again
# Offsets of a partition up to which its records are read to be counted: one fetch. A longer backlog is counted by its
# offsets, because reading a million records takes 15 s, and nobody needs to know how many of them are markers.
COUNTED = 1_000

COMMITTED, UNCOMMITTED = "read_committed", "read_uncommitted"  # the library's words


@dataclass(frozen=True, slots=True)
class Span:
    """A part of one partition: from the offset `start` up to, not including, `end`.

    From `stable` on transactions are under way, whose records may be committed yet. Kafka hands them, and all records
    behind them, to those consumers only that read uncommitted records.
    """

    start: int
    stable: int
    end: int


class SpanReader:
    """Reads spans until its deadline (monotonic seconds), over connections that it makes when it needs them.

    Raises `Unavailable` when the deadline has passed, and what the library raises: see `unavailable`.
    """

    def __init__(self, settings: Settings, deadline: float) -> None:
        self._settings = settings
        self._deadline = deadline
        self._consumers: dict[str, Any] = {}

    def records(self, spans: Mapping[TopicPartition, Span]) -> Iterator[Any]:
        """Yield the records of the spans, in the order of each partition."""
        yield from self._read(COMMITTED, _stable(spans))
        yield from self._read(UNCOMMITTED, _open(spans))

    def first(self, spans: Mapping[TopicPartition, Span]) -> dict[TopicPartition, Any]:
        """Return the first record of each span that has one."""
        found = {_partition(record): record for record in self._read(COMMITTED, _stable(spans), first_only=True)}
        rest = {at: span for at, span in spans.items() if at not in found}
        return found | {_partition(record): record for record in self._read(UNCOMMITTED, _open(rest), first_only=True)}

    def count(self, spans: Mapping[TopicPartition, Span], first: Mapping[TopicPartition, Any]) -> int:
        """Return how many records the spans have, whose first ones are these; a long one's offsets are counted."""
        behind = {at: Span(record.offset + 1, spans[at].stable, spans[at].end) for at, record in first.items()}
        short = {at: span for at, span in behind.items() if span.end - span.start < COUNTED}
        long = sum(span.end - span.start for at, span in behind.items() if at not in short)
        return len(first) + long + sum(1 for _ in self.records(short))

    def close(self) -> None:
        """Close the connections."""
        for consumer in self._consumers.values():
            consumer.close(autocommit=False)

    def _read(
        self, isolation: str, parts: Mapping[TopicPartition, tuple[int, int]], *, first_only: bool = False
    ) -> Iterator[Any]:
        """Yield the records between these offsets, or the first ones.

        A partition is done when the consumer's position has reached its end. Counting would never finish: a log has
        gaps where transactions ended or compaction took something away.
        """
        waiting = {at: end for at, (start, end) in parts.items() if start < end}
        if not waiting:
            return
        consumer = self._consumer(isolation)
        consumer.assign(list(waiting))
        for at in waiting:
            consumer.seek(at, parts[at][0])
        while waiting:
            if not (left := left_ms(self._deadline)):
                raise Unavailable("stream", f"the records were not read in time: {len(waiting)} partitions left")
            batches = consumer.poll(timeout_ms=min(left, POLL_MS), max_records=1 if first_only else None)
            for at, batch in batches.items():
                yield from (record for record in batch if record.offset < waiting[at])
            done = [at for at, end in waiting.items() if consumer.position(at) >= end or (first_only and at in batches)]
            for at in done:
                del waiting[at]
            if done and waiting:
                # What is done grows on. Not paused: kafka-python 3.0 loses what a resumed partition had fetched.
                consumer.assign(list(waiting))

    def _consumer(self, isolation: str) -> Any:
        if isolation not in self._consumers:
            self._consumers[isolation] = KafkaConsumer(
                **kafka_config(self._settings) | {"request_timeout_ms": self._settings.kafka_reader_request_ms},
                group_id=None,
                isolation_level=isolation,
                enable_auto_commit=False,
                auto_offset_reset="none",  # a gap in the log is an error here, never skipped
                max_poll_records=POLL_RECORDS,
                fetch_max_wait_ms=FETCH_WAIT_MS,
                # In Python the checksum takes as long as all the rest; TCP and the broker have their own.
                check_crcs=False,
                metrics_enabled=False,
            )
        return self._consumers[isolation]


def left_ms(deadline: float) -> int:
    """Return how many milliseconds are left; 0 when the deadline has passed."""
    return max(0, int((deadline - time.monotonic()) * 1000))


@contextmanager
def unavailable() -> Iterator[None]:
    """Translate what the library raises. RuntimeError and OSError are among it, when its network thread has ended."""
    try:
        yield
    except (KafkaError, RuntimeError, OSError) as error:
        raise Unavailable("stream", repr(error)) from error


def _partition(record: Any) -> TopicPartition:
    return TopicPartition(record.topic, record.partition)


def _stable(spans: Mapping[TopicPartition, Span]) -> dict[TopicPartition, tuple[int, int]]:
    return {at: (span.start, min(span.stable, span.end)) for at, span in spans.items()}


def _open(spans: Mapping[TopicPartition, Span]) -> dict[TopicPartition, tuple[int, int]]:
    return {at: (max(span.start, span.stable), span.end) for at, span in spans.items()}
