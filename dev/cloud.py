"""The local cloud: environments of the template's functions behind the front, a poller, a clock. The servers are given.

    with Servers(folder) as servers, Cloud(folder, servers=servers) as cloud:
        cloud.invoke("operate", {"action": "show", "event_id": "E"})

Every process of it ends with the process that made the `Cloud`, however that one ends.
"""

from __future__ import annotations

import dataclasses
import json
import os
import secrets
import shutil
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from dev import front
from dev.child import Child
from dev.doors import Doors
from dev.install import programs
from dev.invoke import InvocationError, Lambda
from dev.recipes import HOST, url_of
from dev.variables import variables
from dev.watch import watching

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping

    from dev.servers import Servers
    from dev.template import Function

ROOT = Path(__file__).resolve().parent.parent

# Four keep two cores busy; the others are for when some wait for a server that does not answer. On Lambda there would
# be as many as there are requests; here, more only cost memory, start and turns at the cores.
APPLY_ENVIRONMENTS = 8
# Of the others: one for each worker of the poller, two retries that run at the same time, and an operator who need not
# wait for an audit.
OTHER_ENVIRONMENTS = 2

# A front answers within a tenth of a second; a machine that compiles something else meanwhile takes longer.
FRONT_WITHIN_S = 60
# One run of what is scheduled: a lost gate is restored after 14 s, and Lambda ends any function after 900 s.
BEAT_WITHIN_S = 960


