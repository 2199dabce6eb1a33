"""A local cloud of its own, on servers of its own, which the tests kill, stop and start again."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import httpx
import pytest
from kafka import KafkaAdminClient

from dev.cloud import ROOT, Cloud
from dev.invoke import InvocationError
from dev.servers import Servers
from tests.conftest import new_event_id, recreate
from tests.faults.town import Town
from tests.patience import PATIENCE_S
from tests.proxy import Proxies

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from firstcome.settings import Settings

S = TypeVar("S", bound=Servers)
LOCAL = ROOT / ".local" / f"faults{os.environ.get('PYTEST_XDIST_WORKER', '')}"  # a folder a worker, with its servers
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
    with alone_in(LOCAL), running(Servers(LOCAL, environ={})) as servers:
        yield servers


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Have the folder for these tests alone; end the run where others have it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pytest.exit(f"other tests are running with the servers in {folder}", returncode=pytest.ExitCode.USAGE_ERROR)
        yield


@contextlib.contextmanager
def running(servers: S) -> Iterator[S]:
    """Lend these servers with nothing in them."""
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
    environment = SETTINGS | child_environment
    with Cloud(
        LOCAL, servers=faulty_servers, environment=environment, apply_environments=ENVIRONMENTS, clock=False
    ) as cloud:
        yield cloud


@pytest.fixture(scope="session")
def another_cloud(faulty_cloud: Cloud, child_environment: dict[str, str]) -> Callable[..., Cloud]:
    """Describe a cloud over the same servers, of other settings and options; the poller is that of `faulty_cloud`."""

    def another(name: str, environment: dict[str, str], **options: Any) -> Cloud:
        return Cloud(
            LOCAL / name,
            servers=faulty_cloud.servers,
            environment=SETTINGS | child_environment | environment,
            clock=False,
            **{"poller": False, **options},
        )

    return another


@pytest.fixture(scope="session")
def proxies(faulty_servers: Servers) -> Iterator[Proxies]:
    """One proxy before each server."""
    with Proxies.before(faulty_servers) as proxies:
        yield proxies


@pytest.fixture(scope="session")
def distant_cloud(another_cloud: Callable[..., Cloud], proxies: Proxies) -> Iterator[Cloud]:
    """The same functions over the same servers, reached through the proxies."""
    with another_cloud("distant", proxies.environ, apply_environments=ENVIRONMENTS) as cloud:
        yield cloud


@pytest.fixture
def town(faulty_cloud: Cloud, request: pytest.FixtureRequest) -> Iterator[Town]:
    """An event that does not exist yet, and everything whole; see `Town`."""
    with town_in(faulty_cloud, request) as town:
        yield from _mended(town)


@pytest.fixture
def distant(distant_cloud: Cloud, proxies: Proxies, request: pytest.FixtureRequest) -> Iterator[Town]:
    """The same, where the functions reach the servers through `distant.through`."""
    for proxy in proxies.all:
        proxy.start()
    with town_in(distant_cloud, request, proxies) as town:
        yield from _mended(town)
    for proxy in proxies.all:
        proxy.start()


@contextlib.contextmanager
def town_in(cloud: Cloud, request: pytest.FixtureRequest, proxies: Proxies | None = None) -> Iterator[Town]:
    """Lend an event of this cloud that does not exist yet."""
    alone = httpx.Limits(max_keepalive_connections=0)  # what serves it may be killed between two requests
    event_id = new_event_id("fault")
    with httpx.Client(base_url=cloud.api_url, timeout=PATIENCE_S, limits=alone) as http:
        yield Town(cloud, http, event_id, triggers=LOCAL / "triggers", proxies=proxies, name=name_of(request))


def _mended(town: Town) -> Iterator[Town]:
    """Have everything whole before and after, and the event gone."""
    for trigger in town.triggers.iterdir():
        trigger.unlink()
    _whole(town.servers)
    yield town
    _whole(town.servers)
    for function in town.cloud.functions:
        for pid in town.cloud.environments(function):
            os.kill(pid, signal.SIGCONT)
    clear(town)


def clear(town: Town) -> None:
    """Have the event gone, and its records."""
    with contextlib.suppress(InvocationError):  # an event that is not whole stays, for whoever looks for the reason
        town.operate("wipe")
    _forget_what_was_read(town.servers, town.settings)


def _forget_what_was_read(servers: Servers, settings: Settings) -> None:
    """Delete the records that the group has read: each audit reads the whole log, and here it is of one event."""
    admin = KafkaAdminClient(bootstrap_servers=servers.kafka_bootstrap)
    try:
        committed = admin.list_group_offsets([settings.kafka_group])[settings.kafka_group]
        admin.delete_records({at: read.offset for at, read in committed.items() if read.offset > 0})
    finally:
        admin.close()


def name_of(request: pytest.FixtureRequest) -> str:
    """Return the file and name of the test, as the table of figures knows it."""
    return f"{request.node.path.relative_to(HERE.parent)}::{request.node.name}"


def _whole(servers: Servers) -> None:
    """Have every server up and answering: what a test that failed left down must not fail the next one."""
    for server in servers.ours.values():
        server.resume()
        if not server.running:
            server.start()
