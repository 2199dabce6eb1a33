"""The local cloud, and the program run against it: in this process, which takes no second to start."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dev.cloud import Cloud
from tests.cli.program import Program
from tests.e2e.campaign import Campaign
from tests.e2e.conftest import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx

    from dev.servers import Servers


@pytest.fixture(scope="package")
def cloud(
    servers: Servers, tmp_path_factory: pytest.TempPathFactory, child_environment: dict[str, str]
) -> Iterator[Cloud]:
    """The whole cloud, with few environments."""
    with Cloud(
        tmp_path_factory.mktemp("cloud"),
        servers=servers,
        environment=SETTINGS | child_environment,
        apply_environments=2,
        clock=False,
    ) as cloud:
        yield cloud


@pytest.fixture(scope="package")
def cloud_file(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that `make up` writes, of this cloud."""
    file = tmp_path_factory.mktemp("local") / "cloud.env"
    file.write_text(f"FIRSTCOME_API_URL={cloud.api_url}\nFIRSTCOME_LAMBDA_URL={cloud.lambda_url}\n")
    return file


@pytest.fixture
def program(cloud_file: Path) -> Program:
    """`firstcome`, on this cloud."""
    return Program({"FIRSTCOME_CLOUD": str(cloud_file)})


@pytest.fixture
def campaign(cloud: Cloud, http: httpx.Client, event_id: str) -> Campaign:
    """An event that does not exist yet."""
    return Campaign(cloud, http, event_id)
