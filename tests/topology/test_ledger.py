"""The ledger has a semi-synchronous replica: what was committed is on both; what one alone has was not committed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dev.process import wait_until
from tests.faults.test_mysql import failures
from tests.topology.faults import ANSWERS_BEFORE, servers_of

if TYPE_CHECKING:
    from tests.faults.town import Town

COUPONS = 200
PEOPLE = 300


def test_the_ledger_commits_only_what_its_replica_has(town: Town) -> None:
    """Consume hears of no row, its batch comes again, and nobody is shown what one server alone has."""
    ledgers = servers_of(town).ledgers
    town.open(COUPONS)
    ledgers.replica.stop(kill=True)
    before = failures(town)
    told = town.rush(PEOPLE)
    assert {one.answer.word for one in told} <= {"accepted", "reserved", "sold_out"}
    wait_until(lambda: failures(town) > before, "consume has failed")
    assert town.count() == 0
    ledgers.replica.start()
    town.assert_promise()


def test_a_ledger_that_fails_over_in_a_burst_loses_no_row(town: Town) -> None:
    """Whatever anybody saw committed is there afterwards, and what was under way comes again from the stream."""
    ledgers = servers_of(town).ledgers
    town.open(COUPONS)
    seen = set()

    def fail_over() -> None:
        wait_until(town.count, "there are rows")
        seen.update(town.rows())
        ledgers.primary.stop(kill=True)
        ledgers.promote()
        lost = seen - set(town.rows())
        assert not lost, f"committed, and lost: {lost}"

    with town.once(ANSWERS_BEFORE, fail_over):
        town.rush(PEOPLE)
    town.assert_promise()


def test_a_commit_that_the_replica_never_heard_of_is_done_again(town: Town) -> None:
    """The primary dies with it; nobody was told, and the stream still has it."""
    ledgers = servers_of(town).ledgers
    town.open(COUPONS)
    ledgers.replica.pause()
    before = failures(town)
    town.rush(PEOPLE)
    wait_until(lambda: failures(town) > before, "consume has failed")
    seen = town.count()
    ledgers.primary.stop(kill=True)
    ledgers.replica.resume()
    ledgers.promote()
    assert town.count() >= seen
    town.assert_promise()
