"""What the consumer group has not read yet, on a real broker."""

from __future__ import annotations

import socket
import threading
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource

from firstcome.rules import Unavailable
from firstcome.settings import Settings
from firstcome.stream import admin as admin_module
from firstcome.stream.reader import StreamReader
from firstcome.stream.topic import TOPIC_CONFIGS, ensure_topic
from tests.log import NOW_MS, Log, record, ticket
from tests.patience import PATIENCE_S, PATIENT

if TYPE_CHECKING:
    from collections.abc import Callable


def test_an_empty_topic_is_read_to_its_end(log: Log) -> None:
    """An empty topic of a group that was never seen is read to its end."""
    assert log.reader.unread() == []
    assert log.reader.backlog().oldest_ms is None
    assert log.reader.lag() == 0
    assert log.reader.caught_up()


def test_a_group_that_has_committed_nothing_owes_everything(log: Log) -> None:
    """No offset means from the beginning, not "nothing owed"."""
    log.write(record(1), record(2))
    log.write(record(3), partition=1)
    assert sorted(log.reader.unread(), key=lambda one: one.number) == [ticket(1), ticket(2), ticket(3)]
    assert log.reader.lag() == 3
    assert not log.reader.caught_up()


def test_what_is_committed_is_read(log: Log) -> None:
    """Unread starts at each partition's committed offset; history tells all of it."""
    log.write(record(1), record(2))
    log.write(record(3), partition=1)
    log.commit(1)
    log.commit(1, partition=1)
    assert log.reader.unread() == [ticket(2)]
    assert log.reader.lag() == 1
    log.commit(2)
    assert log.reader.unread() == []
    assert log.reader.caught_up()
    assert sorted(one.number for one in log.reader.history()) == [1, 2, 3]


def test_reading_does_not_join_the_group(log: Log) -> None:
    """Reading the reader takes no partition from the consumers: the group has no member afterwards, nor meanwhile."""
    log.write(record(1))
    log.commit(0)
    log.reader.unread()
    described = log.admin.describe_groups([log.settings.kafka_group])[log.settings.kafka_group]
    assert described["members"] == []


def test_an_event_sees_its_own_records(log: Log) -> None:
    """The stream carries all events; each asks for its own."""
    log.write(record(1, "E"), record(2, "F"), record(3, "E"))
    assert log.reader.unread("E") == [ticket(1, "E"), ticket(3, "E")]
    assert log.reader.history("F") == [ticket(2, "F")]


def test_an_event_sees_a_record_that_spells_its_name_otherwise(log: Log) -> None:
    """JSON has two ways to write a letter: a record that another producer escaped is owed like any other."""
    log.write(record(1, "E").replace(b'"E"', b'"\\u0045"'), record(2, "F"))
    assert log.reader.unread("E") == [ticket(1, "E")]


def test_a_bad_record_is_skipped_and_counted(log: Log) -> None:
    """A record that cannot be decoded hides no other; it is unread like any other."""
    log.write(record(1), b"no json", b"", record(2))
    assert log.reader.unread() == [ticket(1), ticket(2)]
    assert log.reader.lag() == 4


def test_the_oldest_unread_is_the_earliest_of_all_partitions(log: Log) -> None:
    """A backlog explains a pending ticket that is younger than the oldest unread record."""
    log.write(record(1, applied_at_ms=NOW_MS + 30), record(2, applied_at_ms=NOW_MS + 40))
    log.write(record(3, applied_at_ms=NOW_MS + 10), record(4, applied_at_ms=NOW_MS + 20), partition=1)
    assert log.reader.backlog().oldest_ms == NOW_MS + 10
    log.commit(1, partition=1)
    assert log.reader.backlog().oldest_ms == NOW_MS + 20
    log.commit(2, partition=1)
    assert log.reader.backlog().oldest_ms == NOW_MS + 30


def test_a_bad_unread_record_counts_by_the_brokers_clock(log: Log) -> None:
    """One bad record in front does not make a backlog look empty, nor as old as the world."""
    log.write(record(1, applied_at_ms=0))
    log.commit(1)
    first = log.producer().send(log.settings.kafka_topic, value=b"no json", partition=0).get(timeout=PATIENCE_S)
    assert log.reader.backlog().oldest_ms == first.timestamp


def test_the_end_is_a_position_and_not_a_count(log: Log) -> None:
    """A log has gaps, here where transactions ended: reading finishes all the same, also with a gap at the end.

    Whoever waited for the records that a gap lacks would say so when the time is up.
    """
    producer = log.producer(transactional_id=log.settings.kafka_topic)
    producer.init_transactions()
    for number in (1, 2):
        producer.begin_transaction()
        producer.send(log.settings.kafka_topic, value=record(number), partition=0).get(timeout=PATIENCE_S)
        producer.commit_transaction()
    assert log.reader.unread() == [ticket(1), ticket(2)]
    log.commit(3)  # behind the second record, before its marker
    assert log.reader.unread() == []
    assert log.reader.backlog().oldest_ms is None


