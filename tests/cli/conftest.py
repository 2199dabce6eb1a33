"""The local cloud, and the program run against it: in this process, which takes no second to start."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.program import Program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dev.cloud import Cloud
    from dev.servers import Servers
    from tests.clouds import Clouds


@pytest.fixture(scope="package")
def cloud(servers: Servers, clouds: Clouds) -> Iterator[Cloud]:
    """The whole cloud, with few environments."""
    with clouds.over(servers, counted=False, apply_environments=2, clock=False) as cloud:
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
