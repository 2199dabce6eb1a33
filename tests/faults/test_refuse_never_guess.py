"""I7: with Kafka away, everybody is answered while it is, with a ticket or a no that is known to be true."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.faults.faults import (
    kafka_accepts_and_never_hears,
    kafka_refuses_connections,
    kafka_takes_the_records_and_the_answers_are_lost,
    nothing,
    under,
)

if TYPE_CHECKING:
    from tests.faults.faults import Fault
    from tests.faults.town import Town

COUPONS = 30


@under(
    nothing,
    kafka_refuses_connections,
    kafka_accepts_and_never_hears,
    kafka_takes_the_records_and_the_answers_are_lost,
)
def test_winners_are_told_reserved_and_losers_sold_out(distant: Town, fault: Fault) -> None:
    """While the stream is silent, nobody is told `accepted`, and losers still hear a clear no."""
    distant.open(COUPONS)
    with fault(distant):
        winners, losers = distant.rush(COUPONS), distant.rush(COUPONS)
    assert {one.answer.status for one in winners} == {202}
    assert {(one.answer.status, one.answer.word) for one in losers} == {(409, "sold_out")}
    words = [one.answer.word for one in winners]
    if fault is nothing:
        assert set(words) == {"accepted"}
    else:
        assert set(words) == {"reserved"}, "unknown is not delivered"
    distant.assert_promise()
