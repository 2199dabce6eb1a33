"""I3 on three brokers: whoever was told "accepted" is on two of them, whichever one dies."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from dev.process import wait_until
from tests.faults.faults import nothing, under
from tests.topology import faults
from tests.topology.faults import DOOMED, led_by, servers_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.faults.faults import Fault
    from tests.faults.told import Told
    from tests.faults.town import Town

COUPONS = 60
PEOPLE = 50  # fewer than there are coupons, twice more
FEW = 12  # every environment asks a broker, and is turned away by its breaker


def words(told: Iterable[Told]) -> set[str]:
    """Return what the winners were told."""
    return {one.answer.word for one in told if one.answer.status == 202}


def assert_streamed(town: Town, told: Iterable[Told]) -> None:
    """Assert that the stream holds the record of each who was told "accepted", whatever else finished the work."""
    accepted = {one.answer.user_id for one in told if (one.answer.status, one.answer.word) == (202, "accepted")}
    lacking = accepted - {record.user_id for record in town.records()}
    assert not lacking, f"told accepted, and no broker has their record: {sorted(lacking)}"


@under(nothing, faults.every_leader_moves_in_a_burst, faults.a_broker_is_lost_in_a_burst)
def test_everybody_who_was_accepted_has_a_coupon(town: Town, fault: Fault) -> None:
    """And with two brokers of three people are accepted as with all of them."""
    town.open(COUPONS)
    with fault(town):
        told = town.rush(PEOPLE)
    later = town.rush(PEOPLE)
    assert "accepted" in words(later)
    town.assert_promise()
    assert_streamed(town, [*told, *later])


def test_nobody_is_accepted_whose_record_dies_with_its_leader(town: Town) -> None:
    """A record that its leader alone has is no delivery, though the leader has it on its disk."""
    brokers = servers_of(town).brokers
    town.open(COUPONS)
    town.rehearse()
    people = list(islice(led_by(town, DOOMED), FEW))
    followers = [broker for number, broker in brokers.brokers.items() if number != DOOMED]
    for broker in followers:
        broker.pause()
    told = town.rush(people)
    brokers.brokers[DOOMED].stop(kill=True)
    for broker in followers:
        broker.resume()
    assert words(told) == {"reserved"}
    town.assert_promise()
    assert_streamed(town, told)


def test_with_one_broker_of_three_all_are_reserved_and_issued(town: Town) -> None:
    """Winners are told "reserved", the sweep writes their rows, and whoever asks again then has a coupon."""
    brokers = servers_of(town).brokers
    town.open(COUPONS)
    town.rehearse()
    away = [brokers.brokers[number] for number in (DOOMED, DOOMED + 1)]
    for broker in away:
        broker.stop(kill=True)
    told = town.rush(PEOPLE)
    assert words(told) == {"reserved"}
    reserved = town.promised()

    def issued() -> bool:
        town.sweeps()
        return town.count() == len(reserved)

    wait_until(issued, "the sweep has issued every ticket that was reserved")
    again = town.rush(list(reserved)[:FEW])
    assert {(one.answer.status, one.answer.word) for one in again} == {(200, "accepted")}
    brokers.mend()
    town.assert_promise()
    assert_streamed(town, told)
