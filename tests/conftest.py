"""What every test may use: real servers, started once per session and stopped at its end.

FIRSTCOME_TEST_REDIS_URL, FIRSTCOME_TEST_KAFKA_BOOTSTRAP and FIRSTCOME_TEST_MYSQL_URL each name a server to use
instead; the database of the last, and one beside it, are dropped and made again. A server that is missing is an
error, never a skip. With `-n auto` two workers share the tests, each with servers of its own (tests/workers.py).
"""

from __future__ import annotations

import ctypes
import fcntl
import importlib.util
import os
import signal
import sys
import uuid
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import hypothesis
import pymysql
import pytest

import dev.process
from dev.servers import Servers
from tests import measured, workers
from tests.clouds import Clouds
from tests.e2e.campaign import Campaign
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from dev.cloud import Cloud

ROOT = Path(__file__).parent.parent
LOCAL = ROOT / ".local" / f"test{os.environ.get('PYTEST_XDIST_WORKER', '')}"
PR_SET_CHILD_SUBREAPER = 36  # <sys/prctl.h>
# Of brokers that live for one session: this compiler takes half the CPU of a start, and a small heap needs no threads
# that collect it.
QUICK_JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
# No test cuts the power, and what a process's death must survive the kernel keeps: a commit need not wait for the disk.
# The servers of tests/faults and tests/topology are as they come.
QUICK_COMMIT = "--innodb-flush-method=nosync"

