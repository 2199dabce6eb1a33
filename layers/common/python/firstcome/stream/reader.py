"""What the consumer group still has to read of the stream, seen without joining the group."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

from kafka import TopicPartition
from kafka.admin import OffsetSpec
from kafka.errors import for_code
from kafka.protocol.consumer import IsolationLevel

from firstcome.rules import Ticket, Unavailable
from firstcome.settings import Settings
from firstcome.stream.admin import ask
from firstcome.stream.record import BadRecord, decode
from firstcome.stream.spans import Span, SpanReader, unavailable

# A record's ticket (None: it cannot be decoded) and its topic, partition, offset and timestamp.
Placed = tuple["Ticket | None", tuple[str, int, int, int]]
Outcomes = Callable[[Sequence[Placed]], list[bool]]

NO_OFFSET = "the group has no committed offset, and the ledger no outcome of its first record"
ASKED = 500  # records of whose outcome the ledger is asked at a time: a batch of consume's


@dataclass(frozen=True, slots=True)
class Backlog:
    """What the group has still to read."""

    records: int  # a partition with more than COUNTED offsets counts those
    oldest_ms: int | None  # when its oldest record was applied for; None: everything is read
    # The partitions without a committed offset of whose first record the ledger knows the outcome: offsets expired.
    without_offset: tuple[int, ...] = ()


class Part(NamedTuple):
    """What is left of one partition for somebody who reads all of it, a page at a time. As Span, but for `read_to`."""

    partition: int
    start: int
    stable: int
    end: int
    read_to: int | None  # where the group had read to at the beginning; None: it has committed no offset
    expired: bool = False  # it has read some, nevertheless: its offset expired


class Page(NamedTuple):
    """Some records of one partition."""

    read: list[Ticket]  # of those that the group had read
    unread: list[Ticket]
    rest: Part


@dataclass(frozen=True, slots=True)
class _Log:
    """What the brokers say of one partition."""

    committed: int | None  # the group's offset; None: it has committed none
    begin: int
    stable: int  # as in Span
    end: int

    def span(self, start: int) -> Span:
        """Return all of it from `start` on."""
        return Span(start, self.stable, self.end)


class StreamReader:
    """Reads what the group has not read. Each call makes its own connections and closes them.

    What counts is what a consumer is given: not the markers of transactions, not the records of those that were
    aborted, not the offsets that compaction emptied. Records of transactions under way count, they may be committed.

    Where a partition has records and no committed offset, the group is new, or its offset expired. `outcomes` tells
    them apart: it answers of each of some records whether the ledger knows what became of it. A partition is read in
    order, so the first record without an outcome is where the group has read to. Without `outcomes`, nothing was read.

    Every method raises `Unavailable` when the answer cannot be known: Kafka is away, the topic is missing, time is up
    (`timeout_ms`, by default `kafka_read_timeout_ms`; a broker that falls silent midway may add one request's time), or
    records that the group has not read are no longer there.
    """

    def __init__(self, settings: Settings, outcomes: Outcomes | None = None) -> None:
        self._settings = settings
        self._outcomes = outcomes

    def unread(self, event_id: str | None = None, timeout_ms: int | None = None) -> list[Ticket]:
        """Return the tickets of all unread records (of this event), in the order of each partition.

        Records that cannot be decoded are skipped: consume makes rows of failed_event of them. A million
        records take some 15 s.
        """
        with self._open(timeout_ms) as (reader, logs):
            return _tickets(reader.records(self._unread(reader, logs)[0]), event_id)

    def history(
        self, event_id: str | None = None, timeout_ms: int | None = None, *, aborted: bool = False
    ) -> list[Ticket]:
        """Return the tickets of all records (of this event) that are still in the log, read or not; as `unread`.

        With `aborted` also those of transactions that were: nobody owes them anything, but the log names their people.
        """
        with self._open(timeout_ms) as (reader, logs):
            whole = {at: Span(log.begin, log.begin if aborted else log.stable, log.end) for at, log in logs.items()}
            return _tickets(reader.records(whole), event_id)

    def parts(self) -> list[Part]:
        """Return the topic's parts as they are now: what comes later belongs to none of them."""
        with self._open(None) as (_, logs):
            for at, log in logs.items():
                if log.committed is not None:
                    _check(at, log, log.committed, f"the group has read up to {log.committed}")
            return [Part(at.partition, log.begin, log.stable, log.end, log.committed) for at, log in logs.items()]

    def page(self, event_id: str, part: Part, limit: int) -> Page:
        """Return the tickets of the event in the next `limit` records of the part, and what is left of it.

        What the log has dropped since the part was made is passed over. Where the group has no offset, the outcomes of
        the very records that are read tell what it had read.
        """
        with self._open(None) as (reader, logs):
            at = TopicPartition(self._settings.kafka_topic, part.partition)
            if at not in logs:
                raise Unavailable("stream", f"{at.topic}/{at.partition} is not there any more")
            start = max(part.start, logs[at].begin)
            records = list(islice(reader.records({at: Span(start, part.stable, part.end)}), limit))
            read_to, expired = part.read_to, part.expired
            if read_to is None:
                known = self._known(records)
                expired = expired or known > 0
                if known < len(records):
                    read_to = records[known].offset if expired else 0
                    _check(at, logs[at], read_to, NO_OFFSET)
        seen = len(records) if read_to is None else sum(record.offset < read_to for record in records)
        start = records[-1].offset + 1 if len(records) == limit else part.end
        rest = part._replace(start=start, read_to=read_to, expired=expired)
        return Page(_tickets(records[:seen], event_id), _tickets(records[seen:], event_id), rest)

    def _known(self, records: Sequence[Any]) -> int:
        """Return of how many of the records, from the first on, the ledger knows the outcome."""
        known = 0
        while self._outcomes and (some := records[known : known + ASKED]):
            found = [*self._outcomes([_place(one) for one in some]), False]
            known += found.index(False)
            if not all(found[:-1]):
                break
        return known

    def backlog(self, timeout_ms: int | None = None) -> Backlog:
        """Return how many records are unread, and when the oldest of them was applied for.

        It is the earliest of each partition's first unread record; where that one cannot be decoded, its time in the
        log counts.
        """
        with self._open(timeout_ms) as (reader, logs):
            spans, without_offset = self._unread(reader, logs)
            first = reader.first(spans)
            applied = [
                ticket.applied_at_ms if (ticket := _ticket(one)) else int(one.timestamp) for one in first.values()
            ]
            return Backlog(reader.count(spans, first), min(applied, default=None), without_offset)

    def lag(self, timeout_ms: int | None = None) -> int:
        """Return the number of unread records in all partitions."""
        return self.backlog(timeout_ms).records

    def caught_up(self, timeout_ms: int | None = None) -> bool:
        """Return whether everything that was in the log when this was called has been read."""
        with self._open(timeout_ms) as (reader, logs):
            return not reader.first(self._unread(reader, logs)[0])

    @contextmanager
    def _open(self, timeout_ms: int | None) -> Iterator[tuple[SpanReader, dict[TopicPartition, _Log]]]:
        """Lend a reader, and what the brokers say of every partition."""
        timeout_ms = self._settings.kafka_read_timeout_ms if timeout_ms is None else timeout_ms
        deadline = time.monotonic() + timeout_ms / 1000
        with unavailable():
            logs = self._logs(deadline)
            with closing(SpanReader(self._settings, deadline)) as reader:
                yield reader, logs

    def _logs(self, deadline: float) -> dict[TopicPartition, _Log]:
        """Ask for the committed offsets first: whatever is consumed from then on is read here as well, never missed."""
        group, topic = self._settings.kafka_group, self._settings.kafka_topic

        def look(admin: Any) -> dict[TopicPartition, _Log]:
            [described] = admin.describe_topics([topic])
            if described["error_code"]:
                raise Unavailable("stream", f"topic {topic}: {for_code(described['error_code']).__name__}")
            partitions = [TopicPartition(topic, each["partition_index"]) for each in described["partitions"]]
            committed = admin.list_group_offsets([group])[group]
            latest = dict.fromkeys(partitions, OffsetSpec.LATEST)
            begins = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.EARLIEST))
            stable = admin.list_partition_offsets(latest, IsolationLevel.READ_COMMITTED)
            ends = admin.list_partition_offsets(latest)
            return {
                at: _Log(_offset(committed.get(at)), begins[at].offset, stable[at].offset, ends[at].offset)
                for at in partitions
            }

        return ask(self._settings, deadline, look)

    def _unread(
        self, reader: SpanReader, logs: Mapping[TopicPartition, _Log]
    ) -> tuple[dict[TopicPartition, Span], tuple[int, ...]]:
        """Return what is unread, and the partitions whose offset expired; raise `Unavailable` where some is gone."""
        spans: dict[TopicPartition, Span] = {}
        without_offset = []
        for at, log in logs.items():
            start, read_to = log.committed, f"the group has read up to {log.committed}"
            if start is None:
                start, expired = self._read_to(reader, at, log)
                without_offset += [at.partition] * expired
                read_to = NO_OFFSET
            _check(at, log, start, read_to)
            spans[at] = log.span(start)
        return spans, tuple(without_offset)

    def _read_to(self, reader: SpanReader, at: TopicPartition, log: _Log) -> tuple[int, bool]:
        """Return where a group without an offset has read to, as far as is known, and whether it has read anything."""
        if self._outcomes is None:
            return 0, False
        read = False
        records = reader.records({at: log.span(log.begin)})
        while some := list(islice(records, ASKED)):
            for record, known in zip(some, self._outcomes([_place(one) for one in some]), strict=True):
                if not known:
                    return (record.offset if read else 0), read
                read = True
        return (log.end if read else 0), read


