"""Containers of sam local over servers of their own, which listen where a container finds this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dev.cloud import ROOT, Cloud
from dev.servers import Servers
from tests.clouds import SETTINGS
from tests.conftest import recreate
from tests.sam.containers.local import Invocations, NoContainersError, adapted, aim, bridge_address, start_api

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx

    from tests.clouds import Clouds

# A busy machine is no dead broker.
PATIENT = {name: value for name, value in SETTINGS.items() if name.startswith("FIRSTCOME_KAFKA_")}
VOUCHED_FOR = SETTINGS | {"FIRSTCOME_LOCAL_IDENTITY": "backend"}
LOCAL = ROOT / ".local" / "sam"
PATIENCE_S = 30


@pytest.fixture(scope="session", autouse=True)
def bridge() -> str:
    """The address at which a container finds this machine. Without Docker nothing here runs: never a skip."""
    try:
        return bridge_address()
    except NoContainersError as error:
        pytest.exit(str(error), returncode=pytest.ExitCode.USAGE_ERROR)


@pytest.fixture(scope="session")
def servers(bridge: str) -> Iterator[Servers]:
    """Redis, MariaDB and Kafka that these tests alone use, with nothing in them."""
    servers = Servers(LOCAL, {"FIRSTCOME_BIND": bridge})
    servers.reset()
    with servers:
        recreate(servers.mysql_url)
        yield servers


@pytest.fixture(scope="session")
def cloud(servers: Servers, clouds: Clouds) -> Iterator[Cloud]:
    """The local cloud beside the containers: it does what happened before, and it reads the stream."""
    with clouds.over(servers, apply_environments=1, clock=False) as cloud:
        yield cloud


@pytest.fixture(scope="session")
def project(x86_64: Path, servers: Servers) -> Path:
    """What was built, with a samconfig.toml that names these servers."""
    project = x86_64.parents[1]
    aim(project, servers.environ)
    return project


@pytest.fixture(scope="session")
def invocations(project: Path, cloud: Cloud) -> Iterator[Invocations]:
    """`sam local invoke`, with the template's own environment."""
    invocations = Invocations(adapted(project, "invoke.yaml", PATIENT), project)
    yield invocations
    invocations.close()


@pytest.fixture(scope="module")
def guarded(project: Path, cloud: Cloud) -> Iterator[httpx.Client]:
    """`sam local start-api` as it comes: nobody vouches for who asks."""
    with start_api(adapted(project, "guarded.yaml", PATIENT), project) as client:
        yield client


@pytest.fixture(scope="module")
def trusting(project: Path, cloud: Cloud) -> Iterator[httpx.Client]:
    """`sam local start-api` of a template that vouches for who asks, and has the tests' patience."""
    with start_api(adapted(project, "trusting.yaml", VOUCHED_FOR), project) as client:
        yield client
