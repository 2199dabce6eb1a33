"""The scheduled retry rebuilds a lost gate, compares one after a failover, and lets it go after the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from firstcome.rules import EventState
from tests.world import AT_ONCE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.world import World


@pytest.fixture
def world(world: World) -> World:
    """Everything is overdue and due at once."""
    return world.with_settings(**AT_ONCE)


# --- restore -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lost", [(), ("event",), ("applied_user",)], ids=["all", "event", "applied_user"])
def test_a_lost_gate_is_rebuilt_from_ledger_and_stream(world: World, lost: tuple[str, ...]) -> None:
    """Rows, unread records, failed rows and refusals are all in it; a ticket that only Redis knew is free."""
    world.operate("raise_capacity", capacity=6)
    row, unread, reserved = world.apply("row"), world.apply("unread"), world.apply("reserved")
    assert (row.number, unread.number, reserved.number) == (1, 2, 3)
    world.consume(row)
    world.send(unread)
    last = world.apply("last")
    world.consume(last)
    world.operate("refuse", user_id="mallory")
    world.lose_gate(*lost)
    assert world.outcome("anybody") == "UNKNOWN"
    assert world.retry()["restored"] == 1
    assert [world.outcome(name) for name in ("row", "unread", "last", "mallory")] == ["ALREADY"] * 3 + ["REFUSED"]
    assert world.apply("next").number == 3
    assert world.apply("after").number == 5
    assert world.pending() == {"unread", "next", "after"}


def test_a_gate_stays_lost_until_records_in_flight_are_there(world: World) -> None:
    """One apply may live that long; then, in the same run if there is time, it is restored."""
    world.consume(world.apply("alice"))
    world.lose_gate()
    patient = world.with_settings(restore_wait_ms=3_600_000)
    done = patient.retry(remaining_ms=patient.stores.settings.retry_reserve_ms - 1)
    assert done["restored"] == 0
    assert patient.operate("restore")["outcome"] == "waiting"
    assert world.outcome("bob") == "UNKNOWN"
    assert world.with_settings(restore_wait_ms=1).retry()["restored"] == 1


def test_a_gate_stays_lost_while_the_stream_cannot_be_read(world: World) -> None:
    """A rebuilt gate that lacks a record would hand its ticket out again."""
    world.send(world.apply("alice"))
    world.lose_gate()
    blind = world.with_settings(kafka_bootstrap="127.0.0.1:9", kafka_read_timeout_ms=300, kafka_unread_timeout_ms=300)
    done = blind.retry()
    assert done["restored"] == 0
    assert done["unavailable"]
    assert world.outcome("alice") == "UNKNOWN"


def test_the_rows_are_read_last(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record that is consumed while restore reads is seen in the reader, or as a row: never in neither."""
    alice = world.apply("alice")
    world.send(alice)
    world.lose_gate()
    epoch = world.stores.ledger.next_restore_epoch

    def consumed_meanwhile(event_id: str) -> Any:
        world.consume(alice)
        world.commit(1)
        return epoch(event_id)

    monkeypatch.setattr(world.stores.ledger, "next_restore_epoch", consumed_meanwhile)
    monkeypatch.setattr(world.stores.reader, "unread", _reading_late(world, alice, world.stores.reader.unread))
    assert world.retry()["restored"] == 1
    assert world.outcome("alice") == "ALREADY"


def _reading_late(world: World, ticket: Any, unread: Callable[..., Any]) -> Callable[..., Any]:
    """The record leaves the reader before it is read: the rows must show it."""

    def late(event_id: str, timeout_ms: int) -> Any:
        world.consume(ticket)
        world.commit(1)
        return unread(event_id, timeout_ms)

    return late


def test_a_gate_that_create_did_not_reach_is_made_by_the_retry(world: World) -> None:
    """The operator's create died between ledger and gate."""
    world.lose_gate()
    assert world.retry()["restored"] == 1
    assert world.apply("alice").number == 1


def test_a_gate_that_missed_a_change_is_told(world: World) -> None:
    """Pause reached the ledger, and not the gate."""
    world.stores.ledger.set_state(world.event_id, EventState.PAUSED)
    assert world.outcome("alice") == "ACCEPTED"
    assert world.retry()["configured"] == 1
    assert world.outcome("bob") == "PAUSED"


# --- reconcile ---------------------------------------------------------------------------------------------------


def test_after_a_failover_the_gate_learns_what_it_forgot(world: World) -> None:
    """A row that it did not know, and a number that nobody owns."""
    replica = world.snapshot()
    world.consume(world.apply("alice"), world.apply("bob"))
    world.fail_over(replica)
    assert world.retry()["reconciled"] == 1
    assert world.stores.gate.standing(world.event_id, "alice").ticket == 1
    assert world.apply("carol").number == 3
    world.retry()
    world.assert_promise(rows=3)


def test_a_released_ticket_that_a_failover_brings_back_is_given(world: World) -> None:
    """A winner without row becomes pending again, and a number that nobody owns becomes free."""
    world.apply("alice")
    replica = world.snapshot()
    world.retry()
    world.fail_over(replica)
    for _ in range(3):
        world.retry()
    world.assert_promise(rows=1)


def test_a_busy_event_is_not_reconciled(world: World) -> None:
    """What is on its way goes first: comparing would free a ticket that a record carries."""
    replica = world.snapshot()
    world.send(world.apply("alice"))
    world.fail_over(replica)
    assert world.retry()["reconcile_later"] == 1


# --- the end of an event -----------------------------------------------------------------------------------------


def test_an_ended_event_is_settled_and_then_expires_whole(world: World) -> None:
    """The pending ticket is swept first; then all keys go at one time."""
    world.apply("alice")
    world.operate("end")
    assert world.retry()["expiring"] == 1
    redis = world.stores.gate.redis
    lives = {redis.pexpiretime(key) for key in world.stores.gate.keys(world.event_id) if redis.exists(key)}
    assert len(lives) == 1
    assert min(lives) > 0
