"""Offsets that no consumer is ever given: markers of transactions, and records of transactions that were aborted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from firstcome.stream.spans import COUNTED
from tests.log import Log, record, ticket

if TYPE_CHECKING:
    from tests.world import World

JUNK = b"x" * 100


@pytest.mark.parametrize("committed", [None, 0, 1], ids=["nothing committed", "at the marker", "behind the marker"])
def test_a_marker_is_nothing_to_read(log: Log, committed: int | None) -> None:
    """An abort leaves two offsets behind, and nobody is given either: the reader is empty wherever the group stands."""
    log.write_aborted(JUNK)
    if committed is not None:
        log.commit(committed)
    assert log.reader.lag() == 0
    assert log.reader.caught_up()
    assert (log.reader.backlog().records, log.reader.backlog().oldest_ms) == (0, None)
    assert log.reader.unread() == []


def test_what_is_read_up_to_the_last_marker_is_read(log: Log) -> None:
    """A consumer's offset stands behind its last record, and before the marker that ended the transaction."""
    log.write_committed(record(1))
    assert log.reader.lag() == 1
    log.commit(1)
    assert log.reader.lag() == 0
    assert log.reader.caught_up()


def test_the_lag_counts_records_between_markers(log: Log) -> None:
    """Committed, aborted and plain records in turn: those that a consumer is given count, in every partition."""
    log.write(record(1))
    log.write_committed(record(2), record(3))
    log.write_aborted(record(4))
    log.write(record(5))
    log.write_aborted(record(6))
    log.write_committed(record(7), partition=1)
    assert log.reader.lag() == 5
    assert {one.number for one in log.reader.unread()} == {1, 2, 3, 5, 7}
    log.commit(3)  # behind record 3
    assert log.reader.lag() == 2
    assert {one.number for one in log.reader.unread()} == {5, 7}


def test_a_long_lag_is_counted_by_offsets(log: Log) -> None:
    """Beyond COUNTED offsets of a partition nobody reads all of them to say how many there are."""
    log.write(*[JUNK] * (COUNTED + 1))
    log.write_aborted(JUNK)
    assert log.reader.lag() == COUNTED + 3, "the two last ones are nothing to read"
    log.commit(COUNTED)
    assert log.reader.lag() == 1


def test_records_behind_a_transaction_under_way_are_unread(log: Log) -> None:
    """A consumer of committed records is not given them yet: they are owed all the same, and so may the others be."""
    log.write(record(1))
    with log.transaction(record(2)) as producer:
        log.write(record(3))
        assert log.reader.unread() == [ticket(1), ticket(2), ticket(3)]
        assert log.reader.lag() == 3
        log.commit(2)
        assert log.reader.unread() == [ticket(3)]
        log.commit(1)
        producer.abort_transaction()
    assert log.reader.unread() == [ticket(3)]
    assert log.reader.lag() == 1


def test_history_has_aborted_records_only_if_asked(log: Log) -> None:
    """They never came to anything; but the log still names their people, which an erasure must know."""
    log.write_committed(record(1))
    log.write_aborted(record(2))
    assert log.reader.history() == [ticket(1)]
    assert log.reader.history(aborted=True) == [ticket(1), ticket(2)]


def test_an_event_is_reconciled_although_a_marker_is_last(world: World) -> None:
    """A failover forgot somebody, and the last offset can never be read: the gate learns of the row all the same."""
    replica = world.snapshot()
    alice = world.apply("alice")
    world.send(alice)
    world.consume(alice)
    world.commit(1)
    log = Log(world.stores.settings)
    log.write_aborted(JUNK)
    log.close()
    world.fail_over(replica)
    done = world.retry()
    assert (done["reconciled"], done["reconcile_later"]) == (1, 0)
    assert (done["unread_records"], done["oldest_unread_age_ms"]) == (0, 0)
    assert world.outcome("alice") == "ALREADY"
    world.assert_promise(rows=1)
    local = world.with_settings(local_cloud=True)
    assert local.operate("wipe") == {"action": "wipe", "wiped": world.event_id}
