"""A group without members loses its committed offsets after a while: that is no group that has read nothing."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pytest

from firstcome.ledger.connect import mysql_connection
from firstcome.ledger.failed_events import Failure, Source
from firstcome.ledger.ledger import Ledger
from firstcome.rules import Reason, Unavailable
from firstcome.stream.reader import StreamReader
from firstcome.stream.record import encode
from tests.log import Log

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.world import World

JUNK = b"no record"


@pytest.fixture
def world(world: World) -> World:
    """Everything is overdue and due at once, and ten people may win."""
    world.operate("raise_capacity", capacity=10)
    return world.with_settings(sweep_overdue_ms=0, released_rest_ms=0, restore_wait_ms=0, failed_backoff_base_ms=60_000)


@pytest.fixture
def stream(world: World) -> Iterator[Log]:
    """The world's topic, with four records, one of them unreadable: all are consumed, and the offset is forgotten."""
    stream = Log(world.stores.settings)
    settled = [world.apply(name) for name in ("alice", "bob", "carol")]
    [*_, junk] = stream.write(*(encode(one, 1) for one in settled), JUNK)
    world.consume(*settled)
    source = Source(junk.topic, junk.partition, junk.offset, junk.timestamp)
    world.stores.ledger.write([], [Failure(Reason.NOT_JSON, "", JUNK, source=source)])
    world.commit(4)
    stream.forget_offset()
    yield stream
    stream.close()


@pytest.mark.usefixtures("stream")
def test_an_expired_offset_is_no_backlog(world: World) -> None:
    """The ledger knows the outcome of every record: nothing is unread, the operator sees why, and the audit passes."""
    done = world.retry()
    assert (done["unread_records"], done["oldest_unread_age_ms"], done["partitions_without_offset"]) == (0, 0, 1)
    assert world.operate("show")["unread"] == 0
    assert world.audit()["invariants"]["I3"]["figures"]["partitions_without_offset"] == 1
    assert world.audit()["findings"] == []


@pytest.mark.usefixtures("stream")
def test_an_expired_offset_keeps_nobody_from_the_sweep(world: World) -> None:
    """A winner whose process died before the send gets the row all the same."""
    world.apply("dave")
    assert world.retry()["swept"] == 1
    assert set(world.holders()) == {"alice", "bob", "carol", "dave"}


def test_what_is_behind_an_expired_offset_is_left_to_consume(world: World, stream: Log) -> None:
    """The first record without an outcome is where the group has read to; what is younger waits for consume."""
    dave = world.apply("dave")
    stream.write(encode(dave, 1))
    world.apply("erin")
    done = world.retry()
    assert (done["swept"], done["unread_records"], done["partitions_without_offset"]) == (0, 1, 1)
    world.consume(dave)
    world.commit(5)
    assert world.retry()["swept"] == 1
    assert set(world.holders()) == {"alice", "bob", "carol", "dave", "erin"}


def test_a_lost_gate_is_restored_without_an_offset(world: World, stream: Log) -> None:
    """Rows, and what is owed behind them: nobody is forgotten, and no ticket is given twice."""
    dave = world.apply("dave")
    stream.write(encode(dave, 1))
    world.lose_gate()
    assert world.retry()["restored"] == 1
    assert world.pending() == {"dave"}
    assert [world.outcome(name) for name in ("alice", "dave", "erin")] == ["ALREADY", "ALREADY", "ACCEPTED"]


@pytest.mark.usefixtures("stream")
def test_a_gate_is_reconciled_without_an_offset(world: World) -> None:
    """A failover forgot somebody, and nothing is owed."""
    replica = world.snapshot()
    erin = world.apply("erin")
    world.consume(erin)
    world.fail_over(replica)
    done = world.retry()
    assert (done["reconciled"], done["reconcile_later"]) == (1, 0)
    assert world.outcome("erin") == "ALREADY"


def test_records_that_were_read_may_go_with_their_offset(world: World, stream: Log) -> None:
    """The first record that is left has an outcome, so those before it had been read when retention took them."""
    stream.delete_before(2)
    assert world.retry()["unread_records"] == 0
    world.lose_gate()
    assert world.retry()["restored"] == 1


def test_nothing_is_guessed_of_deleted_records(world: World, stream: Log) -> None:
    """The log begins with a record without an outcome, or is empty: who was deleted before it is not known."""
    stream.write(encode(world.apply("dave"), 1))
    for begin in (4, 5):
        stream.delete_before(begin)
        with pytest.raises(Unavailable, match=f"starts at {begin}, the group has no committed offset"):
            world.stores.reader.unread()


def test_a_first_batch_without_its_offset_moves_the_backlog(world: World) -> None:
    """Consume has committed its rows and not yet its offset: the records behind them are owed, and no others."""
    people = [world.apply(name) for name in ("alice", "bob", "carol")]
    world.send(*people)
    assert world.stores.reader.backlog().oldest_ms == people[0].applied_at_ms
    world.consume(people[0])
    seen = world.stores.reader.backlog()
    assert (seen.records, seen.oldest_ms) == (2, people[1].applied_at_ms)


@pytest.mark.usefixtures("stream")
def test_without_an_offset_the_ledger_tells_what_is_unread(world: World) -> None:
    """Nobody can tell an expired offset from a backlog then."""
    settings = replace(world.stores.settings, mysql_url="mysql://root@127.0.0.1:9/none")
    away = Ledger(partial(mysql_connection, settings, settings.mysql_read_timeout_ms), settings)
    with pytest.raises(Unavailable, match="mysql"):
        StreamReader(settings, away.outcomes).backlog()
