"""The workflow, the containers and CONTRIBUTING.md call what is there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from dev.__main__ import API_PORT, IDENTITY_PORTS
from dev.checks import settings_of
from dev.install import PACKAGES
from dev.recipes import EVERY_ADDRESS

yaml_parse = pytest.importorskip("samcli.yamlhelper").yaml_parse

ROOT = Path(__file__).parents[2]
GITHUB = ROOT / ".github"
WORKFLOW = GITHUB / "workflows" / "ci.yml"
ACTIONS = sorted((GITHUB / "actions").glob("*/action.yml"))
CONTAINERS = ("Dockerfile", "compose.yaml", "compose.servers.yaml")
# Whatever tells people or machines what to type.
TELLING = [
    *(ROOT / name for name in (*CONTAINERS, "CONTRIBUTING.md", "README.md", "samconfig.toml", "dev/install.py")),
    *sorted(GITHUB.rglob("*.yml")),
    *sorted(GITHUB.rglob("*.md")),
]
each_that_tells = pytest.mark.parametrize("path", TELLING, ids=lambda path: str(path.relative_to(ROOT)))
# Of the benchmarks or of the browser's tests alone, or what comes with another program.
NOT_OF_THE_CLOUD = {"redis-benchmark", "wrk", "chromium"}


def parsed(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml_parse(path.read_text())
    return found


def targets() -> set[str]:
    makefile = (ROOT / "Makefile").read_text()
    return set(re.findall(r"^([a-z][a-z0-9-]*):.*## ", makefile, re.MULTILINE))


def called(text: str) -> set[str]:
    """Return the targets that a text calls: as a step, a command of a container, or between backquotes."""
    before = r"(?:^\s*(?:- )?(?:run: |RUN )?|`|#\s+|cloud |\$ )"
    lines = re.findall(rf"{before}make ([a-z][a-z0-9-]*(?: [a-z][a-z0-9-]*)*)", text, re.MULTILINE)
    return {word for line in lines for word in line.split()}


def jobs() -> dict[str, Any]:
    found: dict[str, Any] = parsed(WORKFLOW)["jobs"]
    return found


def steps() -> list[dict[str, Any]]:
    """Return every step of the workflow, and of the actions of this repository that it uses."""
    ours = [step for path in ACTIONS for step in parsed(path)["runs"]["steps"]]
    return [step for job in jobs().values() for step in job["steps"]] + ours


def instructions(name: str) -> list[str]:
    """Return the arguments of each instruction of the Dockerfile that has this name."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return re.findall(rf"^{name} (.*)$", text, re.MULTILINE)


@each_that_tells
def test_every_target_that_is_named_exists(path: Path) -> None:
    """A target that a text, a step or a container calls is one of the Makefile."""
    assert called(path.read_text()) <= targets()


def test_the_workflow_runs_every_kind_of_check() -> None:
    """Lint, types, all tests, both crash matrices and SAM are checked on every push."""
    run = {target for step in steps() for target in called(f"run: {step.get('run', '')}")}
    assert run >= {"lint", "types", "test-unit", "test", "test-web", "test-faults", "test-topology", "test-sam"}


def test_unit_tests_run_on_the_oldest_python_and_on_lambdas() -> None:
    """The Makefile says which is the oldest, and the template which one Lambda runs."""
    major, minor = re.search(r"version_info < \((\d+), (\d+)\)", (ROOT / "Makefile").read_text()).groups()  # type: ignore[union-attr]
    runtime = re.search(r"Runtime: python(\S+)", (ROOT / "template.yaml").read_text())[1]  # type: ignore[index]
    assert jobs()["unit"]["strategy"]["matrix"]["python-version"] == [f"{major}.{minor}", runtime]


def test_actions_are_ours_or_pinned_to_a_major_version() -> None:
    """An action of somebody else's is named with its major version; one of ours is in this repository."""
    used = [step["uses"] for step in steps() if "uses" in step]
    ours = [name for name in used if name.startswith("./")]
    assert ours
    assert [name for name in ours if not (ROOT / name / "action.yml").is_file()] == []
    assert [name for name in used if name not in ours and not re.fullmatch(r"actions/[a-z-]+@v\d+", name)] == []


def test_the_workflow_may_only_read_and_every_job_ends() -> None:
    """The token of a run reads the repository; a job that hangs is ended."""
    assert parsed(WORKFLOW)["permissions"] == {"contents": "read"}
    assert [name for name, job in jobs().items() if "permissions" in job or "timeout-minutes" not in job] == []