@pytest.mark.parametrize("committed", [None, 1], ids=["nothing committed", "committed below"])
def test_records_that_were_deleted_unread_make_the_rest_unknown(log: Log, committed: int | None) -> None:
    """Retention took what the group still owes: nobody knows whose tickets they were, so nothing is answered."""
    log.write(record(1), record(2), record(3))
    if committed is not None:
        log.commit(committed)
    log.delete_before(2)
    for question in (log.reader.unread, log.reader.backlog, log.reader.lag):
        with pytest.raises(Unavailable, match="starts at 2"):
            question()


def test_records_that_were_read_may_be_deleted(log: Log) -> None:
    """Retention of what the group has read is everyday life."""
    log.write(record(1), record(2), record(3))
    log.commit(2)
    log.delete_before(2)
    assert log.reader.unread() == [ticket(3)]
    assert log.reader.history() == [ticket(3)]


def test_an_offset_beyond_the_end_makes_the_rest_unknown(log: Log) -> None:
    """The log is not the one that the group has read: a topic that was made anew, or that lost its end."""
    log.write(record(1))
    log.commit(5)
    with pytest.raises(Unavailable, match="ends at 1"):
        log.reader.unread()


def test_a_missing_topic_makes_the_rest_unknown(kafka_bootstrap: str) -> None:
    """No topic is no answer: it may be a wrong name as well as an empty stream."""
    reader = StreamReader(
        Settings(kafka_bootstrap=kafka_bootstrap, kafka_topic=f"missing-{uuid.uuid4().hex}", **PATIENT)
    )
    with pytest.raises(Unavailable, match="UnknownTopicOrPartition"):
        reader.unread()


@pytest.mark.parametrize("answering", [False, True], ids=["refuses connections", "accepts and is silent"])
def test_a_broker_that_is_away_makes_the_rest_unknown_in_time(
    wait_until: Callable[..., None], monkeypatch: pytest.MonkeyPatch, *, answering: bool
) -> None:
    """It is waited for as long as the timeout allows, shared among the tries; no thread of the library is left."""
    before = threading.active_count()
    allowed_ms: list[int] = []

    def admin(**config: Any) -> KafkaAdminClient:
        allowed_ms.append(config["bootstrap_timeout_ms"])
        return KafkaAdminClient(**config)

    monkeypatch.setattr(admin_module, "KafkaAdminClient", admin)
    with socket.create_server(("127.0.0.1", 0), backlog=50) as server:
        port = server.getsockname()[1]
        if not answering:
            server.close()
        reader = StreamReader(Settings(kafka_bootstrap=f"127.0.0.1:{port}", kafka_read_timeout_ms=1_500))
        with pytest.raises(Unavailable):
            reader.lag()
    assert 0 < sum(allowed_ms) <= 1_500
    assert len(allowed_ms) > 1, "a try may have met the one broker that is down"
    wait_until(lambda: threading.active_count() <= before, "the library's threads have ended")


def test_too_much_to_read_in_time_is_unknown(log: Log) -> None:
    """Half a reader is worse than none: who asks for it gives it the time that it needs."""
    log.write(*(record(number) for number in range(1, 20_001)))
    with pytest.raises(Unavailable):
        log.reader.unread(timeout_ms=60)
    assert len(log.reader.unread(timeout_ms=PATIENT["kafka_unread_timeout_ms"])) == 20_000


def test_the_topic_is_made_once_as_it_should_be(kafka_bootstrap: str, log: Log) -> None:
    """The first call makes the topic with its partitions and configuration; the next ones leave it alone."""
    settings = Settings(kafka_bootstrap=kafka_bootstrap, kafka_topic=f"test-{uuid.uuid4().hex}", **PATIENT)
    assert ensure_topic(settings, 4, 1, {"retention.ms": "1000"})
    assert not ensure_topic(settings, 5, 1)
    [described] = log.admin.describe_topics([settings.kafka_topic])
    assert len(described["partitions"]) == 4
    [entries] = log.admin.describe_configs([ConfigResource("TOPIC", settings.kafka_topic)])["topic"].values()
    configs = {name: entry["value"] for name, entry in entries.items()}
    expected = TOPIC_CONFIGS | {"retention.ms": "1000", "min.insync.replicas": "1"}
    assert {name: configs[name] for name in expected} == expected


def test_a_topic_that_the_brokers_refuse_is_unavailable(kafka_bootstrap: str) -> None:
    """More replicas than brokers: said with the broker's reason."""
    settings = Settings(kafka_bootstrap=kafka_bootstrap, kafka_topic=f"test-{uuid.uuid4().hex}", **PATIENT)
    with pytest.raises(Unavailable, match="InvalidReplicationFactor"):
        ensure_topic(settings, 1, 30)