# On a busy machine a property takes as long as it takes; in CI, the same examples every time.
hypothesis.settings.register_profile("steady", deadline=None, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("steady")


# --- with pytest-xdist ---

pytest_xdist_auto_num_workers = workers.number
pytest_xdist_make_scheduler = workers.scheduler


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark each test with the name of its folder, `pytest -m integration`, and those that coverage need not count."""
    if not hasattr(config, "workerinput"):  # a worker's ids the scheduler looks at
        workers.tell_apart(item.nodeid for item in items)
    for item in items:
        if item.nodeid.startswith(measured.NOT_COUNTED):
            item.add_marker("no_cover")
        folder, *below = item.path.relative_to(ROOT / "tests").parts
        if below:
            item.add_marker(folder)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Have no process count its lines that is not told to, by `child_environment`."""
    measured.take()


@pytest.fixture(scope="session", autouse=True)
def _no_process_is_left() -> Iterator[None]:
    """Fail when a process that the tests started outlives them, and end it."""
    # Whatever loses its parent becomes a child of this process, so that nothing escapes from the search below.
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    yield
    try:
        dev.process.wait_until(lambda: not _descendants(), "the tests' processes have ended")
    except TimeoutError:
        left = _descendants()
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        pytest.fail(f"left running by the tests: {left}")


@pytest.fixture(scope="session")
def servers(request: pytest.FixtureRequest) -> Iterator[Servers]:
    """Redis, MariaDB and Kafka with nothing in them, for the whole session."""
    capture = request.config.pluginmanager.getplugin("capturemanager")
    LOCAL.mkdir(parents=True, exist_ok=True)
    with (LOCAL / "lock").open("w") as lock, pytest.MonkeyPatch.context() as environment:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pytest.exit(f"other tests are running with the servers in {LOCAL}", returncode=pytest.ExitCode.USAGE_ERROR)
        servers = Servers(LOCAL, prefix="FIRSTCOME_TEST_")
        servers.reset()
        if mariadb := servers.ours.get("mariadb"):
            usual = mariadb.recipe.command
            mariadb.recipe = replace(mariadb.recipe, command=lambda *where: [*usual(*where), QUICK_COMMIT])
        environment.setenv("JAVA_TOOL_OPTIONS", QUICK_JAVA)
        with capture.global_and_fixture_disabled():
            print()
            servers.start()
        recreate(servers.mysql_url)
        yield servers
        servers.stop()


@pytest.fixture(scope="session")
def redis_url(servers: Servers) -> str:
    """redis://host:port/0; tests keep apart by their event ids."""
    return servers.redis_url


@pytest.fixture(scope="session")
def kafka_bootstrap(servers: Servers) -> str:
    """host:port of the broker; tests keep apart by the names of their topics and groups."""
    return servers.kafka_bootstrap


@pytest.fixture(scope="session")
def mysql_url(servers: Servers) -> str:
    """mysql://user@host:port/database, of an empty database that no local cloud uses."""
    return recreate(servers.mysql_url, "_parts")


@pytest.fixture(scope="session")
def child_environment() -> dict[str, str]:
    """What a process needs for its lines to be counted: for those that run functions."""
    return measured.take()


@pytest.fixture(scope="session")
def clouds(tmp_path_factory: pytest.TempPathFactory, child_environment: dict[str, str]) -> Clouds:
    """`clouds.over(servers)`: each folder of tests that needs a cloud makes its own, as its fixture `cloud`."""
    return Clouds(tmp_path_factory, child_environment)


@pytest.fixture(scope="module")  # no longer: the next folder has another cloud
def http(cloud: Cloud) -> Iterator[httpx.Client]:
    """An HTTP client of the API of the folder's own cloud."""
    with httpx.Client(base_url=cloud.api_url, timeout=PATIENCE_S) as client:
        yield client


@pytest.fixture
def campaign(cloud: Cloud, http: httpx.Client, event_id: str) -> Campaign:
    """An event that does not exist yet, in the folder's own cloud."""
    return Campaign(cloud, http, event_id)


@pytest.fixture
def event_id() -> str:
    """An event that no other test knows."""
    return new_event_id()


@pytest.fixture(scope="session")
def wait_until() -> Callable[..., None]:
    """`wait_until(predicate, description)`: the only way in which a test waits."""
    return dev.process.wait_until


@pytest.fixture
def load_handler() -> Iterator[Callable[..., ModuleType]]:
    """`load_handler("apply")` imports functions/apply/handler.py anew: a cold start, with clients of its own.

    Set the environment first: a handler reads it while it is imported, as on Lambda.
    """
    loaded: list[str] = []

    def load(name: str, file: str = "handler") -> ModuleType:
        module_name = f"{file}_{name}_{uuid.uuid4().hex}"
        spec = importlib.util.spec_from_file_location(module_name, ROOT / "functions" / name / f"{file}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[module_name] = module
        loaded.append(module_name)
        spec.loader.exec_module(module)
        return module

    yield load
    for module_name in loaded:
        module = sys.modules.pop(module_name)
        # What holds connections: a server has only so many.
        for part in ("applications", "shown", "stores", "gate", "ledger"):
            if hasattr(module, part):
                getattr(module, part).close()


def new_event_id(prefix: str = "test") -> str:
    """Return an event that no other test knows, and no other example of a property."""
    return f"{prefix}-{uuid.uuid4().hex[:20]}"


def recreate(mysql_url: str, suffix: str = "") -> str:
    """Make the database of the URL anew, or one beside it whose name ends in `suffix`; return its URL."""
    url = urlsplit(mysql_url + suffix)
    database = url.path.lstrip("/")
    with connected(mysql_url) as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS `{database}`")
        cursor.execute(f"CREATE DATABASE `{database}`")
    return url.geturl()


@contextmanager
def connected(mysql_url: str, **options: Any) -> Iterator[pymysql.cursors.Cursor]:
    """Lend a cursor of a session of its own on the URL's server, and on none of its databases unless one is named."""
    url = urlsplit(mysql_url)
    connection = pymysql.connect(
        user=url.username, password=url.password or "", host=url.hostname, port=url.port or 3306, **options
    )
    with connection, connection.cursor() as cursor:
        yield cursor


def _descendants() -> dict[int, str]:
    """Return the living processes below this one, and what they are."""
    parents: dict[int, int] = {}
    programs: dict[int, str] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            about, _, fields = stat.read_text().rpartition(") ")
        except (FileNotFoundError, ProcessLookupError):  # ended meanwhile
            continue
        state, parent, *_ = fields.split()
        if state != "Z":
            number, _, program = about.partition(" (")
            parents[int(number)], programs[int(number)] = int(parent), program
    found = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return {pid: programs[pid] for pid in found if pid != os.getpid()}
