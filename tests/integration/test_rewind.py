"""An operator repairs what needs Kafka's and Redis's clients otherwise: the group's offsets, and a damaged gate."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from kafka import KafkaConsumer

from firstcome.operate.actions import act
from firstcome.rules import BadInput, Unavailable
from firstcome.stream.rewind import rewind
from tests.log import Log, record, ticket
from tests.world import AT_ONCE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.world import World

FUTURE_MS = 4_000_000_000_000


def stored_at(written: Any) -> int:
    """Return when the broker has stored it."""
    at: int = written.timestamp
    return at


def test_a_group_reads_again_what_was_stored_since(log: Log) -> None:
    """From the first record of that time on; a partition that has none of that time stays where it is."""
    [first] = log.write(record(1))
    [second] = log.write(record(2))
    while stored_at(second) == stored_at(first):  # of one millisecond: the next one is of another
        [second] = log.write(record(2))
    log.commit(second.offset + 1)
    log.write(record(3), partition=1)
    assert rewind(log.settings, stored_at(second)) == {0: second.offset}
    assert ticket(2) in log.reader.unread()
    assert rewind(log.settings, FUTURE_MS) == {}


def test_no_offset_moves_forward(log: Log) -> None:
    """What is unread may be all that is left of an accepted person."""
    log.write(record(1))
    [later] = log.write(record(2))
    log.commit(0)
    assert rewind(log.settings, stored_at(later)) == {}
    assert log.reader.lag() == 2


def test_a_partition_without_an_offset_is_left_alone(log: Log) -> None:
    """It is read from its beginning anyway; an operator who has looked may say that nothing is missing before it."""
    log.write(record(1), record(2))
    assert rewind(log.settings, 0) == {}
    assert rewind(log.settings, None) == {0: 0, 1: 0, 2: 0}
    log.commit(2)
    assert rewind(log.settings, None) == {0: 0}
    assert log.reader.lag() == 2


def test_a_group_with_members_is_not_rewound(log: Log, wait_until: Callable[..., None]) -> None:
    """They would go on from where they are, and commit that; once they have left, it is."""
    log.write(record(1))
    log.commit(1)
    settings = log.settings
    consumer = KafkaConsumer(
        settings.kafka_topic,
        bootstrap_servers=settings.kafka_bootstrap,
        group_id=settings.kafka_group,
        enable_auto_commit=False,
    )
    with closing(consumer):
        wait_until(lambda: consumer.poll(timeout_ms=100) or consumer.assignment(), "it has joined the group")
        with pytest.raises(BadInput, match="has members: stop the event source"):
            rewind(settings, None)
    assert rewind(settings, None)[0] == 0


def test_rewind_says_what_it_has_moved(world: World) -> None:
    """What is read again changes nothing."""
    alice = world.apply("alice")
    world.send(alice)
    world.consume(alice)
    world.commit(1)
    with pytest.raises(BadInput, match="since or from_beginning"):
        act(world.stores, {"action": "rewind"})
    assert act(world.stores, {"action": "rewind", "from_beginning": True})["rewound"] == {"0": 0}
    world.consume(alice)
    world.commit(1)
    world.assert_promise(rows=1)


def test_a_dropped_gate_is_rebuilt(world: World) -> None:
    """Also a damaged one: until then everybody is told to come again."""
    world = world.with_settings(**AT_ONCE)
    world.consume(world.apply("alice"))
    world.stores.gate.redis.delete(world.stores.gate.keys(world.event_id).event)
    world.stores.gate.redis.set(world.stores.gate.keys(world.event_id).event, "damaged")
    assert world.operate("drop_gate")["gate"] == "LOST"
    assert world.outcome("bob") == "UNKNOWN"
    assert world.retry()["restored"] == 1
    assert world.outcome("alice") == "ALREADY"
    world.assert_promise(rows=1)


def test_a_gate_is_dropped_only_where_it_can_be_rebuilt(world: World) -> None:
    """The stream must be readable, and the event within its retention."""
    away = world.with_settings(kafka_topic="no-such-topic")
    with pytest.raises(Unavailable, match="no-such-topic"):
        away.operate("drop_gate")
    world.operate("end")
    with pytest.raises(BadInput, match="past its retention"):
        world.with_settings(retention_days=0).operate("drop_gate")
    assert world.stores.gate.show(world.event_id) is not None
