"""The commands of the local cloud; the Makefile calls them.

python -m dev up | down | status | reset | serve | demo
python -m dev operate ACTION [NAME=VALUE …], python -m dev operate help [ACTION]
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING

from dev.cloud import ROOT, Cloud
from dev.invoke import InvocationError
from dev.process import Process, ProcessError
from dev.servers import Servers

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DATA = ROOT / ".local"
API_PORT = 8080  # preferred, so that it is the same after `down` and `up`
LAMBDA_PORT = 8081
UP_WITHIN_S = 600  # the first time, packages and jars are fetched


def up(*, dies_with_us: bool = False) -> None:
    """Have the cloud running in the background, and say where it listens; a second one changes nothing."""
    starter = Process("cloud", DATA)
    if not starter.running:
        _env_file().unlink(missing_ok=True)  # of one that was killed
        # What it named may still run: the starter ends that, and nothing else, before it starts its own.
        starter.log.unlink(missing_ok=True)
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        starter.start([sys.executable, "-m", "dev", "run"], env=environment, dies_with_us=dies_with_us)
        try:
            starter.wait_ready(_reporting(starter.log), timeout_s=UP_WITHIN_S)
        except BaseException:  # Ctrl-C too
            down()
            raise
    print(f"running; the addresses and process ids are in {os.path.relpath(_env_file())}, the logs in .local/logs")
    for name, value in addresses().items():
        if name.endswith(("_URL", "_BOOTSTRAP")):
            print(f"  {name}={value}")


def down() -> None:
    """End the cloud and its servers, those of a starter that was killed too; the data stay (Redis keeps none)."""
    Process("cloud", DATA).stop(timeout_s=60)
    Servers(DATA).stop()
    _env_file().unlink(missing_ok=True)


def status() -> None:
    """Print the addresses and process ids of a running cloud; exit with 1 where none runs."""
    if not Process("cloud", DATA).running or not _env_file().exists():
        sys.exit("not running: make up")
    print(_env_file().read_text(), end="")


def reset() -> None:
    """End the cloud and delete its data and logs; what the tests keep beside it stays."""
    down()
    Servers(DATA).reset()
    for name in ("run", "logs"):
        shutil.rmtree(DATA / name, ignore_errors=True)
    Process("cloud", DATA).log.unlink(missing_ok=True)


def serve() -> None:
    """Run the cloud until Ctrl-C, which ends everything."""
    up(dies_with_us=True)
    print("Ctrl-C ends it")
    try:
        while Process("cloud", DATA).running:
            time.sleep(0.2)
    except KeyboardInterrupt:
        print()
    finally:
        down()


def run() -> None:
    """Be the starter: own servers and cloud until SIGTERM. `up` puts it into the background."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    with Servers(DATA) as servers, Cloud(DATA, servers=servers, api_port=API_PORT, lambda_port=LAMBDA_PORT):
        ended.wait()


def demo() -> None:
    """Run the demonstration, which starts and stops what it needs."""
    sys.path.insert(0, str(ROOT / "layers" / "common" / "python"))
    from dev import demo as demonstration  # noqa: PLC0415  only this command draws progress bars

    demonstration.main()


def operate(*words: str) -> None:
    """Invoke the operate function and print its answer; exit with 1 and a message where it fails."""
    sys.path.insert(0, str(ROOT / "layers" / "common" / "python"))
    from dev import operate as command  # noqa: PLC0415  only this command needs the layer's table of actions

    command.main(_env_file(), list(words))


def addresses() -> dict[str, str]:
    """Answer what `cloud.env` says."""
    lines = _env_file().read_text().splitlines()
    return {name: value for name, _, value in (line.partition("=") for line in lines)}


def _env_file() -> Path:
    return DATA / "cloud.env"


def _reporting(log: Path) -> Callable[[], None]:
    """Answer a probe for `cloud.env` that passes on, line by line, what the starter says meanwhile."""
    shown = 0

    def probe() -> None:
        nonlocal shown
        said = log.read_text() if log.exists() else ""
        whole = said.rfind("\n") + 1  # it may be in the middle of a line
        print(said[shown:whole], end="", flush=True)
        shown = whole
        _env_file().read_text()  # it is there once the cloud is ready

    return probe


def main() -> None:
    """Run the command that is named; explain the commands otherwise."""
    commands: dict[str, Callable[..., None]] = {
        command.__name__: command for command in (up, down, status, reset, serve, demo, operate, run)
    }
    name, *arguments = sys.argv[1:] or ["help"]
    if name not in commands or (name != "operate" and arguments):
        sys.exit(__doc__)
    try:
        commands[name](*arguments)
    except (ProcessError, InvocationError) as error:
        sys.exit(f"{name}: {error}")


if __name__ == "__main__":
    main()
