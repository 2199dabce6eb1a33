"""`python -m dev`, in a copy: what stops a start is said, nothing is left running, and there is no traceback."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import redis

from dev.cloud import Cloud
from dev.process import Process
from tests.clouds import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.e2e.campaign import Campaign

ROOT = Path(__file__).parents[2]
FOREVER = [sys.executable, "-c", "import time; time.sleep(600)"]


class Clone:
    """A copy of the commands, with a Redis of the test's making; the other servers are said to be somebody else's."""

    def __init__(self, folder: Path, elsewhere: str) -> None:
        self.folder = folder
        self.data = folder / ".local"
        self._elsewhere = elsewhere
        shutil.copytree(ROOT / "dev", folder / "dev", ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "layers").symlink_to(ROOT / "layers")
        (folder / "bin").mkdir()

    def redis(self, script: str) -> None:
        """Let this shell script be the Redis."""
        program = self.folder / "bin" / "redis-server"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    def start(self, command: str) -> subprocess.Popen[str]:
        """Start a command in a session of its own, as a terminal does."""
        environ = {name: value for name, value in os.environ.items() if not name.startswith("FIRSTCOME_")}
        environ["PATH"] = f"{self.folder / 'bin'}:{environ['PATH']}"
        environ["FIRSTCOME_KAFKA_BOOTSTRAP"] = self._elsewhere
        environ["FIRSTCOME_MYSQL_URL"] = f"mysql://{self._elsewhere}/firstcome"
        return subprocess.Popen(
            [sys.executable, "-m", "dev", command],
            cwd=self.folder,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def is_starting(self) -> bool:
        """Say whether a start waits for Redis."""
        return (self.data / "redis" / "redis.pid").exists()


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Clone]:
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        folder = tmp_path / "a b $é"
        folder.mkdir()
        yield Clone(folder, f"127.0.0.1:{somebody.getsockname()[1]}")


def done(process: subprocess.Popen[str], code: int) -> str:
    """Wait for the end; return what it said, which is never a traceback."""
    said, _ = process.communicate(timeout=120)
    assert "Traceback" not in said
    assert process.returncode == code, said
    return said


def test_a_server_that_cannot_start_is_said_with_its_own_words(clone: Clone) -> None:
    """`make up` fails with the server's last words, and leaves no file of a process."""
    clone.redis("echo no such luck; exit 1")
    assert "no such luck" in done(clone.start("up"), 1)
    assert not list(clone.data.rglob("*.pid"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_up_that_is_interrupted_leaves_nothing(
    clone: Clone, wait_until: Callable[..., None], number: signal.Signals
) -> None:
    """One line, the code of Ctrl-C, and no process."""
    clone.redis("exec sleep 600")
    up = clone.start("up")
    wait_until(clone.is_starting, "it waits for a Redis that does not answer", timeout_s=60)
    os.killpg(up.pid, number)
    assert "up: interrupted" in done(up, -signal.SIGINT)
    assert not list(clone.data.rglob("*.pid"))


def test_down_ends_an_up_that_is_not_ready(clone: Clone, wait_until: Callable[..., None]) -> None:
    """It need not wait for the 90 s that a server may take."""
    clone.redis("exec sleep 600")
    up = clone.start("up")
    wait_until(clone.is_starting, "it waits for a Redis that does not answer", timeout_s=60)
    assert done(clone.start("status"), 1) == "starting\n"
    assert done(clone.start("down"), 0).startswith("stopped: cloud, redis;")
    assert "ended before it was ready" in done(up, 1)
    assert not list(clone.data.rglob("*.pid"))


def test_a_second_up_waits_for_the_first_and_says_the_address(clone: Clone) -> None:
    """The first one's part is played by the test: it holds the lock, starts something, and lets go."""
    clone.data.mkdir()
    with (clone.data / "up.lock").open("w") as first:
        fcntl.flock(first, fcntl.LOCK_EX)
        second = clone.start("up")
        assert second.stdout is not None
        assert second.stdout.readline() == "another make up is at work: waiting for it\n"
        starter = Process("cloud", clone.data)
        starter.start(FOREVER)
        (clone.data / "cloud.env").write_text("FIRSTCOME_API_URL=http://127.0.0.1:1\n")
    try:
        said = done(second, 0)
        assert "it runs already" in said
        assert "FIRSTCOME_API_URL=http://127.0.0.1:1" in said
        assert done(clone.start("down"), 0).startswith("stopped: cloud;")
    finally:
        starter.stop(kill=True)


def test_down_says_that_nothing_ran(clone: Clone) -> None:
    """An answer, and no failure."""
    assert done(clone.start("down"), 0) == "nothing was running\n"
    assert done(clone.start("reset"), 0) == "nothing was running; its data and logs are deleted\n"


def test_a_lost_gate_is_restored_before_the_cloud_is_ready(cloud: Cloud, campaign: Campaign, tmp_path: Path) -> None:
    """After `up` nobody is told to try again: the schedule's first run comes before, and not a minute later."""
    campaign.open()
    campaign.win("alice")
    campaign.wait_consumed()
    with redis.Redis.from_url(cloud.servers.redis_url) as client:
        client.delete(*client.scan_iter(f"coupon:{{{campaign.event_id}}}:*"))
    other = Cloud(tmp_path, servers=cloud.servers, environment=SETTINGS, poller=False, clock=False, beat=True)
    said: list[str] = []
    other.start(said.append)
    other.stop()
    assert [line for line in said if line.startswith("gates restored")]
    assert campaign.apply("alice").word == (200, "accepted")