class Cloud:
    """The functions of one template, running. `poller` and `clock` can be stopped and started by themselves."""

    def __init__(
        self,
        folder: Path,
        *,
        servers: Servers | None,
        template: Path = ROOT / "template.yaml",
        environment: Mapping[str, str] | None = None,
        apply_environments: int = APPLY_ENVIRONMENTS,
        poller: bool = True,
        clock: bool = True,
        beat: bool = False,
        api_host: str = HOST,
        api_port: int = 0,
        lambda_port: int = 0,
        identity: bool = False,
        identity_ports: Mapping[str, int] | None = None,
    ) -> None:
        """Describe the cloud; nothing runs before `start`.

        `environment` overrides variables of every function. A preferred port that is taken gives way to a free one.
        `poller` and `clock` say whether these run from the start, `beat` whether what is scheduled runs once before the
        cloud is ready, so that no gate is lost then. Without `servers` there is no poller, and the
        functions see the addresses that the template names. `api_host` is the address on which the API listens, and
        with `identity` the issuer and the APIs that verify its tokens; `identity_ports` has preferred ports by the
        names of `doors`.
        """
        self._servers = servers
        self.folder = folder.absolute()
        self._template = template
        self.overrides = dict(environment or {})
        self._counts = {"apply": apply_environments}
        self._wanted = [name for name, wanted in (("poller", poller), ("clock", clock)) if wanted]
        self._beat = beat
        self._api_host = api_host
        self._ports = (api_port, lambda_port)
        self._doors = Doors(identity_ports or {}) if identity else None
        self._children: dict[str, Child] = {}
        self._sockets: list[socket.socket] = []
        self._environments: dict[str, list[Child]] = {}
        self._writing = threading.Lock()
        self._ready = False
        self.functions: dict[str, Function] = {}
        self.api_url = ""
        self.lambda_url = ""

    @property
    def servers(self) -> Servers:
        """The servers that were given; raises `LookupError` where none were."""
        if self._servers is None:
            raise LookupError("this cloud has no servers")
        return self._servers

    @property
    def doors(self) -> Doors:
        """The issuer and the APIs that verify its tokens; raises `LookupError` where there are none."""
        if self._doors is None:
            raise LookupError("this cloud has no identity")
        return self._doors

    @property
    def poller(self) -> Child:
        """The event source mapping: `stop()` ends it after its batch, `start()` goes on from the committed offsets."""
        return self._children["poller"]

    @property
    def clock(self) -> Child:
        """The schedule: `stop()` and `start()`."""
        return self._children["clock"]

    @property
    def front(self) -> Child:
        """The HTTP front; its ports stay open while it starts again."""
        return self._children["front"]

    def environments(self, function: str) -> list[int]:
        """Return the process ids of the living environments of `function`."""
        return [child.pid for child in self._environments[function] if child.pid is not None]

    def invoke(self, function: str, payload: Any) -> Any:
        """Return what `function` made of `payload`; raise `InvocationError` with what it said when it failed."""
        with closing(Lambda(self.lambda_url)) as client:
            return client.invoke(function, json.dumps(payload).encode())

    def start(self, say: Callable[[str], None] = print) -> None:
        """Start everything, and have the ledger migrated and the topic there; ends all of it again if that fails.

        Raises `ProcessError` with the end of its log where a process cannot start.
        """
        try:
            self._start()
            self._watching(lambda: front.ask(self.api_url), "the front answers", FRONT_WITHIN_S)
            if "operate" in self.functions and self._servers is not None:
                migrate = {"action": "migrate"}
                self._watching(lambda: self.invoke("operate", migrate), "the ledger is migrated", BEAT_WITHIN_S)
            for name in self._wanted:
                if name in self._children:
                    self._children[name].start()
            if self._beat:
                self._watching(lambda: self._run_scheduled(say), "what is scheduled has run once", BEAT_WITHIN_S)
            told = zip(("API", "Lambda"), (self.api_url, self.lambda_url), self._ports, strict=True)
            for what, url, wanted in [*told, *(self._doors.told() if self._doors is not None else ())]:
                elsewhere = f", because port {wanted} is taken" if wanted and not url.endswith(f":{wanted}") else ""
                say(f"{what}: {url}{elsewhere}")
            self._ready = True
            self._write_env()
        except BaseException:  # Ctrl-C too
            self.stop()
            raise

    def stop(self) -> None:
        """End every process: first who asks, then who answers. Does nothing where nothing runs."""
        with self._writing:
            self._ready = False
            self.env_file.unlink(missing_ok=True)
        for name in ("clock", "poller", "front"):
            if name in self._children:
                self._children.pop(name).stop()
        for child in self._children.values():
            child.stop()
        for listener in self._sockets:
            listener.close()
        if self._doors is not None:
            self._doors.close()
        self._children, self._sockets, self._environments = {}, [], {}

    @property
    def env_file(self) -> Path:
        """`cloud.env`: the addresses and the process ids, as NAME=value lines.

        It is there while the cloud is ready, and written anew whenever a process has been replaced.
        """
        return self.folder / "cloud.env"

    def _start(self) -> None:
        from dev.template import read  # noqa: PLC0415  SAM CLI: more than a second, and only a start needs it

        haproxy = programs(["haproxy"])["haproxy"]
        run, logs = self.folder / "run", self.folder / "logs"
        for folder in (run, logs):  # of one run: a benchmark logs gigabytes
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        self.functions = {function.name: function for function in read(self._template)}
        described = run / "functions.json"
        described.write_text(json.dumps([dataclasses.asdict(function) for function in self.functions.values()]))
        api_port, lambda_port = self._ports
        api = front.listen(api_port, self._api_host)
        lambdas = front.listen(lambda_port)  # whoever reaches it is an operator: loopback only
        self._sockets += [api, lambdas]
        self.api_url, self.lambda_url = (url_of(*each.getsockname()) for each in (api, lambdas))

        if self._doors is not None:
            self._doors.open(self.functions.values(), run, self._api_host)
        with_jwt = {} if self._doors is None else self._doors.apis

        token = secrets.token_hex(4)  # two clouds on one machine share the abstract names
        backends = []
        for function in self.functions.values():
            count = self._counts.get(function.name, OTHER_ENVIRONMENTS)
            names = [f"{function.name}-{number}-{token}" for number in range(count)]
            backends.append(front.Environments(function, names))
            self._environments[function.name] = [self._environment(function, name, described) for name in names]
        openapi = ROOT / "docs" / "openapi.json"
        config = front.write(run, backends, api=api, lambdas=lambdas, openapi=openapi, with_jwt=with_jwt)
        command = [haproxy, "-db", "-f", config]
        inherited = [each.fileno() for each in (api, lambdas, *with_jwt.values())]
        self._add("front", command, cwd=run, pass_fds=inherited, env=os.environ).start()
        python = [sys.executable, "-m"]
        if self._doors is not None:
            for name, words, descriptor in self._doors.programs():
                self._add(name, [*python, *words], env=os.environ, pass_fds=[descriptor]).start()
        if self._servers is not None and any(function.streams for function in self.functions.values()):
            command = [*python, "dev.poller", str(described), self._servers.kafka_bootstrap, self.lambda_url]
            self._add("poller", command, env=os.environ, patience_s=10)
        if any(function.schedules for function in self.functions.values()):
            self._add("clock", [*python, "dev.clock", str(described), self.lambda_url], env=os.environ)
        for children in self._environments.values():
            for child in children:
                child.start()

    def _environment(self, function: Function, name: str, described: Path) -> Child:
        listener = front.listen_abstract(name)
        self._sockets.append(listener)
        command = [sys.executable, "-m", "dev.environment", str(described), function.name, str(listener.fileno())]
        return self._add(
            name.rpartition("-")[0],
            command,
            env=variables(function, self._servers, self.overrides),
            pass_fds=[listener.fileno()],
            log=function.name,
            patience_s=5,  # SIGTERM ends one at once; under coverage it writes down its lines first
        )

    def _watching(self, call: Callable[[], object], what: str, within_s: float) -> None:
        watching(self._children.values(), call, what, within_s=within_s)

    def _run_scheduled(self, say: Callable[[str], None]) -> None:
        for function in self.functions.values():
            for schedule in function.schedules:
                say(f"{function.name} runs once, which takes longer where Redis has lost a gate")
                try:
                    done = self.invoke(function.name, json.loads(schedule.input))
                except InvocationError as error:  # the clock tries again: what it cannot mend need not hold up the rest
                    say(str(error))
                else:
                    if done.get("restored"):
                        say(f"gates restored: {done['restored']}")

    def _add(self, name: str, command: list[str], *, log: str = "", cwd: Path = ROOT, **more: Any) -> Child:
        path = self.folder / "logs" / f"{log or name}.log"
        child = Child(name, command, log=path, cwd=cwd, changed=self._write_env, **more)
        self._children[name] = child
        return child

    def _write_env(self) -> None:
        """Write `cloud.env` anew, in one step, so that a reader never sees half of it."""
        values: dict[str, object] = {"FIRSTCOME_API_URL": self.api_url}
        if self._doors is not None:
            values |= self._doors.urls
        if self._servers is not None:
            values |= self._servers.environ
        values["FIRSTCOME_LAMBDA_URL"] = self.lambda_url
        values["CLOUD_PID"] = os.getpid()
        if self._servers is not None:
            values |= {f"{name.upper()}_PID": pid for name, pid in self._servers.pids.items()}
        with self._writing:
            if not self._ready:
                return
            pids = {name: child.pid for name, child in list(self._children.items())}
            values |= {f"{name.upper().replace('-', '_')}_PID": pid for name, pid in pids.items() if pid is not None}
            unfinished = self.env_file.with_suffix(".unfinished")
            unfinished.write_text("".join(f"{name}={value}\n" for name, value in values.items()))
            unfinished.replace(self.env_file)

    def __enter__(self) -> Self:
        """Start it."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        self.stop()
