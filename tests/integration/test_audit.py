"""The audit finds each inconsistency that is planted, names it, and says which action repairs it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from firstcome.gate.entry import NO_CALL, REFUSED

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.world import World


@pytest.fixture
def whole(world: World) -> World:
    """Three people with a coupon each, and nothing wrong."""
    return won_by_three(world, sweep_overdue_ms=0, restore_wait_ms=0)


def won_by_three(world: World, **settings: Any) -> World:
    """Return the world under these settings, its three coupons issued and all offsets committed."""
    world = world.with_settings(**settings)
    tickets = [world.apply(name) for name in ("alice", "bob", "carol")]
    world.send(*tickets)
    world.consume(*tickets)
    world.commit(3)
    return world


def _gate_forgot_a_row(world: World) -> None:
    world.stores.gate.redis.hdel(world.stores.gate.keys(world.event_id).applied_user, "bob")


def _gate_names_another_ticket(world: World) -> None:
    world.plant("bob", 3, 5, NO_CALL)


def _row_is_missing(world: World) -> None:
    with world.stores.ledger.connect() as connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM coupon WHERE event_id = %s AND user_id = 'bob'", (world.event_id,))


def _nobody_owns_a_number(world: World) -> None:
    world.stores.gate.redis.hset(world.stores.gate.keys(world.event_id).event, "coupon_count", 4)


def _free_ticket_has_a_row(world: World) -> None:
    world.stores.gate.redis.zadd(world.stores.gate.keys(world.event_id).released, {"2:0": 2})


def _stuck(world: World) -> None:
    world.plant("dave", 4)
    world.mark("dave", 1)
    _nobody_owns_a_number(world)


def _two_people_hold_a_ticket(world: World) -> None:
    world.plant("dave", 2, 2**40)
    world.mark("dave", 2**42)


def _mark_without_ticket(world: World) -> None:
    world.mark("nobody", 2**42)


def _gate_is_lost(world: World) -> None:
    world.lose_gate("event")


def _key_expires(world: World) -> None:
    world.stores.gate.redis.expire(world.stores.gate.keys(world.event_id).applied_user, 600)


def _refused_in_the_ledger_alone(world: World) -> None:
    world.stores.ledger.refuse(world.event_id, "mallory", "test")


def _refused_in_the_gate_alone(world: World) -> None:
    world.stores.gate.redis.hset(world.stores.gate.keys(world.event_id).applied_user, "mallory", REFUSED)


def _order_is_wrong(world: World) -> None:
    with world.stores.ledger.connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            "UPDATE coupon SET applied_at = '2030-01-01' WHERE event_id = %s AND ticket = 1", (world.event_id,)
        )


@pytest.mark.parametrize(
    ("plant", "invariant", "what", "command"),
    [
        (_gate_forgot_a_row, "I6", "a row that the gate does not know", "reconcile"),
        (_gate_names_another_ticket, "I6", "gate and ledger name different tickets", "reconcile"),
        (_row_is_missing, "I3", "a winner without row, mark or failed row", "reconcile"),
        (_nobody_owns_a_number, "I4", "a ticket that nobody owns", "reconcile"),
        (_free_ticket_has_a_row, "I4", "a free ticket that somebody has", "reconcile"),
        (_stuck, "I4", "a ticket stuck on its way", "retry"),
        (_two_people_hold_a_ticket, "I4", "a ticket that two people hold", "retry"),
        (_mark_without_ticket, "I4", "a pending mark without a ticket", "reconcile"),
        (_gate_is_lost, "I7", "the gate is lost", "restore"),
        (_key_expires, "I7", "a key of a live gate expires", "restore"),
        (_refused_in_the_ledger_alone, "I6", "refused in one of gate and ledger", "reconcile"),
        (_refused_in_the_gate_alone, "I6", "refused in one of gate and ledger", "refuse"),
        (_order_is_wrong, "I5", "tickets out of order", "call a person"),
    ],
)
def test_a_planted_inconsistency_is_found(
    whole: World, plant: Callable[[World], None], invariant: str, what: str, command: str
) -> None:
    """Before it is planted the audit finds nothing."""
    whole.assert_promise(rows=3)
    plant(whole)
    whole.adopt()
    found = whole.audit()
    assert not found["ok"]
    assert not found["invariants"][invariant]["ok"]
    matching = [one for one in found["findings"] if one["invariant"] == invariant and what in one["what"]]
    assert matching, found["findings"]
    assert command in matching[0]["command"]


def test_numbers_that_a_failover_gave_twice_are_not_out_of_order(world: World) -> None:
    """Somebody was forgotten, and their number went to a later person: the order is not promised then."""
    replica = world.snapshot()
    first, second = world.apply("answer-lost"), world.apply("forgotten")
    world.fail_over(replica)
    later = world.apply("later")
    assert later.number == first.number
    world.consume(second._replace(applied_at_ms=later.applied_at_ms - 1))
    world.consume(later)
    figures = world.audit()["invariants"]["I5"]["figures"]
    assert figures == {"rows": 2, "out_of_order": 1, "reissued": 0, "learned": 1, "given_again": 0}
    world.assert_promise(rows=2)


def test_a_delivered_record_that_came_to_nothing_is_found(whole: World) -> None:
    """Everything that the broker ever took is followed to its end."""
    _row_is_missing(whole)
    whats = [one["what"] for one in whole.audit()["findings"]]
    assert "a delivered record has come to nothing" in whats


@pytest.mark.parametrize(
    "plant",
    [
        _gate_forgot_a_row,
        _gate_names_another_ticket,
        _nobody_owns_a_number,
        _free_ticket_has_a_row,
        _row_is_missing,
        _gate_is_lost,
        _refused_in_the_ledger_alone,
        _stuck,
    ],
)
def test_the_command_that_it_names_repairs_it(whole: World, plant: Callable[[World], None]) -> None:
    """After the action, and a run of the schedule, the audit finds nothing any more."""
    plant(whole)
    for finding in whole.audit()["findings"]:
        if finding["command"] in {"reconcile", "restore"}:
            whole.operate(finding["command"])
    whole.retry()
    found = whole.audit()
    assert found["ok"], found["findings"]


def test_records_of_a_wiped_event_do_not_count_for_the_next(whole: World) -> None:
    """An event that was made anew under the same name owes nobody what the former one gave."""
    local = whole.with_settings(local_cloud=True)
    local.operate("wipe")
    local.open()
    local.assert_promise(rows=0)


def test_a_gate_that_moves_is_audited_all_the_same(whole: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each finding is asked about again, so what holds is known to hold; a note says that the figures are no sum."""
    page = whole.stores.reader.page
    busy = iter(range(1_000))

    def meanwhile(*arguments: Any) -> Any:
        whole.operate("raise_capacity", capacity=4 + next(busy))
        return page(*arguments)

    monkeypatch.setattr(whole.stores.reader, "page", meanwhile)
    found = whole.audit()
    assert (found["ok"], found["stable"], "moved" in found["note"]) == (True, False, True)
    _row_is_missing(whole)
    found = whole.audit()
    assert (found["ok"], found["invariants"]["I3"]["ok"]) == (False, False)


def test_a_gate_that_is_lost_meanwhile_is_not_called_whole(whole: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not compared is not known: `ok` is None, and a note says why; what is wrong already stays wrong."""
    page = whole.stores.reader.page

    def meanwhile(*arguments: Any) -> Any:
        whole.lose_gate("event")
        whole.operate("restore")
        return page(*arguments)

    monkeypatch.setattr(whole.stores.reader, "page", meanwhile)
    found = whole.audit()
    assert (found["ok"], found["stable"], "not compared" in found["note"]) == (None, False, True)
    known = {law: one["ok"] for law, one in found["invariants"].items()}
    assert known == {"I1": True, "I2": True, **dict.fromkeys(["I3", "I4", "I5", "I6", "I7"])}
    _row_is_missing(whole)
    found = whole.audit()
    assert (found["ok"], found["invariants"]["I3"]["ok"]) == (False, False)
