"""The local cloud's own Redis, MariaDB and Apache Kafka: real servers on loopback, with their data in one folder.

`Servers(folder).start()` has all three ready and `.stop()` ends them; a server that the environment names is used as
it is and never started, stopped or emptied. A single one (`servers.kafka`) can be killed, paused and started again
on the same port with the same data.
"""

from __future__ import annotations

import os
import shutil
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from dev.install import LOCALE, kafka_jars, programs
from dev.process import Process, ProcessError
from dev.recipes import DURABLE_REDIS, HOST, KAFKA, MARIADB, REDIS, Recipe, bind, free_port, is_free

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

READY_S = 90.0  # the broker takes 3 s; a machine that compiles something else at the same time, much longer


class Server:
    """One server of ours: its process, its port, its folder."""

    def __init__(self, recipe: Recipe, folder: Path, host: str = HOST) -> None:
        self.name = recipe.name
        self.host = host
        self.folder = folder
        self.process = Process(recipe.name, folder)
        self.recipe = recipe
        self._port_file = folder / "port"
        self._held: socket.socket | None = None

    @property
    def port(self) -> int:
        """The port it listens on; raises `ProcessError` before its first start."""
        try:
            return int(self._port_file.read_text())
        except (FileNotFoundError, ValueError):  # no file, or one that was being written
            raise ProcessError(f"{self.name} was never started in {self.folder}") from None

    @property
    def url(self) -> str:
        """Its address as the settings have it."""
        return self.recipe.url.format(host=self.host, port=self.port)

    @property
    def running(self) -> bool:
        """Whether its process is alive."""
        return self.process.running

    def prepare(self) -> None:
        """End what a former run left and have a data folder and a free port: the former ones where possible."""
        self.process.stop()
        self.folder.mkdir(parents=True, exist_ok=True)
        if not (self.folder / "data").is_dir():
            unfinished = self.folder / "unfinished"  # an installation that breaks off leaves no half of a data folder
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            self.recipe.prepare(unfinished, programs(self.recipe.programs))
            (unfinished / "data").rename(self.folder / "data")
            shutil.rmtree(unfinished)
        if not self.has_port or not is_free(self.port, self.host):
            self._port_file.write_text(str(free_port(self.host)))
        self.let_go()
        self._held = bind(self.port, self.host, shared=True)  # nobody else takes it while the server is down

    @property
    def has_port(self) -> bool:
        """Whether it was started before, and so has a port of its own."""
        try:
            return self.port > 0
        except ProcessError:
            return False

    def launch(self, *, dies_with_us: bool = False) -> None:
        """Start the process on the prepared folder and return at once."""
        command = self.recipe.command(self.folder, self.host, self.port, programs(self.recipe.programs))
        self.process.start(command, env={**os.environ, **LOCALE}, dies_with_us=dies_with_us)

    def wait_ready(self, timeout_s: float = READY_S) -> None:
        """Return when it answers; raise `ProcessError` with the end of its log when it died or took too long."""
        self.process.wait_ready(lambda: self.recipe.probe(self.host, self.port), timeout_s=timeout_s)

    def start(self) -> None:
        """Start it, on the port and with the data that it had before, and wait until it answers."""
        if not self._port_file.exists():
            self.prepare()
        self.launch()
        self.wait_ready()

    def stop(self, *, kill: bool = False) -> None:
        """End it: in order, or by SIGKILL with `kill`. Its data stay (those of a Redis that is not durable do not)."""
        self.process.stop(kill=kill)

    def let_go(self) -> None:
        """Hold the port no longer: others may have it when the server does not run."""
        held, self._held = self._held, None
        if held is not None:
            held.close()

    def pause(self) -> None:
        """Let it keep its connections and answer nobody."""
        self.process.pause()

    def resume(self) -> None:
        """Let it go on after `pause`."""
        self.process.resume()