def test_dependabot_looks_into_folders_that_exist() -> None:
    """Each folder that Dependabot looks into has what it looks for."""
    looked_for = {
        "pip": "requirements*.txt",
        "npm": "package-lock.json",
        "github-actions": "action.yml",
        "docker": "Dockerfile",
    }
    updates = parsed(GITHUB / "dependabot.yml")["updates"]
    assert {each["package-ecosystem"] for each in updates} == looked_for.keys()
    for each in updates:
        for folder in each.get("directories") or [each["directory"]]:
            found = [*(ROOT / folder.lstrip("/")).glob(looked_for[each["package-ecosystem"]])]
            # "/" stands for the folder of the workflows as well.
            assert found or (each["package-ecosystem"], folder) == ("github-actions", "/")


# --- the containers --------------------------------------------------------------------------------------------------


def test_the_image_copies_files_that_exist() -> None:
    """The sources of each COPY are in this repository."""
    copied = [source for line in instructions("COPY") for source in line.split()[1:-1]]
    assert copied
    assert [source for source in copied if not (ROOT / source).exists()] == []


def test_the_image_has_every_program_of_the_local_cloud() -> None:
    """In the container nobody may install a package: one that brings each program is in the image."""
    installed = set(" ".join(instructions("RUN")).split())
    needed = {name: packages for name, packages in PACKAGES.items() if name not in NOT_OF_THE_CLOUD}
    assert {name for name, packages in needed.items() if not installed & set(packages)} == set()


def test_the_image_runs_commands_of_the_local_cloud() -> None:
    """Its command and its health check are of `python -m dev`."""
    known = (ROOT / "dev" / "__main__.py").read_text()
    commands = re.findall(r'"-m", "dev", "(\w+)"', (ROOT / "Dockerfile").read_text())
    assert set(commands) == {"serve", "status"}
    assert all(f"\ndef {command}(" in known for command in commands)


def test_the_container_listens_where_compose_publishes_it() -> None:
    """On the ports that are preferred, and for this machine alone: API and issuer take anybody's word."""
    environ = dict(variable.split("=") for variable in instructions("ENV"))
    assert environ["FIRSTCOME_API_BIND"] == EVERY_ADDRESS
    assert settings_of(environ) == ({}, [])  # each is one of the local cloud's own
    ports = [API_PORT, *IDENTITY_PORTS.values()]
    assert " ".join(instructions("EXPOSE")).split() == [str(port) for port in ports]
    (cloud,) = parsed(ROOT / "compose.yaml")["services"].values()
    published = [re.sub(r"\$\{\w+:-(\d+)\}", r"\1", port) for port in cloud["ports"]]
    assert published == [f"127.0.0.1:{port}:{port}" for port in ports]


def test_what_the_image_keeps_is_what_compose_keeps() -> None:
    """The data folder of the local cloud is a volume that compose declares."""
    compose = parsed(ROOT / "compose.yaml")
    (volume,) = compose["services"]["cloud"]["volumes"]
    name, _, folder = volume.partition(":")
    assert name in compose["volumes"]
    assert folder == f"{instructions('WORKDIR')[0]}/.local"


@each_that_tells
def test_docker_compose_is_told_files_and_services_that_exist(path: Path) -> None:
    """Files after `--file`, and the service after `exec` and `run`."""
    text = path.read_text().replace("{_SERVERS_FILE}", "compose.servers.yaml")
    for line in re.findall(r"docker compose (.+)", text):
        words = shlex.split(line.partition("`")[0].partition("#")[0].replace("'", ""))
        file = words[words.index("--file") + 1] if "--file" in words else "compose.yaml"
        assert (ROOT / file).is_file()
        if {"exec", "run"} & set(words):
            assert set(words) & parsed(ROOT / file)["services"].keys()


def test_what_is_made_here_is_left_out_of_the_image() -> None:
    """What git ignores is not copied either: an environment of another system would not run."""
    ignored = {line.strip("/") for line in (ROOT / ".gitignore").read_text().split()}
    left_out = (ROOT / ".dockerignore").read_text().split("\n")
    patterns = [line.removeprefix("**/") for line in left_out if line and not line.startswith("#")]
    for name in ignored - {"*.pyc"}:
        assert any(Path(name).match(pattern) for pattern in patterns), name


def test_compose_builds_the_image_of_this_repository() -> None:
    """`docker compose up` finds its file and the Dockerfile by their names."""
    assert parsed(ROOT / "compose.yaml")["services"]["cloud"]["build"] == "."
    assert (ROOT / "Dockerfile").is_file()
