"""What unit tests share."""

from __future__ import annotations

import pytest

from tests.api import Api, without_servers


@pytest.fixture(scope="session")
def api() -> Api:
    """An execution environment of apply that ends where the servers begin."""
    return without_servers()
