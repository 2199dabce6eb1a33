"""The local cloud's servers as processes: found again, ended, and started again where they were."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import redis

from dev.child import Child
from dev.process import Process, ProcessError
from dev.recipes import HOST, KAFKA, MARIADB, REDIS, Recipe, bind
from dev.servers import Server, Servers
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

FOREVER = [sys.executable, "-c", "import time; time.sleep(600)"]
DEAF = [sys.executable, "-uc", "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf'); time.sleep(600)"]


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    process = Process("sleeper", tmp_path)
    yield process
    process.stop(kill=True)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(REDIS, tmp_path / "redis")
    server.start()
    yield server
    server.stop(kill=True)
    server.let_go()


def test_a_later_run_finds_the_process_and_ends_it(process: Process) -> None:
    """What is known is in the file: another object of the same folder and name ends it."""
    process.start(FOREVER)
    later = Process("sleeper", process.folder)
    assert later.pid == process.pid
    later.stop()
    assert not process.running


def test_a_start_ends_what_a_former_one_left(process: Process) -> None:
    """The process that a former start left running is ended first."""
    process.start(FOREVER)
    former = process.pid
    later = Process("sleeper", process.folder)
    later.start(FOREVER)
    assert process.pid == later.pid != former
    assert not _alive(former)
    later.stop()


def test_a_process_id_of_somebody_else_is_left_alone(process: Process) -> None:
    """A pid file names a process by its start time too."""
    with subprocess.Popen(FOREVER) as stranger:
        (process.folder / "sleeper.pid").write_text(f"{stranger.pid} 1\n")
        assert not process.running
        process.stop(kill=True)
        assert stranger.poll() is None
        stranger.kill()


def test_a_process_that_does_not_hear_is_killed(process: Process, wait_until: Callable[..., None]) -> None:
    """What ignores SIGTERM gets SIGKILL after its time."""
    process.start(DEAF)
    wait_until(lambda: "deaf" in process.tail(), "it ignores SIGTERM")
    process.stop(timeout_s=0.2)
    assert not process.running


def test_a_process_that_ends_while_starting_says_what_it_said(process: Process) -> None:
    """The error shows the end of its log."""
    process.start([sys.executable, "-c", "print('no such luck')"])
    with pytest.raises(ProcessError, match="no such luck"):
        process.wait_ready(lambda: 1 / 0, timeout_s=PATIENCE_S)


def test_a_bound_child_ends_with_its_starter(tmp_path: Path, wait_until: Callable[..., None]) -> None:
    """However the starter ends: here by SIGKILL."""
    script = f"from pathlib import Path; from dev.process import Process; import time; p = Process('child', Path({str(tmp_path)!r})); p.start({FOREVER!r}, dies_with_us=True); time.sleep(600)"  # noqa: E501
    child = Process("child", tmp_path)
    with subprocess.Popen([sys.executable, "-c", script]) as starter:
        wait_until(lambda: child.running, "the child runs")
        starter.send_signal(signal.SIGKILL)
    wait_until(lambda: not child.running, "the child has ended")


def test_a_killed_server_comes_back_where_it_was(server: Server) -> None:
    """Same port, and a Redis that has forgotten everything."""
    port = server.port
    with redis.Redis(port=port) as client:
        client.set("a", "1")
    server.stop(kill=True)
    server.start()
    assert server.port == port
    with redis.Redis(port=port) as client:
        assert client.get("a") is None


def test_a_durable_redis_keeps_its_data(tmp_path: Path) -> None:
    """After SIGKILL as after an end in order."""
    server = Servers(tmp_path, {}, durable=True).redis
    try:
        for number, kill in enumerate((True, False), start=1):
            server.start()
            with redis.Redis(port=server.port) as client:
                assert client.incr("a") == number
            server.stop(kill=kill)
        server.start()
        with redis.Redis(port=server.port) as client:
            assert client.get("a") == b"2"
    finally:
        server.stop(kill=True)
        server.let_go()


@pytest.mark.parametrize("recipe", [REDIS, MARIADB, KAFKA], ids=lambda recipe: recipe.name)
def test_a_server_runs_in_a_folder_of_any_name(recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A blank, a `$`, and a letter that the locale does not know."""
    monkeypatch.setenv("LC_ALL", "C")
    server = Server(recipe, tmp_path / "a b $é" / recipe.name)
    try:
        server.start()
        assert server.running
    finally:
        server.stop(kill=True)
        server.let_go()


def test_what_cannot_be_made_is_said_in_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wait_until: Callable[..., None]
) -> None:
    """A child whose program is missing is tried again, like one that falls over."""
    monkeypatch.setenv("PATH", str(tmp_path))
    child = Child("orphan", FOREVER, log=tmp_path / "log", cwd=tmp_path)
    child.start()
    wait_until(lambda: child.ends > 1, "it was tried twice")
    child.stop()
    assert "orphan could not be made" in (tmp_path / "log").read_text()


def test_the_port_of_a_server_that_is_down_stays_its_own(server: Server) -> None:
    """Another cloud on this machine looks for a free port meanwhile, and does not find this one."""
    server.stop(kill=True)
    with pytest.raises(OSError, match="in use"):
        bind(server.port, shared=False)
    server.start()


def test_a_paused_server_is_silent_and_forgets_nothing(server: Server) -> None:
    """Its connections wait, and are answered once it goes on."""
    with redis.Redis(port=server.port) as client:
        client.set("a", "1")
        server.pause()
        with (
            redis.Redis(port=server.port, socket_timeout=0.2, retry=None) as hasty,  # type: ignore[arg-type]
            pytest.raises(redis.TimeoutError),
        ):
            hasty.get("a")
        server.resume()
        assert client.get("a") == b"1"
        server.pause()
    server.stop()  # a paused one too
    assert not server.running


def test_servers_listen_where_bind_says_and_nowhere_else(tmp_path: Path) -> None:
    """Another address of loopback stands for that of Docker's bridge; without the variable it is 127.0.0.1."""
    elsewhere = "127.0.0.2"
    server = Servers(tmp_path, {"FIRSTCOME_BIND": elsewhere}).redis
    server.start()
    try:
        with redis.Redis(elsewhere, server.port) as client:
            assert client.ping()
        assert server.url == f"redis://{elsewhere}:{server.port}/0"
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((HOST, server.port))
    finally:
        server.stop(kill=True)
        server.let_go()
    assert Servers(tmp_path, {}).redis.host == HOST


def test_a_server_that_is_named_is_used_and_not_ours(tmp_path: Path) -> None:
    """Whoever names a server has no process to kill or pause."""
    servers = Servers(tmp_path, {"FIRSTCOME_REDIS_URL": "redis://elsewhere:1/0"})
    assert servers.redis_url == "redis://elsewhere:1/0"
    with pytest.raises(LookupError, match="FIRSTCOME_REDIS_URL"):
        _ = servers.redis


def test_a_named_server_that_does_not_answer_is_one_clear_error(tmp_path: Path) -> None:
    """The variable is named, the address too, the password is not."""
    servers = Servers(tmp_path, {"FIRSTCOME_REDIS_URL": "redis://:secret@127.0.0.1:1/0"})
    with pytest.raises(ProcessError, match="FIRSTCOME_REDIS_URL") as raised:
        servers.start(lambda _: None)
    assert "secret" not in str(raised.value)


def _alive(pid: int | None) -> bool:
    assert pid is not None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
