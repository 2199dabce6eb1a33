"""A burst of records that can never be issued costs little, and holds up no row of anybody else."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from firstcome.ledger.coupons import Claim
from firstcome.ledger.failed_events import Failure
from firstcome.rules import FailedStatus, Reason, Ticket
from firstcome.stream.record import encode
from tests.world import msk_event

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.world import World

SOME, MANY = 2, 100
A_MINUTE_MS = 60_000
numbers = count(1)


def wiped(world: World, number: int) -> bytes:
    """Return a record of an event that is not there any more."""
    return encode(Ticket(f"{world.event_id[:50]}-gone", f"user-{number}", number, 1_700_000_000_000), 1)


def beyond(world: World, number: int) -> bytes:
    """Return a record whose ticket the event does not have."""
    return encode(world.ticket(f"user-{number}", 1_000_000 + number), 1)


def junk(_world: World, number: int) -> bytes:
    """Another producer's record."""
    return b"junk %d" % number


BAD = [wiped, beyond, junk]


def statements(connection: Any) -> int:
    """Return how many statements this connection has sent."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW SESSION STATUS LIKE 'Questions'")
        return int(cursor.fetchone()[1])


def store(world: World, values: list[bytes]) -> None:
    """Have consume make failed rows of these."""
    from firstcome import issue
    from firstcome.consume import kafka_event

    claims, failures = kafka_event.read(msk_event(world.event_id, values, start=1_000 * next(numbers)), world.event_id)
    issue.issue(world.stores.ledger, world.stores.gate, claims, failures)


@pytest.mark.parametrize("bad", BAD)
def test_many_bad_records_cost_consume_what_two_cost(world: World, bad: Callable[[World, int], bytes]) -> None:
    """The number of statements does not grow with the batch, whatever is wrong with its records."""
    ledger = world.stores.ledger

    def cost(size: int) -> int:
        values = [bad(world, next(numbers)) for _ in range(size)]
        before = ledger.read(statements)
        store(world, values)
        return ledger.read(statements) - before

    cost(SOME)  # connects
    assert cost(SOME) == cost(MANY)


@pytest.mark.parametrize("bad", BAD)
def test_many_bad_rows_cost_the_retry_what_two_cost(world: World, bad: Callable[[World, int], bytes]) -> None:
    """One claim, one attempt and one answer for all of them."""
    world = world.with_settings(
        failed_batch=MANY, failed_backoff_base_ms=A_MINUTE_MS, failed_backoff_cap_ms=A_MINUTE_MS
    )
    ledger = world.stores.ledger

    def cost(size: int) -> int:
        store(world, [bad(world, next(numbers)) for _ in range(size)])
        before = ledger.read(statements)
        assert world.retry()["redriven"]["waiting"] == size
        return ledger.read(statements) - before

    cost(SOME)  # connects
    assert cost(SOME) == cost(MANY)


@pytest.fixture
def endless(world: World) -> World:
    """A world whose failed rows are due again at once, so that they take whatever time they are given."""
    world = world.with_settings(
        sweep_overdue_ms=0, restore_wait_ms=0, failed_backoff_base_ms=0, failed_backoff_cap_ms=0, failed_attempts=10**6
    )
    store(world, [junk(world, number) for number in range(MANY)])
    return world


def test_no_burst_of_bad_rows_keeps_a_ticket_from_the_sweep(endless: World) -> None:
    """A run that has more failed rows than time sweeps all the same."""
    endless.apply("alice")
    done = endless.retry(remaining_ms=endless.stores.settings.retry_reserve_ms + 3_000)
    assert done["stopped"], "the rows take all the time that is left"
    assert (done["swept"], endless.holders()) == (1, {"alice": 1})


def test_no_burst_of_bad_rows_keeps_a_gate_lost(endless: World) -> None:
    """While a lost gate waits for the records in flight, failed rows take half of the time at most."""
    endless.consume(endless.apply("alice"))
    endless.lose_gate()
    waiting = endless.with_settings(restore_wait_ms=500)
    done = waiting.retry(remaining_ms=waiting.stores.settings.retry_reserve_ms + 6_000)
    assert done["restored"] == 1


def test_good_and_bad_rows_of_one_claim_have_their_own_outcome(world: World) -> None:
    """Resolved, reassigned, refused, waiting and dead, in one batch of the retry."""
    world = world.with_settings(failed_backoff_base_ms=A_MINUTE_MS, failed_attempts=2)
    ledger = world.stores.ledger
    alice, bob = world.apply("alice"), world.apply("bob")
    world.consume(alice)
    ledger.refuse(world.event_id, "mallory", "")
    ledger.write([Claim(world.ticket("carol", 1))])  # somebody else's: another one is free
    ledger.write(
        [],
        [
            Failure(Reason.UNKNOWN_VERSION, "", encode(bob, 1)),
            Failure(Reason.UNKNOWN_VERSION, "", encode(world.ticket("mallory", 2), 1)),
            Failure(Reason.UNKNOWN_VERSION, "", wiped(world, 1)),
            Failure(Reason.NOT_JSON, "", b"{"),
        ],
    )
    redriven = world.retry()["redriven"]
    assert redriven == {"resolved": 2, "refused": 1, "waiting": 2, "dead": 0}
    assert world.holders() == {"alice": 1, "bob": 2, "carol": 3}
    rows = {(row.reason, row.status, row.attempts) for row in ledger.list_failed(None, None, 10) if not row.lease}
    assert {one for one in rows if one[1] is FailedStatus.WAITING} == {
        (Reason.UNKNOWN_EVENT, FailedStatus.WAITING, 1),
        (Reason.NOT_JSON, FailedStatus.WAITING, 1),
    }
    assert ledger.redrive(None, None) == 2
    assert world.with_settings(failed_attempts=1).retry()["redriven"]["dead"] == 2
