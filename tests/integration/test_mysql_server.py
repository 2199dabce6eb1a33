"""Servers with other settings: what a session sets for itself does not matter, the rest is refused once, by name."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pymysql
import pytest

from firstcome.ledger import server
from firstcome.ledger.connect import mysql_connection
from firstcome.ledger.coupons import Claim, Outcome
from firstcome.ledger.ledger import Ledger
from firstcome.ledger.migrate import check_server
from firstcome.rules import Ticket, Unavailable, Unsuitable
from tests.patience import PATIENCE_MS
from tests.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from firstcome.settings import Settings


AT_MS = 1_700_000_000_123
ANYWHERE: dict[str, str | int] = {
    "sql_mode": "ANSI_QUOTES",
    "autocommit": "OFF",
    "completion_type": "RELEASE",
    "sql_safe_updates": "ON",
    "sql_select_limit": 1,
    "sql_big_selects": "OFF",
    "max_join_size": 1,
    "unique_checks": "OFF",
    "time_zone": "+05:00",
    "character_set_server": "latin1",
    "collation_server": "latin1_general_ci",
    "innodb_lock_wait_timeout": 1,
    "default_storage_engine": "MyISAM",
}
MYSQL: dict[str, str | int] = {"transaction_isolation": "READ-UNCOMMITTED", "transaction_read_only": "ON"}
MARIADB: dict[str, str | int] = {
    "tx_isolation": "READ-UNCOMMITTED",
    "tx_read_only": "ON",
    "check_constraint_checks": "OFF",
}


@contextmanager
def globally(ledger: Ledger, **settings: str | int) -> Iterator[None]:
    """Give the server these settings, for connections that are made from now on."""
    with ledger.connect() as root, root.cursor() as cursor:
        before = {name: value_of(cursor, f"@@GLOBAL.{name}") for name in settings}
        try:
            for name, value in settings.items():
                cursor.execute(f"SET GLOBAL {name} = %s", (value,))
            yield
        finally:
            for name, value in before.items():
                cursor.execute(f"SET GLOBAL {name} = %s", (value,))


def value_of(cursor: pymysql.cursors.Cursor, what: str) -> Any:
    cursor.execute(f"SELECT {what}")
    [[value]] = cursor.fetchall()
    return value


@pytest.fixture
def anew(ledger: Ledger, ledger_settings: Settings) -> Iterator[Ledger]:
    """The same ledger, whose connection is made after the server has changed."""
    ledger.create_event("E", "An event", 3, AT_MS, AT_MS + 1)
    anew = Ledger(partial(mysql_connection, ledger_settings, PATIENCE_MS), ledger_settings)
    yield anew
    anew.close()


def is_mariadb(ledger: Ledger) -> bool:
    with ledger.connect() as root, root.cursor() as cursor:
        return "MariaDB" in str(value_of(cursor, "VERSION()"))


def test_defaults_that_a_session_can_set_change_nothing(ledger: Ledger, anew: Ledger) -> None:
    """Rows are written and read, keys hold, updates need no key, and a commit is one, under the oddest defaults."""
    claims = [Claim(Ticket("E", f"u{n}", n, AT_MS)) for n in (1, 2, 3)]
    with globally(ledger, **ANYWHERE, **(MARIADB if is_mariadb(ledger) else MYSQL)):
        check_server(anew)
        assert anew.write(claims).issued == 3
        assert len(list(anew.coupons("E"))) == 3
        [taken] = anew.write([Claim(Ticket("E", "u9", 1, AT_MS))]).verdicts
        assert taken.outcome is Outcome.TAKEN
        assert anew.redrive(None, None) == 1
        assert anew.claim_failed(10, 60_000).rows
        anew.write([Claim(Ticket("E", "u8", 99, AT_MS))])
        assert len(anew.list_failed(None, None, 10)) == 2
        with pytest.raises(pymysql.Error):
            anew.create_event("F", "no coupons", 0, AT_MS, AT_MS + 1)
        connection = anew.read(lambda connection: connection)
        assert anew.read(lambda connection: connection) is connection
    assert ledger.audit_counts("E").rows == 3


def test_a_session_is_its_own(ledger: Ledger, anew: Ledger) -> None:
    """What it does not say, it has from whoever set up the server: so it says all that the statements rest on."""
    with globally(ledger, **ANYWHERE):

        def look(connection: pymysql.Connection[pymysql.cursors.Cursor]) -> tuple[Any, ...]:
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT @@autocommit, @@completion_type, @@sql_safe_updates, @@sql_big_selects, @@unique_checks,"
                    " @@sql_select_limit > 1000000000, @@time_zone, @@sql_mode LIKE '%ANSI_QUOTES%'"
                )
                return cursor.fetchone() or ()

        assert anew.read(look) == (1, "NO_CHAIN", 0, 1, 1, 1, "+00:00", 0)


def test_a_binary_log_of_statements_is_refused_by_name(ledger: Ledger, anew: Ledger) -> None:
    """`migrate` says it. A server that has no binary log does not care."""
    with globally(ledger, binlog_format="STATEMENT"):
        with ledger.connect() as root, root.cursor() as cursor:
            has_log = bool(value_of(cursor, "@@log_bin"))
        if has_log:
            with pytest.raises(Unsuitable, match="binlog_format is STATEMENT: set it to ROW"):
                check_server(anew)
        else:
            check_server(anew)


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"log_bin": "ON", "binlog_format": "STATEMENT"}, "binlog_format is STATEMENT"),
        ({"innodb_flush_log_at_trx_commit": "2"}, "innodb_flush_log_at_trx_commit is 2: set it to 1"),
        ({"innodb_flush_log_at_trx_commit": "0"}, "innodb_flush_log_at_trx_commit is 0: set it to 1"),
        ({"innodb_force_recovery": "4"}, "innodb_force_recovery is 4"),
        ({"read_only": "ON"}, "read_only is ON: this server is a replica"),
        ({"read_only": "NO_LOCK_NO_ADMIN"}, "read_only is NO_LOCK_NO_ADMIN"),
        ({"super_read_only": "ON"}, "super_read_only is ON"),
        ({"innodb_read_only": "ON"}, "innodb_read_only is ON"),
        ({"version": "5.7.44-log"}, r"version 5\.7\.44-log is too old: expected MySQL 8\.4 or newer"),
        ({"version": "10.6.18-MariaDB-log"}, r"too old: expected MariaDB 10\.11 or newer"),
        ({"version": "5.5.5-10.6.18-MariaDB"}, "too old"),
    ],
)
def test_a_server_that_cannot_work_is_refused_by_name(variables: dict[str, str], said: str) -> None:
    """Whatever else it says: the setting, its value and what to do."""
    with pytest.raises(Unavailable, match=said):
        server.check(Shown(variables))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "variables",
    [
        {"version": "8.4.0"},
        {"version": "8.0.mysql_aurora.3.08.0"},
        {"version": "9.7.4-2"},
        {"version": "10.11.2-MariaDB"},
        {"version": "11.8.6-MariaDB-ubu2404"},
        {"log_bin": "OFF", "binlog_format": "STATEMENT"},
        {"log_bin": "ON", "binlog_format": "MIXED"},
    ],
)
def test_a_server_that_will_do_is_taken(variables: dict[str, str]) -> None:
    """Supported versions of MySQL, Aurora and MariaDB are; so is a binary log that does not repeat statements."""
    assert server.check(Shown(variables)) == []  # type: ignore[arg-type]


class Shown:
    """What a server with these variables would show, and nothing that it does not have."""

    def __init__(self, variables: dict[str, str]) -> None:
        self._variables = {"version": "9.7.4", "max_allowed_packet": str(64 << 20), **variables}

    def execute(self, *_: object) -> None:
        """Ask for them."""

    def fetchall(self) -> tuple[tuple[str, str], ...]:
        return tuple(self._variables.items())


def test_migrate_says_what_a_small_packet_does(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """It goes on, since parts are written; the answer and the log name the setting, and what a batch may have."""
    assert world.operate("migrate", partitions=1, replication=1)["warnings"] == []
    with globally(world.stores.ledger, max_allowed_packet=1 << 20):
        [warning] = world.operate("migrate", partitions=1, replication=1)["warnings"]
    assert warning.startswith("max_allowed_packet is 1048576 bytes, and a batch may have 6291456")
    assert warning in str([record.__dict__.get("setting") for record in caplog.records])


def test_migrate_refuses_a_server_before_it_changes_anything(world: World) -> None:
    """Durability is part of the promise: a committed row survives a crash, or nothing is begun."""
    with (
        globally(world.stores.ledger, innodb_flush_log_at_trx_commit=2),
        pytest.raises(Unsuitable, match="innodb_flush_log_at_trx_commit"),
    ):
        world.operate("migrate", partitions=1, replication=1)


def test_a_run_names_the_setting_that_keeps_rows_waiting(world: World) -> None:
    """An alarm rings, since no time mends it, and whoever reads it is told what to set."""
    world.consume(world.ticket("alice", 99))

    def connect() -> Any:
        connection = world.stores.ledger.connect()
        if is_mariadb(world.stores.ledger):
            # The tests' MariaDB has no binary log, and so no such error: as MySQL words it.
            connection.begin = refuse  # type: ignore[method-assign]
        return connection

    def refuse() -> None:
        raise pymysql.InternalError(1665, "Cannot execute statement: impossible to write to binary log")

    with globally(world.stores.ledger, binlog_format="STATEMENT"):
        ledger = Ledger(connect, world.stores.settings)
        run = World(replace(world.stores, ledger=ledger), world.event_id)
        with pytest.raises(RuntimeError, match="redrive: mysql: binlog_format: set it to ROW or MIXED"):
            run.retry()
        ledger.close()
    # What kept them waiting is mended: they are worked on.
    assert world.retry()["redriven"]["waiting"] == 1
