"""The scheduled retry: tickets and failed rows of whatever died elsewhere are finished, within the time."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from firstcome.gate.connect import redis_client
from firstcome.gate.gate import Gate
from firstcome.ledger.coupons import Claim
from firstcome.ledger.failed_events import Failure
from firstcome.retry import run as retry
from firstcome.retry.redrive import redrive
from firstcome.rules import FailedStatus, Reason, Ticket
from firstcome.stream.record import encode
from tests.world import AT_ONCE, fields

if TYPE_CHECKING:
    from collections.abc import Callable

    from firstcome.gate.answers import ReassignOutcome
    from tests.world import World

A_SECOND_MS = 1_000
A_LOOK_MS = 50  # at the clock


@pytest.fixture
def world(world: World) -> World:
    """Everything is overdue and due at once."""
    return world.with_settings(**AT_ONCE)


# --- sweep -------------------------------------------------------------------------------------------------------


def test_a_ticket_whose_record_was_never_sent_is_issued(world: World) -> None:
    """Apply died after the gate: the sweep makes the row."""
    world.apply("alice")
    assert world.retry()["swept"] == 1
    world.assert_promise(rows=1)


def test_a_ticket_whose_record_is_unread_is_left_to_consume(world: World) -> None:
    """The backlog explains it, and everything accepted after it."""
    alice = world.apply("alice")
    world.send(alice)
    world.apply("bob")
    assert world.retry()["swept"] == 0
    world.commit(1)
    assert world.retry()["swept"] == 2


def test_without_the_stream_only_old_tickets_are_swept(world: World) -> None:
    """A backlog cannot be told from a loss, so more age is asked for."""
    world.apply("alice")
    blind = world.with_settings(kafka_bootstrap="127.0.0.1:9", kafka_read_timeout_ms=300, sweep_overdue_blind_ms=60_000)
    assert blind.retry()["swept"] == 0
    assert blind.with_settings(sweep_overdue_blind_ms=0).retry()["swept"] == 1


def test_a_sweep_takes_many_batches(world: World) -> None:
    """More tickets than fit into one insert are swept in one run."""
    world.operate("raise_capacity", capacity=25)
    for number in range(25):
        world.apply(f"user-{number}")
    assert world.with_settings(sweep_batch=10).retry()["swept"] == 25
    world.assert_promise(rows=25)


def test_a_run_that_is_out_of_time_starts_nothing(world: World) -> None:
    """It stops in time, says so, and the next one goes on."""
    world.apply("alice")
    done = world.retry(remaining_ms=world.stores.settings.retry_reserve_ms - 1)
    assert (done["swept"], done["stopped"]) == (0, True)
    assert world.retry()["swept"] == 1


def test_a_garbled_gate_holds_up_no_other_event(world: World) -> None:
    """The rest of the run is done; then it fails, so that an alarm rings."""
    other = type(world)(world.stores, f"{world.event_id[:40]}-2")
    other.open()
    other.apply("alice")
    world.lose_gate()
    world.stores.gate.redis.set(world.stores.gate.keys(world.event_id).event, "garbled")
    with pytest.raises(RuntimeError, match="gate: ResponseError"):
        world.retry()
    assert other.holders() == {"alice": 1}


def test_the_answer_of_a_run_does_not_grow_with_the_events(world: World) -> None:
    """What is away, and what failed, is said once: thousands of events would be more than Lambda answers."""
    for number in range(3):
        other = type(world)(world.stores, f"{world.event_id[:40]}-{number}")
        other.open()
        other.lose_gate()
        other.stores.gate.redis.set(other.stores.gate.keys(other.event_id).event, "garbled")
    with pytest.raises(RuntimeError) as told:
        world.retry()
    assert str(told.value).count("gate: ResponseError") == 1
    gone = world.with_settings(redis_url="redis://127.0.0.1:1/0")
    client = redis_client(gone.stores.settings)
    gone = type(world)(replace(gone.stores, gate=Gate(client, gone.stores.settings)), world.event_id)
    unavailable = gone.retry()["unavailable"]
    client.close()
    assert "gate: redis" in unavailable
    assert len(unavailable) == len(set(unavailable))


# --- failed rows -------------------------------------------------------------------------------------------------


def conflict(world: World) -> None:
    """A failover forgot alice; bob was given her ticket; hers is the row, his the failed one."""
    replica = world.snapshot()
    alice = world.apply("alice")
    world.fail_over(replica)
    bob = world.apply("bob")
    world.consume(alice)
    world.consume(bob)
    assert world.holders() == {"alice": 1}


def test_a_taken_ticket_is_reassigned(world: World) -> None:
    """Both people have a coupon in the end, and the failed row is resolved."""
    conflict(world)
    assert world.retry()["redriven"]["resolved"] == 1
    assert world.holders() == {"alice": 1, "bob": 2}
    assert world.stores.ledger.count_failed()[FailedStatus.WAITING] == 0
    world.retry()
    world.assert_promise(rows=2)


def _give_to_dave(world: World, number: int) -> None:
    world.operate("raise_capacity", capacity=number)
    world.stores.ledger.write([Claim(world.ticket("dave", number))])


def _forget_the_event(world: World, _: int) -> None:
    with world.stores.ledger.connect() as connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM coupon_event WHERE event_id = %s", (world.event_id,))
        connection.commit()


@pytest.mark.parametrize(
    ("meanwhile", "reason", "detail"),
    [
        (_give_to_dave, Reason.TICKET_TAKEN, "ticket 4 is taken as well"),
        (lambda *_: None, Reason.TICKET_OUT_OF_RANGE, "ticket 4 is outside 1..capacity"),
        (_forget_the_event, Reason.UNKNOWN_EVENT, "there is no event {event_id}"),
    ],
    ids=["taken", "out of range", "unknown event"],
)
def test_a_reassigned_ticket_that_fails_too_says_why(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    meanwhile: Callable[[World, int], None],
    reason: Reason,
    detail: str,
) -> None:
    """The operator reads what the ledger said of the new ticket, and not what it says most often."""
    conflict(world)
    gate, event_id = world.stores.gate, world.event_id
    gate.configure(event_id, 99, fields(capacity=9))
    for name in ("carol", "erin"):
        world.apply(name)
    reassign = gate.reassign

    def reassigned(event_id: str, user_id: str, old: int) -> tuple[ReassignOutcome, Ticket | None]:
        outcome, given = reassign(event_id, user_id, old)
        assert given is not None
        meanwhile(world, given.number)
        return outcome, given

    monkeypatch.setattr(gate, "reassign", reassigned)
    first = next(redrive(world.stores.ledger, gate, world.stores.settings, lambda: False))
    [row] = world.stores.ledger.list_failed(event_id, None, 10)
    assert (first, row.reason, row.detail) == (FailedStatus.WAITING, reason, detail.format(event_id=event_id))


def test_when_no_ticket_is_left_the_person_is_refused_visibly(world: World) -> None:
    """In the ledger first, then in the gate; the row says so."""
    conflict(world)
    for name in ("carol", "dave"):
        world.consume(world.apply(name))
    assert world.retry()["redriven"]["refused"] == 1
    assert world.stores.ledger.refusals(world.event_id) == ["bob"]
    assert world.outcome("bob") == "REFUSED"
    world.retry()
    world.assert_promise(rows=3)


def test_a_record_that_can_never_be_read_dies_after_its_attempts(world: World) -> None:
    """Each attempt is counted; then an operator decides, and the audit shows it."""
    world.stores.ledger.write([], [Failure(Reason.NOT_JSON, "not JSON", b"{", world.event_id)])
    tired = world.with_settings(failed_attempts=3)
    assert sum(tired.retry()["redriven"]["dead"] for _ in range(3)) == 1
    [row] = tired.operate("list_failed", status="dead")["rows"]
    assert (row["attempts"], row["reason"]) == (3, "not_json")
    assert [finding["what"] for finding in tired.audit()["findings"]] == ["a dead failed row"]


def test_a_row_dies_with_its_last_attempt(world: World) -> None:
    """Not a backoff later: the alarm is for an operator, who may act at once."""
    world.stores.ledger.write([], [Failure(Reason.NOT_JSON, "not JSON", b"{", world.event_id)])
    hour_ms = 3_600_000
    once = world.with_settings(failed_attempts=1, failed_backoff_base_ms=hour_ms, failed_backoff_cap_ms=hour_ms)
    assert once.retry()["redriven"]["dead"] == 1


def test_trouble_with_a_server_does_not_use_up_attempts(world: World) -> None:
    """The gate is lost, so nobody knows which ticket is free: the attempt is given back."""
    conflict(world)
    world.lose_gate()
    slow = world.with_settings(restore_wait_ms=3_600_000, failed_attempts=1)
    for _ in range(3):
        done = _run_for_a_second(slow)["redriven"]
        assert (done["dead"], done["waiting"] > 0) == (0, True)
    [row] = slow.operate("list_failed")["rows"]
    assert (row["status"], row["attempts"]) == ("waiting", 0)


def _run_for_a_second(world: World) -> dict[str, Any]:
    """One run whose time passes by being looked at: as much of it on every machine."""
    left_ms = itertools.count(world.stores.settings.retry_reserve_ms + A_SECOND_MS, -A_LOOK_MS)
    return retry.run(world.stores, lambda: next(left_ms))


def test_a_ticket_beyond_the_capacity_waits_until_it_has_grown(world: World) -> None:
    """It is tried again against the capacity of that time, and never reassigned by an old one."""
    world.stores.ledger.write([Claim(world.ticket("alice", 4))])
    assert world.retry()["redriven"]["waiting"] > 0
    world.operate("raise_capacity", capacity=5)
    world.operate("redrive", all=True)
    assert world.retry()["redriven"]["resolved"] == 1
    assert world.holders() == {"alice": 4}


def test_a_redriven_row_is_resolved_by_what_its_payload_says(world: World) -> None:
    """A row that was dead for a reason that is gone becomes a coupon."""
    alice = world.apply("alice")
    world.stores.ledger.write([], [Failure(Reason.UNKNOWN_VERSION, "v2", encode(alice, 1), world.event_id)])
    [row] = world.operate("list_failed")["rows"]
    assert world.operate("redrive", id=row["id"])["due"] == 1
    assert world.retry()["redriven"]["resolved"] == 1
    assert world.holders() == {"alice": 1}
