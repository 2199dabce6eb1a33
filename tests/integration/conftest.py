"""The ledger of the integration tests, on a real server."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from firstcome.connect import mysql_connection
from firstcome.ledger import Ledger
from firstcome.migrate import migrate
from firstcome.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

READ_TIMEOUT_MS = 20_000


@pytest.fixture(scope="session")
def ledger_settings(mysql_url: str) -> Settings:
    """Settings that name a database with the schema in it."""
    settings = Settings(mysql_url=mysql_url)
    migrate(partial(mysql_connection, settings, READ_TIMEOUT_MS))
    return settings


@pytest.fixture
def ledger(ledger_settings: Settings) -> Iterator[Ledger]:
    """An empty ledger; `ledger.connect()` opens one more connection to it."""
    ledger = Ledger(partial(mysql_connection, ledger_settings, READ_TIMEOUT_MS), ledger_settings)
    with ledger.connect() as connection, connection.cursor() as cursor:
        for table in ("coupon", "refusal", "failed_event", "coupon_event"):
            cursor.execute(f"DELETE FROM {table}")
    yield ledger
    ledger.close()
