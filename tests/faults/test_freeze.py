"""An environment that was frozen for longer than its connections live answers within its bound, and sends once."""

from __future__ import annotations

import os
import signal
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.faults.conftest import town_in
from tests.faults.faults import nothing, under
from tests.faults.servers import lasting
from tests.proxy import Proxies

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dev.cloud import Cloud
    from dev.servers import Servers
    from tests.faults.faults import Fault
    from tests.faults.town import Town

COUPONS = 10
IDLE_S = 3  # kafka-python wants more than the timeout of a request
FROZEN_S = 4
# The longest that connections live unused; a minute in production.
SHORT_LIVED = {
    "FIRSTCOME_KAFKA_IDLE_MS": str(IDLE_S * 1000),
    "FIRSTCOME_REDIS_HEALTH_CHECK_S": str(IDLE_S),
    "FIRSTCOME_MYSQL_IDLE_S": str(IDLE_S),
}


@pytest.fixture(scope="module")
def proxies(faulty_servers: Servers) -> Iterator[Proxies]:
    """One proxy before each server, which may forget connections: no other cloud's go through them."""
    with Proxies.before(faulty_servers) as proxies:
        yield proxies


@pytest.fixture(scope="module")
def short_lived_cloud(another_cloud: Callable[..., Cloud], proxies: Proxies) -> Iterator[Cloud]:
    """One environment of apply, behind the proxies, under `SHORT_LIVED`."""
    with another_cloud("frozen", SHORT_LIVED | proxies.environ, apply_environments=1) as cloud:
        yield cloud


@pytest.fixture
def town(short_lived_cloud: Cloud, proxies: Proxies, request: pytest.FixtureRequest) -> Iterator[Town]:
    """An event in that cloud."""
    with town_in(short_lived_cloud, request, proxies) as town:
        yield town
    thaw(short_lived_cloud)


def thaw(cloud: Cloud) -> None:
    """Let apply's environments go on."""
    for pid in cloud.environments("apply"):
        os.kill(pid, signal.SIGCONT)


@contextmanager
def connections_are_closed(town: Town) -> Iterator[None]:
    """By their servers, as after their own idle limits: the thawed process finds the end of each."""
    for proxy in town.through.all:
        proxy.cut()
    yield


@contextmanager
def connections_are_forgotten(town: Town) -> Iterator[None]:
    """By something between: the thawed process is told nothing."""
    for proxy in town.through.all:
        proxy.forget()
    yield


@under(nothing, connections_are_closed, connections_are_forgotten)
def test_a_thawed_environment_answers_within_its_bound(town: Town, fault: Fault) -> None:
    """All its connections were in use before; none of them costs the next applicant more than its timeout."""
    town.open(COUPONS)
    assert town.ask("before").answer.word == "accepted"
    assert town.status("before").status == 200
    [pid] = town.cloud.environments("apply")
    os.kill(pid, signal.SIGSTOP)
    with fault(town):
        lasting(FROZEN_S, "the freeze")
    thaw(town.cloud)
    after = town.ask("after").answer
    assert after.word == "accepted"
    assert town.status("after").body["status"] in {"pending", "issued"}
    assert town.cloud.environments("apply") == [pid], "the same process"
    town.assert_promise()
    assert set(Counter(record.user_id for record in town.records()).values()) == {1}, "one record each"


@under(nothing, connections_are_closed, connections_are_forgotten)
def test_a_freeze_between_gate_and_send_sends_once_with_effect(
    town: Town, fault: Fault, wait_until: Callable[..., None]
) -> None:
    """Meanwhile the sweep has issued the ticket; the record that comes after the thaw finds its own row."""
    town.open(COUPONS)
    town.ask("before")
    with ThreadPoolExecutor(1) as thread:
        with town.dies("apply", "before", "Stream.send", signal.SIGSTOP):
            asked = thread.submit(town.ask, "frozen")
        wait_until(lambda: town.schedule() and len(town.rows()) == 2, "the ticket is swept")
        with fault(town):
            lasting(FROZEN_S, "the freeze")
        thaw(town.cloud)
        told = asked.result()
    assert told.ticket == 2
    town.assert_promise()
    records = Counter(record.user_id for record in town.records())
    assert records["before"] == 1
    assert records["frozen"] == (told.answer.word == "accepted")
    assert [row.user_id for row in town.rows()][:2] == ["before", "frozen"]
