"""I3: whoever was told "accepted" ends with a coupon row, whichever process or broker dies in between."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults.faults import (
    apply_dies_after_the_gate_before_the_send,
    apply_dies_after_the_send_before_the_answer,
    apply_dies_before_the_gate,
    away,
    consume_dies_after_settling_before_the_offset,
    consume_dies_after_the_commit_before_settling,
    consume_dies_before_the_insert,
    consume_dies_between_insert_and_commit,
    kafka_accepts_and_never_hears,
    kafka_hears_after_the_send_has_timed_out,
    kafka_is_killed_in_a_burst_for_10_s,
    kafka_refuses_connections,
    kafka_takes_the_records_and_the_answers_are_lost,
    nothing,
    the_leader_moves_in_a_burst,
    the_poller_dies_in_a_burst,
    the_topic_is_missing,
    under,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.faults.faults import Fault
    from tests.faults.town import Town

COUPONS = 50
PEOPLE = 100
DRAIN = 15_000


@under(
    nothing,
    apply_dies_before_the_gate,
    apply_dies_after_the_gate_before_the_send,
    apply_dies_after_the_send_before_the_answer,
    consume_dies_before_the_insert,
    consume_dies_between_insert_and_commit,
    consume_dies_after_the_commit_before_settling,
    consume_dies_after_settling_before_the_offset,
    the_poller_dies_in_a_burst,
    the_leader_moves_in_a_burst,
    the_topic_is_missing,
)
def test_everybody_who_was_accepted_has_a_coupon(town: Town, fault: Fault) -> None:
    """I3 holds, whichever fault happens while 100 coupons are given away."""
    town.open(COUPONS)
    with fault(town):
        town.rush(PEOPLE)
    town.assert_promise()


@under(
    nothing,
    kafka_refuses_connections,
    kafka_accepts_and_never_hears,
    kafka_hears_after_the_send_has_timed_out,
    kafka_takes_the_records_and_the_answers_are_lost,
)
def test_a_failing_network_costs_nobody_accepted_a_coupon(distant: Town, fault: Fault) -> None:
    """Kafka refuses, hears nothing, hears late, or its answers are lost: who was told yes has a coupon."""
    distant.open(COUPONS)
    with fault(distant):
        distant.rush(PEOPLE)
    distant.assert_promise()


@pytest.mark.parametrize("coupons", [100, 1_000])
def test_a_broker_killed_for_10_s_in_a_burst_costs_no_coupon(town: Town, coupons: int) -> None:
    """And nobody is turned away for it."""
    town.open(coupons)
    with kafka_is_killed_in_a_burst_for_10_s(town):
        told = town.rush(coupons + 200)
    assert {one.answer.status for one in told} <= {202, 409}, "the outage is nobody's business"
    town.assert_promise()


def test_a_ledger_killed_in_a_drain_of_15000_costs_no_coupon(town: Town, wait_until: Callable[..., None]) -> None:
    """Nothing becomes a failed row, and nobody's hand is needed: Kafka is the buffer."""
    town.open(DRAIN)
    with town.unconsumed():
        town.past_http(DRAIN)
    wait_until(lambda: town.count() > DRAIN // 10, "the drain has begun")
    with away(town.servers.mariadb, town, 10, answers=0):
        pass
    assert town.count() < DRAIN, "killed in the middle of it"
    town.assert_promise(failed=0)
