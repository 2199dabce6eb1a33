"""The local cloud with the real handlers, over the session's servers; the tests step its schedule themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dev.cloud import Cloud
from tests.e2e.campaign import Campaign

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from dev.servers import Servers

# What takes minutes in production is a step of the test's here.
SETTINGS = {
    "FIRSTCOME_SWEEP_OVERDUE_MS": "100",
    "FIRSTCOME_FAILED_BACKOFF_BASE_MS": "10",
    "FIRSTCOME_FAILED_ATTEMPTS": "3",
    "FIRSTCOME_SOLD_OUT_MEMORY_MS": "50",
    "FIRSTCOME_RELEASED_REST_MS": "100",
    "FIRSTCOME_RESTORE_WAIT_MS": "100",
    "FIRSTCOME_KNOWN_EVENTS_MS": "0",
    # A busy machine is no dead broker: `reserved` is an answer that a test asks for.
    "FIRSTCOME_KAFKA_MAX_BLOCK_MS": "10000",
    "FIRSTCOME_KAFKA_REQUEST_TIMEOUT_MS": "10000",
    "FIRSTCOME_KAFKA_DELIVERY_TIMEOUT_MS": "20000",
    "FIRSTCOME_MYSQL_CONNECT_TIMEOUT_MS": "10000",
    "FIRSTCOME_MYSQL_STATUS_TIMEOUT_MS": "10000",
}


@pytest.fixture(scope="package")
def cloud(
    servers: Servers, tmp_path_factory: pytest.TempPathFactory, child_environment: dict[str, str]
) -> Iterator[Cloud]:
    """The whole cloud; whoever asks over HTTP is a trusted back end."""
    folder = tmp_path_factory.mktemp("cloud")
    with Cloud(folder, servers=servers, environment=SETTINGS | child_environment, clock=False) as cloud:
        yield cloud


@pytest.fixture(scope="package")
def guarded(
    cloud: Cloud, tmp_path_factory: pytest.TempPathFactory, child_environment: dict[str, str]
) -> Iterator[Cloud]:
    """The same functions over the same servers, but only an authorizer vouches for who asks, as on AWS."""
    guarded = Cloud(
        tmp_path_factory.mktemp("guarded"),
        servers=cloud.servers,
        environment=SETTINGS | child_environment | {"FIRSTCOME_LOCAL_IDENTITY": ""},
        apply_environments=1,
        poller=False,
        clock=False,
        identity=True,
    )
    with guarded:
        yield guarded


@pytest.fixture
def campaign(cloud: Cloud, http: httpx.Client, event_id: str) -> Campaign:
    """An event that does not exist yet."""
    return Campaign(cloud, http, event_id)
