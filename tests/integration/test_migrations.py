"""Migrations: each file once, whoever dies and whoever else runs them; and schema.sql is what they come to."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from firstcome.ledger import migrate as migrate_module
from firstcome.ledger.migrate import FOLDER, BadMigrationError, migrate, read_migrations
from firstcome.rules import Unavailable
from tests.integration.test_ledger_schema import execute

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from firstcome.ledger.database import Connection
    from firstcome.ledger.ledger import Ledger


@contextmanager
def database(ledger: Ledger, suffix: str) -> Iterator[Callable[[], Connection]]:
    """Lend what connects to a database with nothing in it, beside the ledger's."""
    ((name,),) = execute(ledger, "SELECT CONCAT(DATABASE(), %s)", suffix)

    def connect() -> Connection:
        connection = ledger.connect()
        connection.select_db(name)
        return connection

    execute(ledger, f"DROP DATABASE IF EXISTS `{name}`")
    execute(ledger, f"CREATE DATABASE `{name}`")
    try:
        yield connect
    finally:
        execute(ledger, f"DROP DATABASE `{name}`")


@pytest.fixture
def empty(ledger: Ledger) -> Iterator[Callable[[], Connection]]:
    """Connect to a database with nothing in it."""
    with database(ledger, "_migrate") as connect:
        yield connect


ALL = [one.name for one in read_migrations()]


def test_migrations_are_applied_in_order_and_once(empty: Callable[[], Connection]) -> None:
    """The first run answers all names, the next one none."""
    assert len(ALL) >= 4
    assert migrate(empty) == ALL
    assert migrate(empty) == []


def test_migrations_started_together_are_applied_once(empty: Callable[[], Connection]) -> None:
    """One waits for the other, and then has nothing to do."""
    with ThreadPoolExecutor(4) as pool:
        applied = [future.result() for future in [pool.submit(migrate, empty) for _ in range(4)]]
    assert sorted(applied) == [[], [], [], ALL]


def test_a_migration_that_died_before_its_record_is_run_again(empty: Callable[[], Connection]) -> None:
    """DDL commits by itself: each file may run twice."""
    migrate(empty)
    with empty() as connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM schema_migration")
    assert migrate(empty) == ALL


def test_the_lock_goes_with_the_connection_that_held_it(
    empty: Callable[[], Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A migration that is killed leaves nothing that somebody would have to clear by hand."""
    monkeypatch.setattr(migrate_module, "LOCK_WAIT_S", 0)
    with empty() as other:
        with other.cursor() as cursor:
            cursor.execute(migrate_module.LOCK, (0,))
        with pytest.raises(Unavailable, match="another migration"):
            migrate(empty)
    monkeypatch.setattr(migrate_module, "LOCK_WAIT_S", 10)
    assert migrate(empty) == ALL


def test_an_applied_file_must_not_change(empty: Callable[[], Connection], tmp_path: Path) -> None:
    """Otherwise two databases with the same record would differ."""
    migrate(empty)
    for path in FOLDER.glob("*.sql"):
        (tmp_path / path.name).write_text(path.read_text(encoding="utf-8") + "-- changed", encoding="utf-8")
    with pytest.raises(BadMigrationError, match="applied and then changed"):
        migrate(empty, tmp_path)


SCHEMA = FOLDER.with_name("schema.sql")


def built(ledger: Ledger, schema: str) -> dict[str, str]:
    """Return what the server says of each table of a database that this text has made."""
    text = re.sub(r"^ *--.*\n", "", schema, flags=re.MULTILINE)
    with database(ledger, "_schema") as connect:
        with connect() as connection, connection.cursor() as cursor:
            for statement in filter(str.strip, re.split(r";$", text, flags=re.MULTILINE)):
                cursor.execute(statement)
        return described(connect)


def described(connect: Callable[[], Connection]) -> dict[str, str]:
    """Return the `SHOW CREATE TABLE` of each table: columns in order, types, defaults, keys, checks and comments."""
    with connect() as connection, connection.cursor() as cursor:
        cursor.execute("SHOW FULL TABLES")
        kinds = dict(cursor.fetchall())
        assert set(kinds.values()) == {"BASE TABLE"}
        found = {}
        for table in kinds:
            cursor.execute(f"SHOW CREATE TABLE `{table}`")
            found[table] = cursor.fetchall()[0][1]
        return found


def test_schema_sql_is_what_the_migrations_come_to(ledger: Ledger, empty: Callable[[], Connection]) -> None:
    """Who reads the one file knows what the server has: write a new migration there, too."""
    migrate(empty)
    assert built(ledger, SCHEMA.read_text(encoding="utf-8")) == described(empty)


@pytest.mark.parametrize(
    ("there", "instead"),
    [
        ("  name VARCHAR(255) CHARACTER", "  name VARCHAR(254) CHARACTER"),
        ("updated_at DATETIME(3) NOT NULL,", "updated_at DATETIME(3) NULL,"),
        ("restore_epoch INT NOT NULL DEFAULT 1", "restore_epoch INT NOT NULL DEFAULT 2"),
        ("  UNIQUE KEY coupon_one_each (event_id, user_id),\n", ""),
        ("UNIQUE KEY coupon_one_each", "KEY coupon_one_each"),
        ("CHECK (capacity >= 1)", "CHECK (capacity >= 0)"),
        ("COMMENT 'the clock of Redis'", "COMMENT 'a clock'"),
        ("WHEN status IN ('waiting', 'dead')", "WHEN status IN ('waiting')"),
        ("user_id VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin", "user_id VARCHAR(255) COLLATE utf8mb4_bin"),
    ],
    ids=["type", "null", "default", "key", "unique", "check", "comment", "generated", "collation"],
)
def test_the_comparison_of_schemas_sees_each_difference(ledger: Ledger, there: str, instead: str) -> None:
    """A type, a default, a key, a check, a comment: whatever a server keeps of a table."""
    schema = SCHEMA.read_text(encoding="utf-8")
    assert there in schema
    assert built(ledger, schema.replace(there, instead, 1)) != built(ledger, schema)


def test_a_deployment_runs_migrations_and_never_schema_sql() -> None:
    """No module knows the file, and it does not stand among the migrations."""
    layer = FOLDER.parents[1]
    assert SCHEMA.exists()
    assert [path.name for path in layer.rglob("*.py") if SCHEMA.name in path.read_text(encoding="utf-8")] == []
    assert list(FOLDER.rglob(SCHEMA.name)) == []
