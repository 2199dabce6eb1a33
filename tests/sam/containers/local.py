"""`sam local` in containers of the Lambda runtime's image, over servers of this machine."""

from __future__ import annotations

import json
import re
import socket
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import httpx
from samcli.yamlhelper import yaml_dump, yaml_parse

from dev.process import wait_until
from dev.recipes import free_port
from tests.e2e.samples import FOLDER
from tests.sam.command import SAM, environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

IMAGE: Final = "public.ecr.aws/lambda/python:3.13-x86_64"  # the one that SAM CLI takes for python3.13 on x86_64
START_S: Final = 60  # of a container, which takes 2 s on a machine that has nothing else to do
PATIENCE_S: Final = 180  # of SAM CLI for all that it does
REQUEST_S: Final = 60  # a cold container included


class NoContainersError(Exception):
    """Docker or the image is missing; the text says what to do."""


def docker(*arguments: str) -> str:
    """Run Docker's client and answer what it printed; raise `NoContainersError` where it cannot."""
    try:
        done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise NoContainersError("sam local needs Docker: install it, or leave these tests to CI") from None
    if done.returncode:
        raise NoContainersError(
            f"docker {' '.join(arguments)}: {done.stderr.strip()}\n"
            f"sam local needs a Docker engine that answers (docker info), and its image: docker pull {IMAGE}"
        )
    return done.stdout.strip()


def bridge_address() -> str:
    """Return the address at which a container finds this machine: that of its way out, as it sees it itself."""
    docker("image", "inspect", IMAGE)
    routes = docker("run", "--rm", "--pull", "never", "--entrypoint", "cat", IMAGE, "/proc/net/route")
    [gateway] = [fields[2] for line in routes.splitlines() if (fields := line.split())[1] == "00000000"]
    return socket.inet_ntoa(bytes.fromhex(gateway)[::-1])  # the kernel writes it in the processor's order


def aim(project: Path, environ: dict[str, str]) -> None:
    """Have the project's samconfig.toml name these servers, in place of those of compose.yaml."""
    config = project / "samconfig.toml"
    text = config.read_text()
    for parameter, variable in (
        ("RedisUrl", "FIRSTCOME_REDIS_URL"),
        ("KafkaBootstrap", "FIRSTCOME_KAFKA_BOOTSTRAP"),
        ("MysqlUrl", "FIRSTCOME_MYSQL_URL"),
    ):
        text, times = re.subn(rf'"{parameter}=[^"]*"', f'"{parameter}={environ[variable]}"', text)
        assert times == 2, "invoke and start-api name all three servers"
    config.write_text(text)


def adapted(project: Path, name: str, settings: dict[str, str]) -> Path:
    """Write a copy of the built template with these variables besides; SAM CLI only overrides those that it declares.

    SAM CLI counts the start of the container, and the imports, against the function's timeout: Lambda does not.
    """
    built = project / ".aws-sam" / "build" / "template.yaml"
    template = yaml_parse(built.read_text())
    template["Globals"]["Function"]["Environment"]["Variables"] |= settings
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["Timeout"] += START_S
    copy = built.with_name(name)
    copy.write_text(yaml_dump(template))
    return copy


def options(template: Path, project: Path) -> list[str]:
    """Return what invoke and start-api are told alike; SAM CLI looks for a samconfig.toml beside the template."""
    return ["--template", str(template), "--config-file", str(project / "samconfig.toml"), "--skip-pull-image"]


class Invocations:
    """`sam local invoke`: each event in a container of its own.

    SAM CLI takes as long to start as the container takes to answer. So the next one is started meanwhile, and waits
    for its event on its standard input.
    """

    def __init__(self, template: Path, project: Path) -> None:
        """Invoke the functions of `template`, with the samconfig.toml of `project`."""
        self._options = options(template, project)
        self._project = project
        self._waiting: dict[str, subprocess.Popen[str]] = {}

    def invoke(self, sample: str) -> Any:
        """Return what the function that the sample's name begins with makes of it, in a new container."""
        function = sample.partition("-")[0]
        process = self._waiting.pop(function, None) or self._start(function)
        self._waiting[function] = self._start(function)
        try:
            said, log = process.communicate((FOLDER / f"{sample}.json").read_text(), timeout=PATIENCE_S)
        finally:
            process.kill()
        assert process.returncode == 0, log
        try:
            return json.loads(said)
        except ValueError:
            raise AssertionError(f"no answer: {said}\n{log}") from None

    def close(self) -> None:
        """End those that still wait; they have no container yet."""
        while self._waiting:
            _, process = self._waiting.popitem()
            process.kill()
            process.communicate()

    def _start(self, function: str) -> subprocess.Popen[str]:
        command = [
            SAM,
            "local",
            "invoke",
            f"{function.title().replace('_', '')}Function",
            "--event",
            "-",
            *self._options,
        ]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command, cwd=self._project, env=environment(), stdin=pipe, stdout=pipe, stderr=pipe, text=True
        )  # fmt: skip


@contextmanager
def start_api(template: Path, project: Path) -> Iterator[httpx.Client]:
    """Have `sam local start-api` serve `template` meanwhile, one warm container a function; lend a client of it."""
    port = free_port()
    command = [SAM, "local", "start-api", "--port", str(port), "--warm-containers", "LAZY", "--no-watch"]
    log = project / "start-api.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [*command, *options(template, project)],
            cwd=project, env=environment(), stdin=subprocess.DEVNULL, stdout=output, stderr=output,
        )  # fmt: skip
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=REQUEST_S) as client:
            wait_until(lambda: _listening(process, port, log), "sam local start-api listens", timeout_s=PATIENCE_S)
            yield client
    finally:
        process.terminate()  # it ends its containers first
        process.wait(PATIENCE_S)


def _listening(process: subprocess.Popen[bytes], port: int, log: Path) -> bool:
    assert process.poll() is None, log.read_text()
    with socket.socket() as knocking:
        return knocking.connect_ex(("127.0.0.1", port)) == 0
