"""The local cloud with the real handlers, over the session's servers; the tests step its schedule themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dev.cloud import Cloud
    from dev.servers import Servers
    from tests.clouds import Clouds


@pytest.fixture(scope="package")
def cloud(servers: Servers, clouds: Clouds) -> Iterator[Cloud]:
    """The whole cloud; whoever asks over HTTP is a trusted back end."""
    with clouds.over(servers, clock=False) as cloud:
        yield cloud


@pytest.fixture(scope="package")
def guarded(cloud: Cloud, clouds: Clouds) -> Iterator[Cloud]:
    """The same functions over the same servers, but only an authorizer vouches for who asks, as on AWS."""
    authorized = {"FIRSTCOME_LOCAL_IDENTITY": ""}
    with clouds.over(
        cloud.servers, authorized, apply_environments=1, poller=False, clock=False, identity=True
    ) as guarded:
        yield guarded
