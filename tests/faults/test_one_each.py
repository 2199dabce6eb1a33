"""I2: one person has one coupon, however often and in whatever order anything arrives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.faults.faults import (
    consume_dies_between_insert_and_commit,
    kafka_hears_after_the_send_has_timed_out,
    nothing,
    records_come_twice_and_out_of_order,
    under,
)

if TYPE_CHECKING:
    from tests.faults.faults import Fault
    from tests.faults.town import Town

COUPONS = 50
PEOPLE = 100
GREEDY = "greedy"


@under(nothing, records_come_twice_and_out_of_order)
def test_a_record_that_comes_again_gives_no_second_coupon(town: Town, fault: Fault) -> None:
    """I2 holds where the stream delivers each record three times."""
    town.open(COUPONS)
    with fault(town):
        town.rush(PEOPLE)
    town.assert_promise()
    assert len(town.records()) == COUPONS * (3 if fault is records_come_twice_and_out_of_order else 1)


def test_repeated_records_whose_batch_comes_twice_give_one_each(town: Town) -> None:
    """Each record stands three times in a batch, and the batch is delivered twice."""
    town.open(COUPONS)
    with consume_dies_between_insert_and_commit(town), town.unconsumed(), records_come_twice_and_out_of_order(town):
        town.rush(PEOPLE)
    town.assert_promise()


def test_1000_requests_for_one_pending_ticket_make_one_record(town: Town) -> None:
    """However often a winner asks before the row is there: one ticket, one record."""
    town.open(COUPONS)
    town.rehearse()
    with town.unconsumed():
        told = town.rush([GREEDY] * 1_000)
        assert {one.answer.word for one in told} <= {"reserved", "accepted"}
        assert {one.ticket for one in told} == {1}
        assert [(one.user_id, one.number) for one in town.records()] == [(GREEDY, 1)]
    town.assert_promise()
    assert [one.user_id for one in town.records()].count(GREEDY) == 1


def test_a_greedy_person_with_a_late_record_has_one_coupon(distant: Town) -> None:
    """The sweep was faster; meanwhile the person has asked over and over."""
    distant.open(COUPONS)
    with kafka_hears_after_the_send_has_timed_out(distant):
        distant.rush([GREEDY] * 50)
        distant.rush(PEOPLE)
    distant.assert_promise()
    assert [row.user_id for row in distant.rows()].count(GREEDY) == 1
