"""A local cloud on the servers that production has: three brokers, Redis with replicas, a ledger with a replica."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dev.cloud import ROOT, Cloud
from tests.conftest import QUICK_JAVA
from tests.faults.conftest import ENVIRONMENTS, SETTINGS, alone_in, clear, running, town_in
from tests.topology.servers import Topology

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.faults.town import Town

LOCAL = ROOT / ".local" / "topology"


@pytest.fixture(scope="session")
def topology() -> Iterator[Topology]:
    """All the servers, once for the session."""
    with alone_in(LOCAL), pytest.MonkeyPatch.context() as environment:
        environment.setenv("JAVA_TOOL_OPTIONS", QUICK_JAVA)
        with running(Topology(LOCAL)) as servers:
            yield servers


@pytest.fixture(scope="session")
def deployed_cloud(topology: Topology, child_environment: dict[str, str]) -> Iterator[Cloud]:
    """The functions and the poller, with Redis as template.infrastructure.yaml makes it."""
    with _cloud("deployed", topology, child_environment) as cloud:
        yield cloud


@pytest.fixture(scope="module")
def clustered_cloud(topology: Topology, deployed_cloud: Cloud, child_environment: dict[str, str]) -> Iterator[Cloud]:
    """The same, with Redis as a cluster; while it runs, its poller is the one."""
    deployed_cloud.poller.stop()
    with _cloud("clustered", topology.with_gate(topology.cluster), child_environment) as cloud:
        yield cloud
    deployed_cloud.poller.start()


def _cloud(name: str, servers: Topology, child_environment: dict[str, str]) -> Cloud:
    return Cloud(
        LOCAL / name,
        servers=servers,
        environment=SETTINGS | child_environment,
        apply_environments=ENVIRONMENTS,
        clock=False,
    )


@pytest.fixture
def town(deployed_cloud: Cloud, topology: Topology, request: pytest.FixtureRequest) -> Iterator[Town]:
    """An event that does not exist yet, and everything whole; see `Town`."""
    yield from _mended(deployed_cloud, topology, request)


@pytest.fixture
def clustered(clustered_cloud: Cloud, topology: Topology, request: pytest.FixtureRequest) -> Iterator[Town]:
    """The same, where Redis is a cluster."""
    yield from _mended(clustered_cloud, topology, request)


def _mended(cloud: Cloud, topology: Topology, request: pytest.FixtureRequest) -> Iterator[Town]:
    topology.mend()
    with town_in(cloud, request) as town:
        yield town
        topology.mend()
        clear(town)
