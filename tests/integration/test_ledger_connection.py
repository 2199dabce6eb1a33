"""One connection, which may die at any moment: the next call works, and nobody is told more than is known."""

from __future__ import annotations

import socket
import uuid
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pymysql
import pytest
from pymysql.constants import CLIENT

from firstcome.ledger.connect import mysql_connection
from firstcome.ledger.coupons import Claim
from firstcome.ledger.ledger import Ledger
from firstcome.ledger.statements import statements
from firstcome.rules import BadInput, Ticket, Unavailable
from firstcome.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from firstcome.ledger.database import Connection

CLAIM = Claim(Ticket("E", "a", 1, 1_700_000_000_123))


pytestmark = pytest.mark.usefixtures("event_e")


@pytest.fixture
def kill(ledger: Ledger, wait_until: Callable[..., None]) -> Callable[[Connection], None]:
    """Let the server end a connection."""

    def kill(victim: Connection) -> None:
        number = victim.thread_id()  # type: ignore[no-untyped-call]
        with ledger.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"KILL {number}")

            def gone() -> bool:
                cursor.execute("SELECT COUNT(*) FROM information_schema.processlist WHERE id = %s", (number,))
                return bool(cursor.fetchall()[0][0] == 0)

            wait_until(gone, f"connection {number} has ended")

    return kill


def connection_of(ledger: Ledger) -> Connection:
    return ledger.read(lambda connection: connection)


def session(ledger: Ledger, what: str) -> Any:
    def read(connection: Connection) -> Any:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {what}")
            return cursor.fetchall()[0][0]

    return ledger.read(read)


def test_nothing_connects_before_the_first_call(ledger: Ledger) -> None:
    """A ledger whose server is away can be made, and says so when it is asked; closing it does nothing."""
    asked = []

    def connect() -> Connection:
        asked.append(1)
        raise pymysql.OperationalError(2003, "nobody there")

    away = Ledger(connect, ledger.settings)
    away.close()
    assert asked == []
    with pytest.raises(Unavailable, match="nobody there"):
        away.write([CLAIM])


def test_one_connection_serves_many_calls(ledger: Ledger) -> None:
    """It stays, also after a deadlock's victim, bad input or an error of the data has been rolled back."""
    first = connection_of(ledger)
    ledger.write([CLAIM])
    with pytest.raises(BadInput):
        ledger.next_restore_epoch("nowhere")
    with pytest.raises(pymysql.Error):
        ledger.create_event("F", "capacity 0", 0, 0, 1)
    assert connection_of(ledger) is first
    assert not session(ledger, "@@in_transaction" if "MariaDB" in session(ledger, "VERSION()") else "0")


def test_the_session_is_what_the_statements_need(ledger: Ledger) -> None:
    """UTC, strict, committed at once outside a transaction, and counting what was inserted, not what was found."""
    assert session(ledger, "@@autocommit") == 1
    assert session(ledger, "@@time_zone") == "+00:00"
    assert session(ledger, "@@innodb_lock_wait_timeout") == ledger.settings.mysql_lock_wait_s
    assert "STRICT_ALL_TABLES" in session(ledger, "@@sql_mode")
    isolation = "tx_isolation" if "MariaDB" in session(ledger, "VERSION()") else "transaction_isolation"
    ledger.claim_failed(1, 1)
    assert session(ledger, f"@@{isolation}") == "REPEATABLE-READ"
    assert not connection_of(ledger).client_flag & CLIENT.FOUND_ROWS


def test_a_connection_that_counts_found_rows_is_refused(ledger: Ledger) -> None:
    """With FOUND_ROWS a duplicate counts as a new row, and what was not issued would look issued."""

    def connect() -> Connection:
        connection = ledger.connect()
        connection.client_flag |= CLIENT.FOUND_ROWS
        return connection

    with pytest.raises(RuntimeError, match="FOUND_ROWS"):
        Ledger(connect, ledger.settings).write([CLAIM])


def test_a_connection_that_died_idle_costs_nobody_an_answer(ledger: Ledger, kill: Callable[[Connection], None]) -> None:
    """The first statement finds out, and the call goes on with a new connection."""
    first = connection_of(ledger)
    kill(first)
    assert ledger.write([CLAIM]).issued == 1
    kill(connection_of(ledger))
    assert ledger.has_row("E", 1)
    assert connection_of(ledger) is not first


def test_a_connection_that_was_idle_for_long_is_replaced_unasked(ledger: Ledger) -> None:
    """A peer that is silently gone would cost a read timeout to find out."""
    first = connection_of(ledger)
    assert connection_of(ledger) is first
    ledger.settings = replace(ledger.settings, mysql_idle_s=0)
    assert connection_of(ledger) is not first
    assert not first.open


def test_a_connection_that_dies_in_a_transaction_leaves_no_row(
    ledger: Ledger, kill: Callable[[Connection], None]
) -> None:
    """What was not committed is rolled back: a kept connection is replaced once, a fresh one is `Unavailable`."""
    runs = []

    def work(connection: Connection) -> int:
        inserted = statements.insert_coupons(connection, batch='[["E", 1, "a", "2030-01-01 00:00:00.000"]]')
        runs.append(inserted)
        if len(runs) in deadly:
            kill(connection)
        statements.has_row(connection, event_id="E", ticket=1)
        return int(inserted)

    deadly = {1}
    ledger.close()
    with pytest.raises(Unavailable):
        ledger.transact(work)
    assert ledger.audit_counts("E").rows == 0
    deadly = {2}
    assert ledger.transact(work) == 1
    assert runs == [1, 1, 1]
    assert ledger.audit_counts("E").rows == 1


