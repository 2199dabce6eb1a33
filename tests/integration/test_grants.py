"""A user of the database with the rights that docs/decisions grants it serves everybody, and nothing more."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from firstcome.ledger.connect import mysql_connection
from firstcome.ledger.failed_events import Failure
from firstcome.ledger.ledger import Ledger
from firstcome.ledger.redemptions import Redeeming
from firstcome.rules import Reason, Unavailable
from tests.world import log_in_over_tls

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.world import World

DOCUMENTS = Path(__file__).parents[2] / "docs"
USER = "serving"
PASSWORD = "of one test"
READ_TIMEOUT_MS = 20_000


@pytest.fixture
def serving(world: World) -> Iterator[World]:
    """The same world, whose ledger is written by a user with the documented rights."""
    granted = [
        found
        for path in DOCUMENTS.rglob("*.md")
        for found in re.findall(r"^GRANT ([A-Z, ]+) ON firstcome.([a-z*]+)", path.read_text(), re.MULTILINE)
    ]
    address = urlsplit(world.stores.settings.mysql_url)
    database = address.path.removeprefix("/")

    def run(*statements: str) -> None:
        with world.stores.ledger.connect() as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    run(
        f"CREATE USER {USER} IDENTIFIED BY '{PASSWORD}'",
        *(f"GRANT {rights} ON `{database}`.{table} TO {USER}" for rights, table in granted),
    )
    log_in_over_tls(world.stores.settings.mysql_url, USER, PASSWORD)
    url = f"mysql://{USER}:{PASSWORD.replace(' ', '%20')}@{address.hostname}:{address.port}/{database}"
    settings = replace(world.stores.settings, mysql_url=url, sweep_overdue_ms=0, retention_days=0, released_rest_ms=0)
    ledger = Ledger(partial(mysql_connection, settings, READ_TIMEOUT_MS), settings)
    gate = type(world.stores.gate)(world.stores.gate.redis, settings)
    yield type(world)(replace(world.stores, ledger=ledger, gate=gate, settings=settings), world.event_id)
    ledger.close()
    run(f"DROP USER {USER}")


def test_the_granted_rights_are_enough_to_serve(serving: World) -> None:
    """Apply, consume, failed rows, refusals, codes, redemptions, revocations, the sweep, the audit and erasures."""
    assert serving.consume(serving.apply("alice")).gate_updated
    bob = serving.apply("bob")
    serving.stores.ledger.write([], [Failure(Reason.LEDGER_REJECTED, "full", b"raw", *bob)])
    [row] = serving.operate("list_failed")["rows"]
    assert serving.operate("redrive", id=row["id"])["due"] == 1
    assert serving.retry()["redriven"]["resolved"] == 1
    serving.apply("carol")
    assert serving.operate("refuse", user_id="carol")["gate"] == "RELEASED"
    serving.operate("raise_capacity", capacity=4)
    serving.apply("dave")
    assert serving.retry()["swept"] == 1
    serving.assert_promise(rows=3)
    serving.operate("upload_codes", codes=["A", "B", "C", "D"])
    for key in ("k1", "k2"):
        assert serving.stores.ledger.redeem_code(serving.event_id, "A", key, "shop").outcome is Redeeming.DONE
        assert serving.stores.ledger.take_back(serving.event_id, key, "shop").outcome is Redeeming.DONE
    assert serving.operate("revoke", user_id="dave")["gate"] == "RELEASED"
    serving.assert_promise(rows=2)
    serving.operate("end")
    serving.lose_gate()
    assert serving.operate("erase", user_id="alice")["erased"] == {serving.event_id: 1}
    assert serving.operate("purge")["erased"] == {serving.event_id: 4}


@pytest.mark.parametrize(
    "statement", ["DELETE FROM refusal", "DELETE FROM coupon_code", "DROP TABLE coupon", "ALTER TABLE coupon ADD x INT"]
)
def test_they_allow_nothing_more(serving: World, statement: str) -> None:
    """No row but a coupon is deleted, and no table altered."""

    def run(connection: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement)

    with pytest.raises(Unavailable, match="denied"):
        serving.stores.ledger.read(run)
