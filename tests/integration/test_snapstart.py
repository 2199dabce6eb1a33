"""SnapStart's hooks around real servers: nothing of one environment is left in its copies."""

from __future__ import annotations

import gc
import random
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
SECRET = "arn:of:nothing"


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
def registered(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[Any]]:
    """Return the hooks that are registered from now on: those before the snapshot, then those after it."""
    registries: tuple[list[Any], list[Any]] = [], []
    monkeypatch.setattr(snapshot_restore_py, "_before_snapshot_registry", registries[0])
    monkeypatch.setattr(snapshot_restore_py, "_after_restore_registry", registries[1])
    return lambda: [*registries[0], *registries[1]]


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
    snapstart.before_snapshot(applications)
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
    assert stream._breaker.quiet
    applications.events.gated(world.event_id)
    assert applications.events._lists
    credentials._known["arn"] = (0.0, "user", "password")
    monkeypatch.setenv("FIRSTCOME_LOG_USER_IDS", "hashed")
    called = redaction.mark("alice")
    snapstart.before_snapshot(applications)
    assert not stream._breaker.quiet
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
    name: str,
    load_handler: Callable[[str], ModuleType],
    monkeypatch: pytest.MonkeyPatch,
    registered: Callable[[], list[Any]],
) -> None:
    """And they work where no server is to be had, as when a version is published."""
    for variable, address in {
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "KAFKA_BOOTSTRAP": "127.0.0.1:1",
        "MYSQL_URL": "mysql://root@127.0.0.1:1/x",
    }.items():
        monkeypatch.setenv(f"FIRSTCOME_{variable}", address)
    load_handler(name)
    hooks = registered()
    assert [hook for hook, _, _ in hooks] == [snapstart.before_snapshot, snapstart.after_restore]
    for hook, args, kwargs in hooks:
        hook(*args, **kwargs)


def test_a_cluster_that_was_never_used_is_left_alone() -> None:
    """Its client would connect when it is made."""
    from firstcome.gate.connect import redis_client
    from firstcome.gate.gate import Gate

    settings = Settings(redis_url="redis://127.0.0.1:1/0", redis_cluster=True)
    snapstart.before_snapshot(Gate(redis_client(settings), settings))


def test_outside_lambda_init_ends_with_no_hook_registered(
    monkeypatch: pytest.MonkeyPatch, registered: Callable[[], list[Any]]
) -> None:
    """Where the runtime's module is missing, `register` does the rest: the garbage collector works from then on."""
    monkeypatch.setitem(sys.modules, "snapshot_restore_py", None)
    gc.disable()  # as the first import of a handler does
    try:
        snapstart.register()
        assert gc.isenabled()
    finally:
        gc.enable()
        gc.unfreeze()
    assert registered() == []
