"""I5: tickets are numbered in the order in which the gate saw the applications."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.faults.faults import (
    apply_dies_after_the_gate_before_the_send,
    apply_dies_after_the_send_before_the_answer,
    apply_dies_before_the_gate,
    consume_dies_between_insert_and_commit,
    nothing,
    records_come_twice_and_out_of_order,
    under,
)

if TYPE_CHECKING:
    from tests.faults.faults import Fault
    from tests.faults.town import Town

COUPONS = 40


@under(
    nothing,
    apply_dies_before_the_gate,
    apply_dies_after_the_gate_before_the_send,
    apply_dies_after_the_send_before_the_answer,
    consume_dies_between_insert_and_commit,
    records_come_twice_and_out_of_order,
)
def test_people_who_ask_in_turn_have_tickets_in_this_order(town: Town, fault: Fault) -> None:
    """A person whose request died asks again at once: nobody is overtaken but by their own loss."""
    town.open(COUPONS)
    with fault(town):
        for person in town.newcomers(COUPONS):
            while not town.ask(person).definite:
                pass
    promised = town.promised()
    assert [min(tickets) for tickets in promised.values()] == list(range(1, COUPONS + 1))
    town.assert_promise()
    assert [row.user_id for row in town.rows()] == list(promised), "and so have the coupons"
