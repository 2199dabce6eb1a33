"""I4: no ticket stays stuck because somebody died between two steps: as long as people ask, N rows it is."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from tests.faults.faults import (
    apply_dies_after_the_gate_before_the_send,
    apply_dies_before_the_gate,
    consume_dies_after_the_commit_before_settling,
    nothing,
    under,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.faults.faults import Fault
    from tests.faults.town import Town

COUPONS = 100


@pytest.mark.parametrize("attempt", range(3))
def test_all_coupons_are_given_though_apply_is_killed_halfway(town: Town, attempt: int) -> None:
    """Every environment at once, in the middle of a burst; then 2,000 new people ask."""
    town.open(COUPONS)
    with town.once(COUPONS // 2, lambda: town.kill("apply")):
        first = town.rush(COUPONS - 20)
    assert [one for one in first if not one.definite], "somebody's request died with its environment"
    told = town.rush(2_000, threads=32)
    assert {one.answer.status for one in told} == {202, 409}
    town.assert_promise(fill=False)
    assert [row.number for row in town.rows()] == list(range(1, COUPONS + 1))


@under(nothing, apply_dies_before_the_gate, apply_dies_after_the_gate_before_the_send)
def test_the_ticket_of_somebody_who_leaves_becomes_a_row(town: Town, fault: Fault) -> None:
    """Whoever was given a ticket by a process that died has a coupon, though they were told nothing."""
    town.open(COUPONS)
    with fault(town):
        town.rush(COUPONS // 2)
    town.until_whole()
    given = town.capacity - town.free()
    assert len(town.rows()) == given, "a row for every ticket, before anybody asks again"
    town.assert_promise()


def test_the_sweep_settles_what_consume_could_not(town: Town, wait_until: Callable[..., None]) -> None:
    """The row is there, the mark too, and the batch comes again: nothing is done twice."""
    town.open(COUPONS)
    with consume_dies_after_the_commit_before_settling(town):
        town.rush(10)
    town.until_whole()
    assert len(town.rows()) == 10
    town.assert_promise()


def test_a_ticket_that_came_free_goes_to_whoever_asks_then(town: Town) -> None:
    """Refused people's tickets are coupons of somebody else in the end, also when apply dies in between."""
    town.open(COUPONS)
    with town.unconsumed():
        told = town.rush(COUPONS)
        unlucky = sorted(random.Random(town.seed).sample([one.answer.user_id for one in told], 5))
        for user_id in unlucky:
            town.operate("refuse", user_id=user_id)
    with apply_dies_after_the_gate_before_the_send(town):
        town.fill()
    figures = town.assert_promise()
    assert figures["refused"] == len(unlucky)
    assert not {row.user_id for row in town.rows()} & set(unlucky)
