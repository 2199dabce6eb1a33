"""The commands of the local cloud; the Makefile calls them.

python -m dev up | down | status | logs | reset | serve | demo | demo-web
python -m dev operate ACTION [NAME=VALUE …], python -m dev operate help [ACTION]
python -m dev token NAME [--group GROUP …] [--expires-in SECONDS]
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from difflib import get_close_matches
from typing import TYPE_CHECKING

from dev import interrupts
from dev.checks import LAYER, left_over, owned, settings_of
from dev.cloud import ROOT, Cloud
from dev.doors import APPLICANT_URL, CONSOLE_URL, ISSUER_URL, OPERATOR_URL, PAGE_URL
from dev.invoke import InvocationError
from dev.only_one import only_one
from dev.process import POLL_S, Process, ProcessError
from dev.recipes import HOST
from dev.servers import Servers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

DATA = ROOT / ".local"
DEMO = DATA / "demo"
API_PORT = 8080  # preferred, so that it is the same after `down` and `up`
LAMBDA_PORT = 8081
IDENTITY_PORTS = {APPLICANT_URL: 8082, OPERATOR_URL: 8083, ISSUER_URL: 8084, PAGE_URL: 8085, CONSOLE_URL: 8086}
HELP = ("help", "--help", "-h")
UP_WITHIN_S = 600  # the first time, packages and jars are fetched
# What `up` leaves in its folder; the tests' and the demo's folders stand beside it.
OF_UP = ("redis", "mariadb", "kafka", "run", "logs", "cloud.log", "cloud.pid", "cloud.env", "up.lock")
WITH_ARGUMENTS = ("operate", "token")
OF_DEMO = ("redis", "mariadb", "kafka", "run", "logs", "lock")


def up(*, dies_with_us: bool = False) -> None:
    """Start the cloud in the background, and say where it listens; a second one changes nothing."""
    owned(DATA, OF_UP)
    settings, nothing = settings_of(os.environ)
    for name in nothing:
        print(f"{name} is no setting: ignored", file=sys.stderr)
    with only_one(DATA / "up.lock", "make up"):
        starter = Process("cloud", DATA)
        ran = starter.running
        if ran and settings:
            print(f"{', '.join(settings)} will be read by the next one: make down, then make up", file=sys.stderr)
        try:
            if not ran:
                _start(starter, dies_with_us=dies_with_us)
            _wait_ready(starter)
        except BaseException:  # Ctrl-C too
            _end()
            raise
    said = "it runs already" if ran else "running"
    print(f"{said}; the addresses and process ids are in {os.path.relpath(_env_file())}, the logs in .local/logs")
    for name, value in addresses().items():
        if name.endswith(("_URL", "_BOOTSTRAP")):
            print(f"  {name}={value}")


def down() -> None:
    """End the cloud and its servers, those of a starter that was killed too, and say which ran; the data stay."""
    ended = _end()
    print(f"stopped: {', '.join(ended)}; the data stay (make reset empties them)" if ended else "nothing was running")


def _end() -> list[str]:
    """End whatever of the cloud runs; return the names of what ran."""
    starter, servers = Process("cloud", DATA), Servers(DATA)
    ran = [server.process for server in servers.ours.values() if server.process.running]
    names = [process.name for process in (starter, *ran) if process.running]
    # What the starter runs meanwhile, such as a package's installation, hears of it too.
    starter.stop(timeout_s=60, group=True)
    servers.stop()
    _env_file().unlink(missing_ok=True)
    return names


def status() -> None:
    """Print the addresses and process ids of a running cloud; exit with 1 where none runs."""
    if not Process("cloud", DATA).running:
        sys.exit("not running: make up")
    if not _env_file().exists():
        sys.exit("starting")
    print(_env_file().read_text(), end="")


def logs() -> None:
    """Print what each process of the cloud has said last, and then what it says, for as long as the cloud runs."""
    from dev.logs import follow  # noqa: PLC0415  only this command reads them

    follow(DATA, lambda: Process("cloud", DATA).running)


def reset() -> None:
    """End the cloud and delete its data and logs; what the tests keep beside it stays."""
    owned(DATA, OF_UP)
    ended = _end()
    with only_one(DATA / "up.lock", "make up"):
        Servers(DATA).reset()
        for name in ("run", "logs"):
            shutil.rmtree(DATA / name, ignore_errors=True)
        Process("cloud", DATA).log.unlink(missing_ok=True)
    print(f"{'stopped: ' + ', '.join(ended) if ended else 'nothing was running'}; its data and logs are deleted")


def serve() -> None:
    """Run the cloud until Ctrl-C, which ends everything."""
    up(dies_with_us=True)
    print("Ctrl-C ends it")
    try:
        while Process("cloud", DATA).running:
            time.sleep(0.2)
    finally:
        down()


def run() -> None:
    """Keep servers and cloud running until SIGTERM. `up` puts it into the background."""
    interrupts.end_once()
    with Servers(DATA, durable=True) as servers, cloud_of(DATA, servers, os.environ):
        threading.Event().wait()  # for the signal, which raises


def demo() -> None:
    """Run the demonstration, which starts and stops what it needs."""
    owned(DEMO, OF_DEMO)
    left_over(os.environ, DATA)
    sys.path.insert(0, str(LAYER))
    from dev import demo as demonstration  # noqa: PLC0415  only this command draws progress bars

    with only_one(DEMO / "lock", "make demo"):
        demonstration.main(DEMO)


def demo_web() -> None:
    """Start the cloud, and let a crowd come to an event that is watched in a browser; the cloud stays."""
    up()
    sys.path.insert(0, str(LAYER))
    from dev import demo_web as demonstration  # noqa: PLC0415  only this command draws progress bars

    demonstration.main(addresses())


def operate(*words: str) -> None:
    """Invoke the operate function and print its answer; exit with 1 and a message where it fails."""
    sys.path.insert(0, str(LAYER))
    from dev import operate as command  # noqa: PLC0415  only this command needs the layer's table of actions

    command.main(_env_file(), list(words))


def token(*words: str) -> None:
    """Print a token of the local issuer; exit with 1 and a message where no cloud runs."""
    from dev import token as command  # noqa: PLC0415  only this command needs OpenSSL

    if not _env_file().exists():  # a key may be left of one that was killed
        sys.exit("token: the local cloud is not running: make up")
    command.main(DATA / "run", words)


def addresses() -> dict[str, str]:
    """Return what `cloud.env` says."""
    lines = _env_file().read_text().splitlines()
    return {name: value for name, _, value in (line.partition("=") for line in lines)}


def _env_file() -> Path:
    return DATA / "cloud.env"


def cloud_of(folder: Path, servers: Servers, environ: Mapping[str, str]) -> Cloud:
    """Return the cloud of `up`: the functions see those settings that `environ` has.

    FIRSTCOME_API_BIND is the address on which the APIs and the issuer listen: loopback, because the back end's API and
    the issuer take the word of whoever reaches them, unless something else keeps others away, as a container's own
    network does.
    """
    settings, _ = settings_of(environ)
    for name, value in settings.items():
        print(f"the functions see {name}={value}")
    return Cloud(
        folder,
        servers=servers,
        environment=settings,
        beat=True,
        api_host=environ.get("FIRSTCOME_API_BIND") or HOST,
        api_port=API_PORT,
        lambda_port=LAMBDA_PORT,
        identity=True,
        identity_ports=IDENTITY_PORTS,
    )


def _start(starter: Process, *, dies_with_us: bool) -> None:
    """Start the starter, which ends what a former one left running, and nothing else, before it starts its own."""
    left_over(os.environ, DATA)
    _env_file().unlink(missing_ok=True)  # of one that was killed
    starter.log.unlink(missing_ok=True)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}
    starter.start([sys.executable, "-m", "dev", "run"], env=environment, dies_with_us=dies_with_us)


def _wait_ready(starter: Process) -> None:
    """Return when `cloud.env` is there; meanwhile pass on, line by line, what the starter says."""
    shown, deadline = 0, time.monotonic() + UP_WITHIN_S
    while True:
        ready = _env_file().exists()
        running = starter.running  # before its log is read: what it said last is then in there
        said = starter.log.read_text(errors="replace") if starter.log.exists() else ""
        whole = said.rfind("\n") + 1 if running else len(said)  # it may be in the middle of a line
        print(said[shown:whole], end="", flush=True)
        shown = whole
        if ready:
            return
        if not running:
            raise ProcessError("the cloud ended before it was ready; the logs are in .local/logs")
        if time.monotonic() > deadline:
            raise ProcessError(f"the cloud was not ready within {UP_WITHIN_S} s; the logs are in .local/logs")
        time.sleep(POLL_S)


def main() -> None:
    """Run the command that is named; explain the commands otherwise."""
    commands: dict[str, Callable[..., None]] = {
        command.__name__.replace("_", "-"): command
        for command in (up, down, status, logs, reset, serve, demo, demo_web, operate, token, run)
    }
    name, *arguments = sys.argv[1:] or ["help"]
    if name in HELP:
        print(__doc__, end="")
        return
    if name not in commands:
        # Not the layer's `alike`: `down` needs the standard library and this folder only.
        like = get_close_matches(name, commands, n=1)
        hint = f"; did you mean {like[0]!r}?" if like else ""
        sys.exit(f"unknown command {name!r}{hint}\n\n{__doc__.rstrip()}")
    if name not in WITH_ARGUMENTS and arguments:
        sys.exit(f"{name} takes no arguments, and was given {arguments[0]!r}")
    try:
        interrupts.heard()
        commands[name](*arguments)
    except (ProcessError, InvocationError, TimeoutError) as error:
        sys.exit(f"{name}: {error}")
    except PermissionError as error:
        sys.exit(f"{name}: {error}: it is another user's; go on as that one, or have it given to you (chown)")
    except KeyboardInterrupt:
        interrupts.die(name)


if __name__ == "__main__":
    main()