def _check(at: TopicPartition, log: _Log, start: int, read_to: str) -> None:
    """Raise `Unavailable` where the log does not reach back, or on, to where the group has to go on."""
    where = f"{at.topic}/{at.partition}"
    if log.begin > start:
        raise Unavailable("stream", f"{where} starts at {log.begin}, {read_to}")
    if start > log.end:
        raise Unavailable("stream", f"{where} ends at {log.end}, {read_to}")


def _tickets(records: Iterable[Any], event_id: str | None) -> list[Ticket]:
    tickets = []
    named = (event_id or "").encode()
    for record in records:
        # Most of a log is of other events, and decoding is most of the time. An escape may spell a name otherwise.
        if record.value and named not in record.value and b"\\" not in record.value:
            continue
        ticket = _ticket(record)
        if ticket and event_id in (None, ticket.event_id):
            tickets.append(ticket)
    return tickets


def _place(record: Any) -> Placed:
    return _ticket(record), (record.topic, record.partition, record.offset, record.timestamp)


def _ticket(record: Any) -> Ticket | None:
    try:
        return decode(record.value)[0]
    except BadRecord:
        return None


def _offset(committed: Any) -> int | None:
    """Return the offset; None for "none": -1 in the protocol, or no word of the partition."""
    return None if committed is None or committed.offset < 0 else int(committed.offset)
