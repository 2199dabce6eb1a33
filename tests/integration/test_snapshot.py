"""SnapStart's hooks around real servers: nothing of one environment is left in its copies."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import snapshot_restore_py

from firstcome.apply.application import Applications
from firstcome.runtime import credentials, redaction, snapstart
from firstcome.settings import Settings
from firstcome.stream.producer import Stream

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from dev.servers import Servers
    from tests.world import World

ROOT = Path(__file__).parents[2]
FUNCTIONS = ["apply", "consume", "retry", "operate"]


def connections(servers: Servers) -> dict[str, str]:
    """Return the established TCP connections of this process to the servers: their inodes, and to whom they lead."""
    urls = servers.redis_url, f"kafka://{servers.kafka_bootstrap}", servers.mysql_url
    ports = {urlsplit(url).port for url in urls}  # ours, or those that were named
    own = {link.readlink().name for link in Path("/proc/self/fd").iterdir() if link.is_symlink()}
    lines = [line.split() for line in Path("/proc/self/net/tcp").read_text().splitlines()[1:]]
    return {
        inode: remote
        for _, _, remote, state, *_, inode in (line[:4] + line[9:10] for line in lines)
        if state == "01" and f"socket:[{inode}]" in own and int(remote.split(":")[1], 16) in ports
    }


@pytest.fixture
def connected(servers: Servers) -> Callable[[], set[str]]:
    """Return to which servers there are connections that were not there before: other tests leave some."""
    others = connections(servers).keys()
    return lambda: {remote for inode, remote in connections(servers).items() if inode not in others}


@pytest.fixture
def applications(world: World) -> Applications:
    """One environment's, over the world's event."""
    stores = world.stores
    return Applications(stores.gate, Stream(stores.settings), stores.ledger, stores.settings)


def test_no_connection_is_in_the_snapshot(
    connected: Callable[[], set[str]], applications: Applications, world: World
) -> None:
    """After the first hook there is none to any server; the next request after the second one connects anew."""
    assert applications.apply(world.event_id, "alice", "c").body["status"] == "accepted"
    assert applications.status(world.event_id, "alice").body["status"] == "pending"
    assert len(connected()) == 3, "one server at least was not asked"
    snapstart.before_snapshot(world.stores.settings, applications)
    assert not connected()
    snapstart.after_restore(applications)
    assert applications.apply(world.event_id, "bob", "c").body["status"] == "accepted"
    assert applications.status(world.event_id, "bob").body["status"] == "pending"
    applications.close()


def test_nothing_that_time_ends_is_in_the_snapshot(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A password, a list of events and a broken stream are asked for again: time stands still in a snapshot."""
    settings = Settings(kafka_bootstrap="127.0.0.1:1", mysql_url="mysql://root@127.0.0.1:1/x", kafka_max_block_ms=30)
    stream = Stream(settings)
    applications = Applications(world.stores.gate, stream, world.stores.ledger, world.stores.settings)
    stream.send(world.ticket("alice", 1), 1, "")
    assert stream._quiet_until > 0
    applications.events.gated(world.event_id)
    assert applications.events._lists
    credentials._known["arn"] = (0.0, "user", "password")
    monkeypatch.setenv("FIRSTCOME_LOG_USER_IDS", "hashed")
    called = redaction.mark("alice")
    snapstart.before_snapshot(settings, applications)
    assert stream._quiet_until == 0
    assert not applications.events._lists
    assert not credentials._known
    assert redaction.mark("alice") != called, "another key"
    redaction.forget_key()
    applications.close()


def test_copies_differ() -> None:
    """The same snapshot, restored twice, draws other numbers: copies that wait equally long come back together."""
    drawn = set()
    state = random.getstate()
    for _ in range(2):
        random.setstate(state)
        snapstart.after_restore()
        drawn.add(random.random())
    assert len(drawn) == 2


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_registers_both_hooks(
    name: str, load_handler: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And they work where no server is to be had, as when a version is published."""
    before: list[Any] = []
    after: list[Any] = []
    monkeypatch.setattr(snapshot_restore_py, "_before_snapshot_registry", before)
    monkeypatch.setattr(snapshot_restore_py, "_after_restore_registry", after)
    for variable, address in {
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "KAFKA_BOOTSTRAP": "127.0.0.1:1",
        "MYSQL_URL": "mysql://root@127.0.0.1:1/x",
    }.items():
        monkeypatch.setenv(f"FIRSTCOME_{variable}", address)
    load_handler(name)
    [(hook, args, kwargs)] = before
    hook(*args, **kwargs)
    [(hook, args, kwargs)] = after
    hook(*args, **kwargs)


def test_a_cluster_that_was_never_used_is_not_asked_either() -> None:
    """Its client would connect when it is made."""
    from firstcome.gate.connect import redis_client
    from firstcome.gate.gate import Gate

    settings = Settings(redis_url="redis://127.0.0.1:1/0", redis_cluster=True)
    snapstart.before_snapshot(settings, Gate(redis_client(settings), settings))


def test_without_lambdas_runtime_nothing_is_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The module is part of the runtime, and of nothing else."""
    monkeypatch.setitem(sys.modules, "snapshot_restore_py", None)
    snapstart.register(Settings())


@pytest.mark.parametrize("setting", ["redis_secret_arn", "mysql_secret_arn", "log_key_secret_arn"])
def test_what_a_token_needs_is_imported_before_the_snapshot(setting: str) -> None:
    """And only where a token or a secret is used: it costs hundreds of ms."""
    code = (
        "import sys, json; from dataclasses import replace; from firstcome.runtime import snapstart;"
        " from firstcome.settings import Settings; said = [];"
        "[(snapstart.before_snapshot(each), said.append('botocore.session' in sys.modules))"
        f" for each in (Settings(), Settings({setting}='arn'))]; print(json.dumps(said))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(ROOT / "layers/common/python")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(ran.stdout) == [False, True]


def test_a_secret_that_is_not_there_is_not_a_reason_to_fail() -> None:
    """Publishing a version asks nobody, Secrets Manager neither."""
    snapstart.before_snapshot(Settings(redis_secret_arn="arn:of:nothing", mysql_secret_arn="arn:of:nothing"))
