"""What MySQL does to us: each fault lasts as long as its `with`, and is over, the server whole again, at its end."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pymysql
from kafka.partitioner.default import murmur2

from dev.poller import WORKERS
from dev.process import PATIENCE_S, wait_until
from tests.conftest import connected

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dev.servers import Servers
    from tests.faults.town import Town

# Long enough for the poller to fail several times and for its pauses to grow; as long as a failover of RDS, at best.
MYSQL_AWAY_S = 20.0
BALLAST = 900  # rows: more than a batch of these tests has
ORDINARY = "firstcome"  # read_only does not bind root


def ordinary_url(servers: Servers) -> str:
    """Make a user of the ledger who may do nothing beyond its database, and answer the URL with their name."""
    url = urlsplit(servers.mysql_url)
    with as_root(servers) as root:
        root.execute(f"CREATE USER IF NOT EXISTS '{ORDINARY}'@'%'")
        root.execute(f"GRANT ALL ON `{url.path.lstrip('/')}`.* TO '{ORDINARY}'@'%'")
    return url._replace(netloc=f"{ORDINARY}@{url.hostname}:{url.port}").geturl()


@contextmanager
def as_root(servers: Servers) -> Iterator[Any]:
    """Lend a cursor of a session of its own, whose transaction ends with it."""
    database = urlsplit(servers.mysql_url).path.lstrip("/")
    with connected(servers.mysql_url, database=database, autocommit=True) as cursor:
        yield cursor


def lasting(seconds: float, what: str) -> None:
    """Return when the outage has lasted so long."""
    over = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() > over, what, timeout_s=seconds + PATIENCE_S)


# --- MySQL -----------------------------------------------------------------------------------------------------------


@contextmanager
def mysql_is_away(town: Town) -> Iterator[None]:
    """Stopped in order: connections are closed, new ones refused."""
    mariadb = town.servers.mariadb
    mariadb.stop()
    began = time.monotonic()
    try:
        yield
        lasting(max(0, MYSQL_AWAY_S - (time.monotonic() - began)), "the outage")
    finally:
        mariadb.start()


@contextmanager
def mysql_is_killed_in_mid_statement(town: Town) -> Iterator[None]:
    """SIGKILL while consume's insert runs; InnoDB recovers from its log."""
    mariadb = town.servers.mariadb
    with in_mid_statement(town):
        mariadb.stop(kill=True)
    try:
        yield
    finally:
        mariadb.start()


@contextmanager
def mysql_accepts_and_never_answers(town: Town) -> Iterator[None]:
    """Stopped by SIGSTOP: the kernel takes connections and requests, and nobody answers."""
    mariadb = town.servers.mariadb
    mariadb.pause()
    try:
        yield
    finally:
        mariadb.resume()


@contextmanager
def mysql_is_read_only(town: Town) -> Iterator[None]:
    """As a primary after its failover: every connection lives, and every write is refused."""
    with as_root(town.servers) as root:
        root.execute("SET GLOBAL read_only = 1")
        try:
            yield
        finally:
            root.execute("SET GLOBAL read_only = 0")


@contextmanager
def mysql_has_no_disk_left(town: Town) -> Iterator[None]:
    """Error 1021 at every row: the server's trouble, and not the row's."""
    with signalling(town, "coupon", 1021):
        yield


@contextmanager
def mysql_tables_are_full(town: Town) -> Iterator[None]:
    """Error 1114 at every row, the failed rows' too: what cannot be stored anywhere stays in the stream."""
    with signalling(town, "failed_event", 1114), signalling(town, "coupon", 1114):
        yield  # the coupon table has room again first


@contextmanager
def mysql_rows_are_locked(town: Town) -> Iterator[None]:
    """Another session holds what consume needs, for longer than it waits and repeats."""
    with holding(town):
        yield


@contextmanager
def mysql_connections_are_cut_in_mid_statement(town: Town) -> Iterator[None]:
    """KILL of the session whose insert runs, again and again; the statement is rolled back."""
    with in_mid_statement(town) as cursor:
        for _ in range(3):
            for thread in waiting(cursor):
                kill(cursor, thread)
            wait_until(lambda: waiting(cursor), "consume comes again")
        yield


