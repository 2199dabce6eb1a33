"""A local cloud of its own, on servers of its own, which the tests kill, stop and start again."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from kafka import KafkaAdminClient

from dev.cloud import ROOT, Cloud
from dev.invoke import InvocationError
from dev.servers import Servers
from tests.conftest import recreate
from tests.faults.proxy import KafkaProxy, Proxy
from tests.faults.town import Proxies, Town

if TYPE_CHECKING:
    from collections.abc import Iterator

    from firstcome.settings import Settings

LOCAL = ROOT / ".local" / "faults"
HERE = Path(__file__).parent
LONG = HERE / "long"
ENVIRONMENTS = 4  # of apply: the machine has two cores

# What takes minutes in production takes a second or two here; what bounds a person's request is as in production.
SETTINGS = {
    "FIRSTCOME_SWEEP_OVERDUE_MS": "1000",
    "FIRSTCOME_SWEEP_OVERDUE_BLIND_MS": "3000",
    "FIRSTCOME_RESTORE_WAIT_MS": "500",
    "FIRSTCOME_FAILED_BACKOFF_BASE_MS": "50",
    "FIRSTCOME_FAILED_BACKOFF_CAP_MS": "500",
    "FIRSTCOME_FAILED_LEASE_MS": "3000",
    "FIRSTCOME_RETRY_RESERVE_MS": "2000",
    "FIRSTCOME_KAFKA_BREAKER_MS": "1000",
    "FIRSTCOME_KAFKA_READ_TIMEOUT_MS": "5000",
    "FIRSTCOME_MYSQL_READ_TIMEOUT_MS": "5000",
    "FIRSTCOME_KNOWN_EVENTS_MS": "200",
    "FIRSTCOME_SOLD_OUT_MEMORY_MS": "200",
    "FIRSTCOME_RELEASED_REST_MS": "300",
    # Every function can be told to die at an exact point; the code knows nothing of it.
    "PYTHONPATH": os.pathsep.join(map(str, [HERE / "dying", ROOT / "layers" / "common" / "python"])),
    "FIRSTCOME_FAULTS": str(LOCAL / "triggers"),
}


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave `long/` alone unless the command names it."""
    named = [Path(argument.partition("::")[0]).resolve() for argument in config.args]
    if collection_path == LONG and not any(LONG in (path, *path.parents) for path in named):
        return True
    return None


@pytest.fixture(scope="session")
def faulty_servers() -> Iterator[Servers]:
    """Redis, MariaDB and Kafka that only these tests use."""
    LOCAL.mkdir(parents=True, exist_ok=True)
    with (LOCAL / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pytest.exit(f"other tests are running with the servers in {LOCAL}", returncode=pytest.ExitCode.USAGE_ERROR)
        servers = Servers(LOCAL, environ={})
        servers.reset()
        servers.start(say=lambda _: None)
        try:
            recreate(servers.mysql_url)
            yield servers
        finally:
            servers.stop()


@pytest.fixture(scope="session")
def faulty_cloud(faulty_servers: Servers, child_environment: dict[str, str]) -> Iterator[Cloud]:
    """The functions and the poller; the schedule is the test's."""
    (LOCAL / "triggers").mkdir(exist_ok=True)
    cloud = Cloud(
        LOCAL,
        servers=faulty_servers,
        environment=SETTINGS | child_environment,
        apply_environments=ENVIRONMENTS,
        clock=False,
    )
    cloud.start(say=lambda _: None)
    try:
        yield cloud
    finally:
        cloud.stop()


@pytest.fixture(scope="session")
def proxies(faulty_servers: Servers) -> Iterator[Proxies]:
    """One proxy before each server."""
    servers = faulty_servers
    made = Proxies(
        Proxy(lambda: servers.redis.port), KafkaProxy(lambda: servers.kafka.port), Proxy(lambda: servers.mariadb.port)
    )
    for proxy in made.all:
        proxy.start()
    yield made
    for proxy in made.all:
        proxy.stop()


@pytest.fixture(scope="session")
def distant_cloud(faulty_cloud: Cloud, proxies: Proxies, child_environment: dict[str, str]) -> Iterator[Cloud]:
    """The same functions over the same servers, reached through the proxies. The poller is the other cloud's."""
    servers = faulty_cloud.servers
    through = {
        "FIRSTCOME_REDIS_URL": servers.redis_url.replace(str(servers.redis.port), str(proxies.redis.port)),
        "FIRSTCOME_KAFKA_BOOTSTRAP": f"127.0.0.1:{proxies.kafka.port}",
        "FIRSTCOME_MYSQL_URL": servers.mysql_url.replace(str(servers.mariadb.port), str(proxies.mariadb.port)),
    }
    cloud = Cloud(
        LOCAL / "distant",
        servers=servers,
        environment=SETTINGS | child_environment | through,
        apply_environments=ENVIRONMENTS,
        poller=False,
        clock=False,
    )
    cloud.start(say=lambda _: None)
    try:
        yield cloud
    finally:
        cloud.stop()


@pytest.fixture
def town(faulty_cloud: Cloud, request: pytest.FixtureRequest) -> Iterator[Town]:
    """An event that does not exist yet, and everything whole; see `Town`."""
    yield from _town(faulty_cloud, None, request)


@pytest.fixture
def distant(distant_cloud: Cloud, proxies: Proxies, request: pytest.FixtureRequest) -> Iterator[Town]:
    """The same, where the functions reach the servers through `distant.proxies`."""
    for proxy in proxies.all:
        proxy.start()
    yield from _town(distant_cloud, proxies, request)
    for proxy in proxies.all:
        proxy.start()


def _town(cloud: Cloud, proxies: Proxies | None, request: pytest.FixtureRequest) -> Iterator[Town]:
    servers = cloud.servers
    for trigger in (LOCAL / "triggers").iterdir():
        trigger.unlink()
    _whole(servers)
    town = Town(cloud, servers, LOCAL / "triggers", f"fault-{uuid.uuid4().hex[:12]}", proxies, name_of(request))
    yield town
    _whole(servers)
    for function in cloud.functions:
        for pid in cloud.environments(function):
            os.kill(pid, signal.SIGCONT)
    with contextlib.suppress(InvocationError):  # an event that is not whole stays, for whoever looks for the reason
        town.operate("wipe")
    _forget_what_was_read(servers, town.settings)


def _forget_what_was_read(servers: Servers, settings: Settings) -> None:
    """Delete the records that the group has read: each audit reads the whole log, and here it is of one event."""
    admin = KafkaAdminClient(bootstrap_servers=servers.kafka_bootstrap)
    try:
        committed = admin.list_group_offsets([settings.kafka_group])[settings.kafka_group]
        admin.delete_records({at: read.offset for at, read in committed.items() if read.offset > 0})
    finally:
        admin.close()


def name_of(request: pytest.FixtureRequest) -> str:
    """The file and name of the test, as the table of figures knows it."""
    return f"{request.node.path.relative_to(HERE)}::{request.node.name}"


def _whole(servers: Servers) -> None:
    """Have every server up and answering: what a test that failed left down must not fail the next one."""
    for server in servers.ours.values():
        server.resume()
        if not server.running:
            server.start()