class Servers:
    """The three servers below one folder, or those that `environ` names by FIRSTCOME_REDIS_URL and its like.

    FIRSTCOME_BIND is the one address on which ours listen: loopback, unless it names, say, that of Docker's bridge, at
    which a container finds its host. A `durable` Redis keeps its data as the others do; without it, one that is started
    again has lost everything, which is what the tests are about.
    """

    def __init__(
        self,
        folder: Path,
        environ: Mapping[str, str] | None = None,
        prefix: str = "FIRSTCOME_",
        *,
        durable: bool = False,
    ) -> None:
        environ = os.environ if environ is None else environ
        variables = {REDIS.name: "REDIS_URL", KAFKA.name: "KAFKA_BOOTSTRAP", MARIADB.name: "MYSQL_URL"}
        named = {name: prefix + variable for name, variable in variables.items()}
        self._named = {name: variable for name, variable in named.items() if environ.get(variable)}
        self._urls = {name: environ[variable] for name, variable in self._named.items()}
        folder = folder.absolute()
        redis = DURABLE_REDIS if durable else REDIS
        recipes = [recipe for recipe in (redis, MARIADB, KAFKA) if recipe.name not in self._named]
        host = environ.get(prefix + "BIND") or HOST
        self.ours = {recipe.name: Server(recipe, folder / recipe.name, host) for recipe in recipes}

    @property
    def redis(self) -> Server:
        """Our Redis; raises `LookupError` when the environment names another."""
        return self._own("redis")

    @property
    def mariadb(self) -> Server:
        """Our MariaDB; raises `LookupError` when the environment names another."""
        return self._own("mariadb")

    @property
    def kafka(self) -> Server:
        """Our Kafka broker; raises `LookupError` when the environment names another."""
        return self._own("kafka")

    @property
    def redis_url(self) -> str:
        """redis://host:port/0, ours or the one that is named."""
        return self._urls.get("redis") or self.redis.url

    @property
    def kafka_bootstrap(self) -> str:
        """host:port, ours or the one that is named."""
        return self._urls.get("kafka") or self.kafka.url

    @property
    def mysql_url(self) -> str:
        """mysql://user@host:port/database, ours or the one that is named."""
        return self._urls.get("mariadb") or self.mariadb.url

    @property
    def environ(self) -> dict[str, str]:
        """The three addresses under the names that the settings read."""
        return {
            "FIRSTCOME_REDIS_URL": self.redis_url,
            "FIRSTCOME_KAFKA_BOOTSTRAP": self.kafka_bootstrap,
            "FIRSTCOME_MYSQL_URL": self.mysql_url,
        }

    @property
    def pids(self) -> dict[str, int]:
        """The process ids of ours that are alive, by name."""
        return {name: pid for name, server in self.ours.items() if (pid := server.process.pid) is not None}

    def start(self, say: Callable[[str], None] = print, *, dies_with_us: bool = False) -> None:
        """Install what is missing, and start all three; stop them again if one does not come up.

        With `dies_with_us` (see `Process.start`) they end with the calling thread; else they outlive this process.
        Raises `ProcessError`, which says what to do.
        """
        for name, variable in self._named.items():
            say(f"{name}: the one that {variable} names")
            _check_reachable(variable, self._urls[name])
        programs([program for server in self.ours.values() for program in server.recipe.programs], say)
        if "kafka" in self.ours:
            kafka_jars(say)
        try:
            with ThreadPoolExecutor() as pool:
                list(pool.map(Server.prepare, self.ours.values()))
            for server in self.ours.values():
                server.launch(dies_with_us=dies_with_us)
            for server in self.ours.values():
                server.wait_ready()
                say(f"{server.name}: {server.host}:{server.port}")
            self.assemble()
        except BaseException:  # Ctrl-C too
            self.stop()
            raise

    def assemble(self) -> None:
        """Make of servers that are up what clients are to meet; these three stand alone."""

    def stop(self) -> None:
        """End all of ours, the ones of a former run too. Those that the environment names stay."""
        with ThreadPoolExecutor() as pool:
            list(pool.map(Server.stop, self.ours.values()))
        for server in self.ours.values():
            server.let_go()

    def reset(self) -> None:
        """Stop all of ours and delete their data, logs and ports."""
        self.stop()
        for server in self.ours.values():
            shutil.rmtree(server.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _own(self, name: str) -> Server:
        if name in self._named:
            raise LookupError(f"{name} is the one that {self._named[name]} names: it is not ours to start or stop")
        return self.ours[name]


def _check_reachable(variable: str, address: str) -> None:
    """Raise `ProcessError` naming the variable (its value may hold a password) when nobody listens there."""
    where = urlsplit(address if "://" in address else f"//{address.split(',', 1)[0]}")
    try:
        socket.create_connection((where.hostname, where.port or 0), timeout=5).close()
    except OSError as error:
        raise ProcessError(
            f"{variable} names a server at {where.hostname}:{where.port} that does not answer: {error}\n"
            f"`unset {variable}` has one started instead; or start that one"
        ) from None
