"""The schedule finishes what died elsewhere, wherever it dies itself, however often and however late it comes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from dev.cloud import ROOT
from tests.faults import servers as faults
from tests.faults import unfinished
from tests.faults.conftest import town_in
from tests.faults.faults import under

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dev.cloud import Cloud
    from tests.faults.faults import Fault
    from tests.faults.town import Town

CAPACITY = 4
TIMEOUT_S = 3

STEPS = [
    (unfinished.a_ticket_without_record, "after Gate.overdue"),
    (unfinished.a_ticket_without_record, "before Connection.commit"),
    (unfinished.a_ticket_without_record, "after Ledger.write"),
    (unfinished.a_ticket_without_record, "after Gate.settle"),
    (unfinished.a_failed_row, "after Ledger.claim_failed"),
    (unfinished.a_failed_row, "after Ledger.write"),
    (unfinished.a_failed_row, "before Ledger.resolve_failed"),
    (unfinished.a_failed_row, "after Ledger.resolve_failed"),
    (unfinished.the_first_ticket_twice, "after Gate.reassign"),
    (unfinished.the_first_ticket_twice, "after Gate.settle"),
    (unfinished.the_last_ticket_twice, "after Ledger.refuse"),
    (unfinished.the_last_ticket_twice, "after Gate.release"),
    (unfinished.a_lost_gate, "after Ledger.coupons"),
    (unfinished.a_lost_gate, "before Gate.restore"),
    (unfinished.a_lost_gate, "after Gate.restore"),
    (unfinished.a_row_that_the_gate_forgot, "before Gate.reconcile"),
    (unfinished.a_row_that_the_gate_forgot, "after Gate.reconcile"),
]


@pytest.mark.parametrize(("work", "step"), STEPS, ids=[f"{work.__name__}-{step}" for work, step in STEPS])
def test_a_retry_that_dies_is_taken_up_by_the_next(
    town: Town, work: Callable[[Town], None], step: str, wait_until: Callable[..., None]
) -> None:
    """Nothing is done twice with effect, and nothing stays undone."""
    town.open(CAPACITY)
    work(town)
    when, call = step.split()
    with town.dies("retry", when, call):
        wait_until(lambda: town.schedule() is None, f"retry has died {step}")
    town.assert_promise(failed=1, reassigned={unfinished.FORGOTTEN})


def test_two_retries_at_the_same_time_share_the_work(town: Town) -> None:
    """Each failed row is worked on by one of them, each ticket is issued once."""
    people = [f"late-{number:02}" for number in range(30)]
    town.open(60)
    with faults.signalling(town, "coupon", 1114, "late-%"):
        town.rush(people)
        unfinished.read(town)
    for number in range(2):
        unfinished.a_ticket_without_record(town, f"unsent-{number}")
    with ThreadPoolExecutor(2) as threads:
        done = list(threads.map(lambda _: town.schedule(), range(2)))
    assert sum(one["redriven"]["resolved"] if one else 0 for one in done) == len(people), done
    town.assert_promise(failed=len(people))


# --- out of time -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def hurried_cloud(another_cloud: Callable[..., Cloud], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A cloud whose retry has a few seconds; the poller is the other cloud's."""
    folder: Path = tmp_path_factory.mktemp("hurried")
    for name in ("functions", "layers"):
        (folder / name).symlink_to(ROOT / name)
    before, retry, after = (ROOT / "template.yaml").read_text().partition("  RetryFunction:\n")
    template = folder / "template.yaml"
    template.write_text(before + retry + after.replace("Timeout: 180", f"Timeout: {TIMEOUT_S}", 1))
    reserve = {"FIRSTCOME_RETRY_RESERVE_MS": "1000"}
    with another_cloud("hurried", reserve, template=template, apply_environments=1) as cloud:
        assert cloud.functions["retry"].timeout_s == TIMEOUT_S
        yield cloud


@pytest.fixture
def hurried(hurried_cloud: Cloud, request: pytest.FixtureRequest) -> Iterator[Town]:
    """An event in that cloud."""
    with town_in(hurried_cloud, request) as town:
        yield town


def test_a_retry_ended_by_its_timeout_is_taken_up_by_the_next(hurried: Town, wait_until: Callable[..., None]) -> None:
    """In the middle of a statement that waits for a lock: what it wrote is rolled back, and written again."""
    hurried.open(CAPACITY)
    unfinished.a_ticket_without_record(hurried)
    log = hurried.cloud.folder / "logs" / "retry.log"
    with faults.holding(hurried):
        wait_until(lambda: hurried.schedule() is None, "retry has run out of time")
    assert f"Task timed out after {TIMEOUT_S}.00 seconds" in log.read_text()
    hurried.assert_promise()


# --- the schedule ----------------------------------------------------------------------------------------------------


@contextmanager
def the_schedule_comes_once(town: Town) -> Iterator[None]:
    """The control."""
    yield
    town.schedule()


@contextmanager
def the_schedule_comes_late(town: Town) -> Iterator[None]:
    """Several runs were left out."""
    yield
    faults.lasting(3, "no run of the schedule")
    town.schedule()


@contextmanager
def the_schedule_comes_twice(town: Town) -> Iterator[None]:
    """EventBridge delivers at least once."""
    yield
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda _: town.schedule(), range(2)))


@contextmanager
def the_schedule_never_comes(_: Town) -> Iterator[None]:
    """What waits for it goes on waiting, and is seen."""
    yield


@under(the_schedule_comes_once, the_schedule_comes_late, the_schedule_comes_twice, the_schedule_never_comes)
def test_what_waits_for_the_schedule_is_seen_and_kept(town: Town, fault: Fault) -> None:
    """Nobody else is given that ticket, and its owner reads "pending", then "issued"."""
    town.open(CAPACITY)
    with fault(town):
        unfinished.a_ticket_without_record(town, "waiting")
        told = town.ask("waiting")
        assert (told.answer.word, told.ticket) == ("reserved", 1)
        town.rush(CAPACITY)
        assert town.operate("show")["gate"]["pending"] >= 1
        assert town.status("waiting").body["status"] == "pending"
    town.assert_promise()
    assert town.rows()[0].user_id == "waiting"
