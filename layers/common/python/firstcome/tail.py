"""The unread tail of the stream: what the consumer group still has to read, seen without joining the group.

Restore, sweep and reconcile need it. It stands apart from `stream`, because consume must not pay for these imports.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.errors import KafkaError, RetriableError, TopicAlreadyExistsError, for_code

from firstcome.connect import kafka_config
from firstcome.rules import Unavailable
from firstcome.settings import FETCH_WAIT_MS
from firstcome.stream import BadRecord, decode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from firstcome.rules import Ticket
    from firstcome.settings import Settings

T = TypeVar("T")

# A try to connect may land on the one broker that is down: several of them fit into one call.
CONNECT_TRIES = 3
PAUSE_MS = 100  # before Kafka is asked again: a coordinator that moves needs some seconds
POLL_RECORDS = 5_000  # handed out at a time; the default of 500 costs a third of the speed
POLL_MS = 200  # a poll that meets only a gap moves on without a word: look at the position again

TOPIC_CONFIGS = {
    # The broker's own clock. Records are deleted by age, so a wrong clock of a producer would delete them early; and
    # failed_event tells records of a topic that was made anew from the old ones by this time.
    "message.timestamp.type": "LogAppendTime",
    # The backlog is the only place where an accepted application stands: longer than any outage that people sleep
    # through, and the weekend after it.
    "retention.ms": str(14 * 24 * 3600 * 1000),
    "cleanup.policy": "delete",
    # A replica that lacks acknowledged records never becomes the leader; some clusters allow it by default.
    "unclean.leader.election.enable": "false",
}


@dataclass(frozen=True, slots=True)
class Backlog:
    """What the group has still to read."""

    records: int
    oldest_ms: int | None  # when its oldest record was applied for; None: everything is read


@dataclass(frozen=True, slots=True)
class _Span:
    """A part of one partition: from the offset `start` up to, not including, `end`."""

    start: int
    end: int


class Tail:
    """Reads what the group has not read. Each call makes its own connections and closes them.

    Every method raises `Unavailable` when the answer cannot be known: Kafka is away, the topic is missing, time is up
    (`timeout_ms`, by default `kafka_read_timeout_ms`; a broker that falls silent midway may add one request's time), or
    records that the group has not read are no longer there.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def unread(self, event_id: str | None = None, timeout_ms: int | None = None) -> list[Ticket]:
        """Answer the tickets of all unread records (of this event), in the order of each partition.

        Records that cannot be decoded are skipped: consume makes rows of failed_event of them. A million
        records take some 15 s.
        """
        with self._open(timeout_ms) as (consumer, spans, deadline):
            return _tickets(_records(consumer, spans, deadline), event_id)

    def history(self, event_id: str | None = None, timeout_ms: int | None = None) -> list[Ticket]:
        """Answer the tickets of all records (of this event) that are still in the log, read or not; as `unread`."""
        with self._open(timeout_ms, whole=True) as (consumer, spans, deadline):
            return _tickets(_records(consumer, spans, deadline), event_id)

    def backlog(self, timeout_ms: int | None = None) -> Backlog:
        """Answer how many records are unread, and when the oldest of them was applied for.

        It is the earliest of each partition's first unread record; where that one cannot be decoded, its time in the
        log counts.
        """
        oldest: list[int] = []
        with self._open(timeout_ms) as (consumer, spans, deadline):
            for record in _records(consumer, spans, deadline, first_only=True):
                try:
                    ticket, _ = decode(record.value)
                    oldest.append(ticket.applied_at_ms)
                except BadRecord:
                    oldest.append(record.timestamp)
        return Backlog(sum(span.end - span.start for span in spans.values()), min(oldest, default=None))

    def lag(self, timeout_ms: int | None = None) -> int:
        """Answer the number of unread records in all partitions."""
        with self._open(timeout_ms) as (_, spans, _):
            return sum(span.end - span.start for span in spans.values())

    def caught_up(self, timeout_ms: int | None = None) -> bool:
        """Answer whether everything that was in the log when this was called has been read."""
        return self.lag(timeout_ms) == 0

    @contextmanager
    def _open(
        self, timeout_ms: int | None, *, whole: bool = False
    ) -> Iterator[tuple[Any, dict[TopicPartition, _Span], float]]:
        """Lend a consumer, the unread (or the whole) span of every partition, and the deadline.

        The committed offsets come first: whatever is consumed from then on is read here as well, never missed.
        """
        timeout_ms = self._settings.kafka_read_timeout_ms if timeout_ms is None else timeout_ms
        deadline = time.monotonic() + timeout_ms / 1000
        with _unavailable():
            committed = self._committed(deadline)
            consumer = KafkaConsumer(
                **kafka_config(self._settings) | {"request_timeout_ms": self._settings.kafka_tail_request_ms},
                group_id=None,
                enable_auto_commit=False,
                auto_offset_reset="none",  # a gap in the log is an error here, never skipped
                max_poll_records=POLL_RECORDS,
                fetch_max_wait_ms=FETCH_WAIT_MS,
                # In Python the checksum takes as long as all the rest; TCP and the broker have their own.
                check_crcs=False,
                metrics_enabled=False,
            )
            try:
                partitions = list(committed)
                consumer.assign(partitions)
                begins = consumer.beginning_offsets(partitions, timeout_ms=_left_ms(deadline))
                ends = consumer.end_offsets(partitions, timeout_ms=_left_ms(deadline))
                spans = {
                    at: _Span(begins[at], ends[at]) if whole else _unread(at, committed[at], begins[at], ends[at])
                    for at in partitions
                }
                for at, span in spans.items():
                    consumer.seek(at, span.start)
                yield consumer, spans, deadline
            finally:
                consumer.close(autocommit=False)

    def _committed(self, deadline: float) -> dict[TopicPartition, int | None]:
        """Answer the group's committed offset of every partition of the topic, None where it has committed none."""
        group, topic = self._settings.kafka_group, self._settings.kafka_topic

        def ask(admin: Any) -> tuple[Any, Any]:
            [described] = admin.describe_topics([topic])
            if described["error_code"]:
                raise Unavailable("stream", f"topic {topic}: {for_code(described['error_code']).__name__}")
            return described, admin.list_group_offsets([group])[group]

        described, offsets = _ask(self._settings, deadline, ask)
        partitions = [TopicPartition(topic, each["partition_index"]) for each in described["partitions"]]
        # -1 is the protocol's word for "none", which an absent partition means as well.
        return {at: offsets[at].offset if at in offsets and offsets[at].offset >= 0 else None for at in partitions}


def ensure_topic(
    settings: Settings, partitions: int, replication: int, configs: Mapping[str, str] | None = None
) -> bool:
    """Create the topic unless it exists, with `TOPIC_CONFIGS`; answer whether it was created.

    A topic that exists is left as it is. Raise `Unavailable` when Kafka is away or refuses, for example more replicas
    than there are brokers.
    """
    deadline = time.monotonic() + settings.kafka_read_timeout_ms / 1000
    topic = {
        "num_partitions": partitions,
        "replication_factor": replication,
        # One replica may be away without stopping the writes, and every acknowledged record is on two disks.
        "configs": TOPIC_CONFIGS | {"min.insync.replicas": str(min(2, replication))} | dict(configs or {}),
    }

    def create(admin: Any) -> bool:
        # Looked for first: who may not make topics may still find that there is one.
        [described] = admin.describe_topics([settings.kafka_topic])
        if not described["error_code"]:
            return False
        try:
            admin.create_topics({settings.kafka_topic: topic})
        except TopicAlreadyExistsError:
            return False
        # Known to the controller is not yet known to every broker.
        admin.wait_for_topics([settings.kafka_topic], timeout_ms=_left_ms(deadline))
        return True

    with _unavailable():
        return _ask(settings, deadline, create)


def _tickets(records: Iterable[Any], event_id: str | None) -> list[Ticket]:
    tickets = []
    named = (event_id or "").encode()
    for record in records:
        # Most of a log is of other events, and decoding is most of the time. An escape may spell a name otherwise.
        if record.value and named not in record.value and b"\\" not in record.value:
            continue
        try:
            ticket, _ = decode(record.value)
        except BadRecord:
            continue
        if event_id in (None, ticket.event_id):
            tickets.append(ticket)
    return tickets


def _records(
    consumer: Any,
    spans: dict[TopicPartition, _Span],
    deadline: float,
    *,
    first_only: bool = False,
) -> Iterator[Any]:
    """Yield the records of the spans, or the first one of each; raise `Unavailable` when the deadline has passed.

    A partition is done when the consumer's position has reached its end. Counting would never finish: a log has gaps
    where transactions ended or compaction took something away.
    """
    waiting = {at: span.end for at, span in spans.items() if span.start < span.end}
    for at in spans.keys() - waiting.keys():
        consumer.pause(at)
    while waiting:
        if not (left_ms := _left_ms(deadline)):
            raise Unavailable("stream", f"the unread tail was not read in time: {len(waiting)} partitions left")
        batches = consumer.poll(timeout_ms=min(left_ms, POLL_MS), max_records=1 if first_only else None)
        for at, batch in batches.items():
            yield from (record for record in batch if record.offset < waiting[at])
        for at in [at for at, end in waiting.items() if consumer.position(at) >= end or (first_only and at in batches)]:
            consumer.pause(at)  # it grows on, and we have what we came for
            del waiting[at]


def _unread(at: TopicPartition, committed: int | None, begin: int, end: int) -> _Span:
    """Answer what is unread; raise `Unavailable` when some of it is no longer in the log."""
    start = 0 if committed is None else committed  # a group that has committed nothing owes everything
    if begin > start:
        raise Unavailable("stream", f"{at.topic}/{at.partition} starts at {begin}, the group has read up to {start}")
    if start > end:
        raise Unavailable("stream", f"{at.topic}/{at.partition} ends at {end}, the group has read up to {start}")
    return _Span(start, end)


def _ask(settings: Settings, deadline: float, question: Callable[[Any], T]) -> T:
    """Answer what `question` learns from an admin client; "not now" is asked again, until the deadline."""
    share_ms = settings.kafka_read_timeout_ms // CONNECT_TRIES
    config = kafka_config(settings) | {"request_timeout_ms": share_ms}
    while True:
        try:
            with _admin(config, min(share_ms, _left_ms(deadline))) as admin:
                return question(admin)
        except RetriableError:
            if _left_ms(deadline) <= PAUSE_MS:
                raise
            time.sleep(PAUSE_MS / 1000)


@contextmanager
def _admin(config: dict[str, Any], connect_ms: int) -> Iterator[Any]:
    """Lend an admin client. Its constructor connects, and leaves its thread and sockets behind when it fails."""
    made: list[Any] = []

    def net_client(**configs: Any) -> Any:
        made.append(config["kafka_client"](**configs))
        return made[0]

    try:
        admin = KafkaAdminClient(**config | {"kafka_client": net_client}, bootstrap_timeout_ms=connect_ms)
    except BaseException:
        for client in made:
            client.close()
        raise
    try:
        yield admin
    finally:
        admin.close()


@contextmanager
def _unavailable() -> Iterator[None]:
    """Translate what the library raises. RuntimeError and OSError are among it, when its network thread has ended."""
    try:
        yield
    except (KafkaError, RuntimeError, OSError) as error:
        raise Unavailable("stream", repr(error)) from error


def _left_ms(deadline: float) -> int:
    return max(0, int((deadline - time.monotonic()) * 1000))