def test_a_commit_whose_answer_is_lost_is_unavailable(ledger: Ledger, kill: Callable[[Connection], None]) -> None:
    """Whether it has committed is not known: the caller asks again, and everything may be repeated."""
    connection_of(ledger)
    with pytest.raises(Unavailable, match="not known"):
        ledger.transact(kill)
    assert ledger.write([CLAIM]).issued == 1


def test_a_silent_server_is_waited_for_once(ledger: Ledger) -> None:
    """A read timeout is not repeated on another connection: a person is waiting."""
    made = []

    def connect() -> Connection:
        connection = ledger.connect()
        made.append(connection)
        return connection

    def silence(connection: Connection) -> None:
        connection._read_timeout = 0.2  # type: ignore[attr-defined]
        with connection.cursor() as cursor:
            cursor.execute("SELECT SLEEP(60)")

    impatient = Ledger(connect, ledger.settings)
    impatient.has_row("E", 1)
    with pytest.raises(Unavailable, match="timed out"):
        impatient.read(silence)
    assert len(made) == 1
    assert not impatient.has_row("E", 1)
    impatient.close()


def test_a_port_that_is_closed_is_unavailable(ledger: Ledger) -> None:
    """A refused connection says so at once."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    away = Ledger(lambda: pymysql.connect(host="127.0.0.1", port=port), ledger.settings)
    with pytest.raises(Unavailable, match="2003"):
        away.gated_events(0)


@pytest.mark.parametrize(("losses", "wins"), [(3, True), (4, False)])
def test_a_deadlocks_victim_tries_again(ledger: Ledger, losses: int, *, wins: bool) -> None:
    """As often as the settings say; after that nobody knows yet."""
    again = Ledger(ledger.connect, Settings(mysql_deadlock_retries=3))
    runs = []

    def work(connection: Connection) -> None:
        runs.append(1)
        if len(runs) <= losses:
            raise pymysql.OperationalError(1213, "Deadlock found when trying to get lock")
        statements.lock_event(connection, event_id="E")

    if wins:
        again.transact(work)
    else:
        with pytest.raises(Unavailable, match="1213"):
            again.transact(work)
    assert len(runs) == 4
    again.close()


@pytest.fixture
def ordinary(ledger: Ledger, mysql_url: str) -> Iterator[Ledger]:
    """The same ledger for a user without privileges: read_only does not bind the others."""
    user = f"test_{uuid.uuid4().hex[:20]}"
    url = urlsplit(mysql_url)
    settings = replace(ledger.settings, mysql_url=url._replace(netloc=f"{user}@{url.hostname}:{url.port}").geturl())
    with ledger.connect() as root, root.cursor() as cursor:
        cursor.execute(f"CREATE USER {user}@'%'")
        cursor.execute(f"GRANT ALL ON `{url.path.strip('/')}`.* TO {user}@'%'")
        yield Ledger(partial(mysql_connection, settings, settings.mysql_read_timeout_ms), settings)
        cursor.execute(f"DROP USER {user}@'%'")


@contextmanager
def read_only(ledger: Ledger) -> Iterator[None]:
    """Let the server refuse every write meanwhile, as a primary that has become a replica: MySQL even to root."""
    with ledger.connect() as root, root.cursor() as cursor:
        cursor.execute("SELECT VERSION()")
        name = "read_only" if "MariaDB" in str(cursor.fetchall()) else "super_read_only"
        cursor.execute(f"SET GLOBAL {name} = 1")
        try:
            yield
        finally:
            cursor.execute("SET GLOBAL read_only = 0")  # and super_read_only with it


def test_a_server_that_turns_read_only_is_left_and_found_again(ledger: Ledger, ordinary: Ledger) -> None:
    """Nothing fails for good: the batch comes again, over a new connection, which may lead to the new primary."""
    before = connection_of(ordinary)
    with read_only(ledger):
        with pytest.raises(Unavailable, match=r"read.only"):
            ordinary.write([CLAIM])
        assert ordinary.standing("E", "a").row is None, "reading goes on"
    assert not before.open
    assert ordinary.write([CLAIM]).issued == 1
    assert not any(ledger.count_failed("E").values())


@pytest.mark.parametrize("text", ["\\", "'", "\\'", "''", '"', "\\\\' OR 1 = 1 -- ", "\x00\x1a\n%_", "ẞ€"])
def test_text_arrives_as_it_is(ledger: Ledger, text: str) -> None:
    """A backslash is a backslash: client and server agree on it, from the first statement on and after a failure."""

    def read(connection: Connection) -> Any:
        with connection.cursor() as cursor:
            cursor.execute("SELECT %s, %s", (text, text.encode()))
            return cursor.fetchone()

    assert ledger.read(read) == (text, text.encode())
    with pytest.raises(Unavailable):
        session(ledger, "no_such_column")
    assert ledger.read(read) == (text, text.encode())
