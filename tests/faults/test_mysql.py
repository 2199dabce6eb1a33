"""An outage of the ledger costs time, and nothing else: Kafka keeps what was accepted, and nobody's hand is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults import servers as faults
from tests.faults.conftest import town_in
from tests.faults.faults import nothing, under

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dev.cloud import Cloud
    from tests.faults.faults import Fault
    from tests.faults.town import Town

BACKLOG = 100
MEANWHILE = 20
FAILURES = 3

# The waits of a batch, in seconds rather than half minutes.
HASTY = {
    "FIRSTCOME_MYSQL_LOCK_WAIT_S": "1",
    "FIRSTCOME_MYSQL_DEADLOCK_RETRIES": "1",
    "FIRSTCOME_MYSQL_CONNECT_TIMEOUT_MS": "1000",
    "FIRSTCOME_MYSQL_READ_TIMEOUT_MS": "2000",
    "FIRSTCOME_MYSQL_STATUS_TIMEOUT_MS": "1000",
}


@pytest.fixture(scope="module")
def hasty_cloud(faulty_cloud: Cloud, another_cloud: Callable[..., Cloud]) -> Iterator[Cloud]:
    """The same functions over the same servers under `HASTY`; the other cloud's poller rests meanwhile."""
    faulty_cloud.poller.stop()
    ordinary = {"FIRSTCOME_MYSQL_URL": faults.ordinary_url(faulty_cloud.servers)}
    with another_cloud("hasty", HASTY | ordinary, apply_environments=2, poller=True) as cloud:
        yield cloud
    faulty_cloud.poller.start()


@pytest.fixture
def town(hasty_cloud: Cloud, request: pytest.FixtureRequest) -> Iterator[Town]:
    """An event whose records wait in the stream: the poller rests until the test starts it."""
    hasty_cloud.poller.stop()
    with town_in(hasty_cloud, request) as town:
        yield town
    hasty_cloud.poller.stop()


def failures(town: Town) -> int:
    """Return how often the poller was told that a batch could not be issued."""
    return (town.cloud.folder / "logs" / "poller.log").read_text().count("consume: Unavailable")


def drained(town: Town) -> bool:
    """Say whether consume has issued everything, without any help of the schedule."""
    shown = town.operate("show")
    return bool(shown["gate"]["pending"] == 0 and shown["unread"] == 0)


@under(
    faults.mysql_is_away,
    faults.mysql_is_killed_in_mid_statement,
    faults.mysql_accepts_and_never_answers,
    faults.mysql_is_read_only,
    faults.mysql_has_no_disk_left,
    faults.mysql_tables_are_full,
    faults.mysql_rows_are_locked,
    faults.mysql_connections_are_cut_in_mid_statement,
)
def test_an_outage_of_the_ledger_costs_time_and_nothing_else(
    town: Town, fault: Fault, wait_until: Callable[..., None]
) -> None:
    """Winners are accepted meanwhile; no record is skipped, and none becomes a failed row."""
    town.open(BACKLOG + MEANWHILE)
    town.rush(BACKLOG)
    before = failures(town)
    with fault(town):
        town.cloud.poller.start()
        meanwhile = town.rush(MEANWHILE)
        assert {told.answer.word for told in meanwhile} == {"accepted"}
        wait_until(lambda: failures(town) >= before + FAILURES, "consume has failed again and again")
        reply = town.status(meanwhile[0].answer.user_id)
        assert (reply.status, reply.body["status"]) in {(200, "pending"), (503, 503)}, (
            "never an answer that has to be taken back"
        )
    wait_until(lambda: drained(town), "the backlog has drained")
    assert len(town.rows()) == BACKLOG + MEANWHILE
    town.assert_promise(failed=0)


@under(nothing, faults.mysql_rolls_the_insert_back_as_a_deadlock)
def test_the_victim_of_a_deadlock_is_issued_at_once(town: Town, fault: Fault, wait_until: Callable[..., None]) -> None:
    """Repeated in the process: not even the batch fails."""
    town.open(BACKLOG)
    town.rush(BACKLOG)
    before = failures(town)
    with fault(town):
        town.cloud.poller.start()
    wait_until(lambda: drained(town), "the backlog has drained")
    assert failures(town) == before
    town.assert_promise(failed=0)


def test_a_row_that_the_ledger_has_no_room_for_fails_alone(town: Town, wait_until: Callable[..., None]) -> None:
    """Error 1114 for one row: its neighbours are committed, and it is issued once the cause has gone."""
    town.open(BACKLOG)
    town.rush(["bob"])
    town.rush(BACKLOG - 1)
    with faults.signalling(town, "coupon", 1114, "bob"):
        town.cloud.poller.start()
        wait_until(lambda: drained(town), "the backlog has drained")
        assert [row.number for row in town.rows()] == list(range(2, BACKLOG + 1))
        assert town.failures() == [("bob", "waiting", "ledger_rejected")]
        assert town.status("bob").body["status"] == "failed"
    town.assert_promise(failed=1)
    assert town.failures() == [("bob", "resolved", "ledger_rejected")]
    assert town.rows()[0].user_id == "bob", "with the ticket that he was told"
