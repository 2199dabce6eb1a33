"""The audit in pieces finds what an audit of one moment finds, whoever works off the pieces, and how small they are."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from firstcome.audit.pieces import audit
from firstcome.ledger.failed_events import Failure
from firstcome.rules import Reason
from tests.audit_of_one_moment import audit as audit_of_one_moment
from tests.integration import test_audit as planted

if TYPE_CHECKING:
    from firstcome.ledger.events import Event
    from tests.world import World

ROW_MAX_BYTES = 16_384  # of what is kept between two pieces
SMALL = 2  # rows or records of one piece


def a_failed_row_waits(world: World) -> None:
    """Somebody's ticket waits for the retry."""
    erin = world.ticket("erin", 3)
    world.stores.ledger.write([], [Failure(Reason.LEDGER_REJECTED, "full", b"raw", *erin)])


def an_unread_record_is_overdue(world: World) -> None:
    """The stream has not been read for a long time; the ticket is on its way all the same."""
    planted._stuck(world)
    world.send(world.ticket("dave", 4))


def two_pending_people_hold_a_ticket(world: World) -> None:
    """Neither of them has a row."""
    gate = world.stores.gate
    for name in ("frank", "grace"):
        gate.redis.hset(gate.keys(world.event_id).applied_user, name, f"5 {2**40} call")
        gate.redis.zadd(gate.keys(world.event_id).pending, {name: 2**42})
    gate.redis.hset(gate.keys(world.event_id).event, "coupon_count", 5)


def refused_and_a_row(world: World) -> None:
    """The ledger contradicts itself."""
    with world.stores.ledger.connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO refusal (event_id, user_id, reason, refused_at) VALUES (%s, 'alice', 'x', '2030-01-01')",
            (world.event_id,),
        )


PLANTS = [
    planted._gate_forgot_a_row,
    planted._gate_names_another_ticket,
    planted._row_is_missing,
    planted._nobody_owns_a_number,
    planted._free_ticket_has_a_row,
    planted._stuck,
    planted._two_people_hold_a_ticket,
    planted._mark_without_ticket,
    planted._key_expires,
    planted._refused_in_the_ledger_alone,
    planted._refused_in_the_gate_alone,
    planted._order_is_wrong,
    a_failed_row_waits,
    an_unread_record_is_overdue,
    two_pending_people_hold_a_ticket,
    refused_and_a_row,
]


@pytest.fixture
def whole(world: World) -> World:
    """Three people with a coupon each, nothing wrong, and an audit whose pieces are small."""
    world = world.with_settings(sweep_overdue_ms=0, restore_wait_ms=0, audit_piece=SMALL)
    tickets = [world.apply(name) for name in ("alice", "bob", "carol")]
    world.send(*tickets)
    world.consume(*tickets)
    world.commit(3)
    return world


def the_event(world: World) -> Event:
    """The event as the ledger has it."""
    event = world.stores.ledger.event(world.event_id)
    assert event is not None
    return event


def in_order(answer: dict[str, Any]) -> dict[str, Any]:
    """The answer, its findings in one order, without an age that grows."""
    answer["invariants"]["I4"]["figures"].pop("oldest_pending_age_ms", None)
    return answer | {"findings": sorted(answer["findings"], key=str)}


@pytest.mark.parametrize("seed", range(32))
def test_it_finds_what_an_audit_of_one_moment_finds(whole: World, seed: int) -> None:
    """Whatever is wrong at once: the same findings, figures and laws."""
    dice = random.Random(seed)
    chosen = dice.sample(PLANTS, dice.randrange(1, 4))
    for plant in chosen:
        plant(whole)
    whole.adopt()
    if dice.random() < 1 / 8:
        whole.lose_gate("event")
    event = the_event(whole)
    expected = audit_of_one_moment(whole.stores, event)
    assert in_order(audit(whole.stores, event)) == in_order(expected)
