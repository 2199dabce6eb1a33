"""An environment that was frozen for longer than its connections live answers within its bound, and sends once."""

from __future__ import annotations

import os
import signal
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from dev.cloud import Cloud
from tests.faults.conftest import LOCAL, SETTINGS, name_of
from tests.faults.faults import nothing, under
from tests.faults.proxy import KafkaProxy, Pair, Proxy
from tests.faults.servers import lasting
from tests.faults.town import Proxies, Town

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.faults.faults import Fault

COUPONS = 10
IDLE_S = 3  # kafka-python wants more than the timeout of a request
FROZEN_S = 4
# The longest that connections live unused; a minute in production.
SHORT_LIVED = SETTINGS | {
    "FIRSTCOME_KAFKA_IDLE_MS": str(IDLE_S * 1000),
    "FIRSTCOME_REDIS_HEALTH_CHECK_S": str(IDLE_S),
    "FIRSTCOME_MYSQL_IDLE_S": str(IDLE_S),
}


class Forgetful(Proxy):
    """A proxy which can forget its connections, as a NAT does: neither side is told, and nothing gets through."""

    def __init__(self, upstream: Callable[[], int]) -> None:
        super().__init__(upstream)
        self._known: set[Pair] = set()
        self._forgotten: set[Pair] = set()

    def forget(self) -> None:
        """Forget every connection that there is; new ones are served."""
        self._forgotten |= self._known

    def request(self, data: bytes, pair: Pair) -> bytes:
        """Drop what comes over a forgotten connection."""
        self._known.add(pair)
        return b"" if pair in self._forgotten else super().request(data, pair)

    def answer(self, data: bytes, pair: Pair) -> bytes:
        """Drop what comes over a forgotten connection."""
        self._known.add(pair)
        return b"" if pair in self._forgotten else super().answer(data, pair)


class ForgetfulKafka(Forgetful, KafkaProxy):
    """The same before a broker."""


@pytest.fixture(scope="module")
def short_lived_cloud(faulty_cloud: Cloud, child_environment: dict[str, str]) -> Iterator[tuple[Cloud, Proxies]]:
    """One environment of apply, behind proxies of its own, under `SHORT_LIVED`; the poller is the other cloud's."""
    servers = faulty_cloud.servers
    proxies = Proxies(
        Forgetful(lambda: servers.redis.port),
        ForgetfulKafka(lambda: servers.kafka.port),
        Forgetful(lambda: servers.mariadb.port),
    )
    for proxy in proxies.all:
        proxy.start()
    through = {
        "FIRSTCOME_REDIS_URL": servers.redis_url.replace(str(servers.redis.port), str(proxies.redis.port)),
        "FIRSTCOME_KAFKA_BOOTSTRAP": f"127.0.0.1:{proxies.kafka.port}",
        "FIRSTCOME_MYSQL_URL": servers.mysql_url.replace(str(servers.mariadb.port), str(proxies.mariadb.port)),
    }
    cloud = Cloud(
        LOCAL / "frozen",
        servers=servers,
        environment=SHORT_LIVED | child_environment | through,
        apply_environments=1,
        poller=False,
        clock=False,
    )
    cloud.start(say=lambda _: None)
    yield cloud, proxies
    cloud.stop()
    for proxy in proxies.all:
        proxy.stop()


@pytest.fixture
def town(short_lived_cloud: tuple[Cloud, Proxies], request: pytest.FixtureRequest) -> Iterator[Town]:
    """An event in that cloud."""
    cloud, proxies = short_lived_cloud
    event_id = f"fault-{uuid.uuid4().hex[:12]}"
    yield Town(cloud, cloud.servers, LOCAL / "triggers", event_id, proxies, name_of(request))
    thaw(cloud)


def thaw(cloud: Cloud) -> None:
    """Let apply's environments go on."""
    for pid in cloud.environments("apply"):
        os.kill(pid, signal.SIGCONT)


@contextmanager
def connections_are_closed(town: Town) -> Iterator[None]:
    """By their servers, as after their own idle limits: the thawed process finds the end of each."""
    for proxy in town.proxies.all:  # type: ignore[union-attr]
        proxy.cut()
    yield


@contextmanager
def connections_are_forgotten(town: Town) -> Iterator[None]:
    """By something between: the thawed process is told nothing."""
    for proxy in town.proxies.all:  # type: ignore[union-attr]
        assert isinstance(proxy, Forgetful)
        proxy.forget()
    yield


@under(nothing, connections_are_closed, connections_are_forgotten)
def test_a_thawed_environment_answers_within_its_bound(town: Town, fault: Fault) -> None:
    """All its connections were in use before; none of them costs the next applicant more than its timeout."""
    town.opening(COUPONS)
    assert town.ask("before").answer.word == "accepted"
    assert town.status("before")[0] == 200
    [pid] = town.cloud.environments("apply")
    os.kill(pid, signal.SIGSTOP)
    with fault(town):
        lasting(FROZEN_S, "the freeze")
    thaw(town.cloud)
    after = town.ask("after").answer
    assert after.word == "accepted"
    assert town.status("after")[1]["status"] in {"pending", "issued"}
    assert town.cloud.environments("apply") == [pid], "the same process"
    town.assert_promise()
    assert set(Counter(record.user_id for record in town.records()).values()) == {1}, "one record each"


@under(nothing, connections_are_closed, connections_are_forgotten)
def test_a_freeze_between_gate_and_send_sends_once_with_effect(
    town: Town, fault: Fault, wait_until: Callable[..., None]
) -> None:
    """Meanwhile the sweep has issued the ticket; the record that comes after the thaw finds its own row."""
    town.opening(COUPONS)
    town.ask("before")
    with ThreadPoolExecutor(1) as thread:
        with town.dies("apply", "before", "Stream.send", signal.SIGSTOP):
            asked = thread.submit(town.ask, "frozen")
        wait_until(lambda: town.retry() and len(town.rows()) == 2, "the ticket is swept")
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