@contextmanager
def mysql_rolls_the_insert_back_as_a_deadlock(town: Town) -> Iterator[None]:
    """Another session has a batch's last ticket and asks for its first; being heavier, it makes ours the victim."""
    batch = [one.number for one in town.records() if _worker(town, one.user_id) == 0]
    first, last = min(batch), max(batch)
    with as_root(town.servers) as other:
        other.execute("CREATE TABLE IF NOT EXISTS ballast (id INT PRIMARY KEY)")
        other.execute("BEGIN")
        other.executemany("INSERT INTO ballast VALUES (%s)", [(number,) for number in range(BALLAST)])
        columns = "event_id, ticket, user_id, applied_at, issued_at"
        insert = f"INSERT INTO coupon ({columns}) VALUES (%s, %s, %s, NOW(), NOW())"
        other.execute(insert, (town.event_id, last, "somebody-else"))
        with as_root(town.servers) as watcher:
            town.cloud.poller.start()
            wait_until(lambda: waiting(watcher), "consume waits for the last ticket")
        before = deadlocks(other)
        other.execute(insert, (town.event_id, first, "somebody-else-too"))
        assert deadlocks(other) > before, "there was a deadlock, and the insert above was not its victim"
        other.execute("ROLLBACK")
        other.execute("DROP TABLE ballast")
        yield


def _worker(town: Town, user_id: str) -> int:
    """Return which of the poller's workers carries this person's records: those of one come in one batch."""
    return int(murmur2(user_id.encode()) & 0x7FFFFFFF) % town.settings.kafka_partitions % WORKERS


def deadlocks(cursor: Any) -> int:
    """Return how many there have been since the server started."""
    cursor.execute("SHOW GLOBAL STATUS LIKE 'Innodb_deadlocks'")
    return int(cursor.fetchall()[0][1])


@contextmanager
def holding(town: Town) -> Iterator[Any]:
    """Hold a lock on the event's row, which every insert reads; lend the holder's cursor."""
    with as_root(town.servers) as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SELECT * FROM coupon_event WHERE event_id = %s FOR UPDATE", (town.event_id,))
        yield cursor


@contextmanager
def in_mid_statement(town: Town) -> Iterator[Any]:
    """Let consume's insert run for as long as this lasts; lend a cursor of another session."""
    with holding(town), as_root(town.servers) as cursor:
        town.cloud.poller.start()
        wait_until(lambda: waiting(cursor), "consume is in the middle of its insert")
        yield cursor


def waiting(cursor: Any) -> list[int]:
    """Return the ordinary user's sessions that write coupon rows, once one of them waits for a lock.

    Not from innodb_trx: what it says is made anew only when nobody has looked for 0.1 s.
    """
    cursor.execute("SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'")
    if int(cursor.fetchall()[0][1]) == 0:
        return []
    cursor.execute(
        "SELECT id FROM information_schema.processlist WHERE user = %s AND info LIKE '%%INSERT INTO coupon%%'",
        (ORDINARY,),
    )
    return [row[0] for row in cursor.fetchall()]


def kill(cursor: Any, thread: int) -> None:
    """End a session from the server's side; one that has ended by itself does no harm."""
    try:
        cursor.execute(f"KILL {thread}")
    except pymysql.OperationalError as error:
        if error.args[0] != 1094:  # unknown thread id
            raise


@contextmanager
def signalling(town: Town, table: str, code: int, user_id: str = "") -> Iterator[None]:
    """Let the server answer `code` to every row of the event in `table`, or to those people's (a pattern of LIKE)."""
    name = f"signalling_{table}_{code}"
    whose = f"NEW.event_id = '{town.event_id}'" + (f" AND NEW.user_id LIKE '{user_id}'" if user_id else "")
    with as_root(town.servers) as root:
        root.execute(
            f"CREATE TRIGGER {name} BEFORE INSERT ON {table} FOR EACH ROW IF {whose} "
            f"THEN SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = {code}, MESSAGE_TEXT = 'no space left'; END IF"
        )
        try:
            yield
        finally:
            root.execute(f"DROP TRIGGER {name}")
