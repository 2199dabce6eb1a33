"""Migrate: bring the ledger's schema up to date.

The files of `migrations/` are applied in the order of their numbers, each once, and recorded with their checksum. One
file is ONE statement, and one that may run twice (`IF NOT EXISTS`, or `ADD COLUMN`, which MySQL gives no such words):
DDL commits by itself, so a process that dies between the statement and its record makes the next one run it again.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pymysql

from firstcome.ledger import server
from firstcome.ledger.database import Connection, Database
from firstcome.ledger.errors import code_of, is_indefinite
from firstcome.rules import Unavailable

FOLDER = Path(__file__).with_name("migrations")
DUPLICATE_COLUMN = 1060  # ER_DUP_FIELDNAME: the column is there already
LOCK_WAIT_S = 10  # another one is migrating: as a rule it is done by then
NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")

# The lock is a name on the server, not a row: it goes with the connection, however that ends.
LOCK = "SELECT GET_LOCK(LEFT(CONCAT('firstcome.migrate.', DATABASE()), 64), %s)"
RECORDS = """
CREATE TABLE IF NOT EXISTS schema_migration (
  number INT NOT NULL,
  name VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  checksum CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  applied_at DATETIME(3) NOT NULL,
  PRIMARY KEY (number)
) ENGINE = InnoDB
"""


class BadMigrationError(Exception):
    """The files and the database contradict each other. Nothing was applied."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file."""

    number: int
    name: str
    statement: str

    @property
    def checksum(self) -> str:
        """The SHA-256 of the statement."""
        return hashlib.sha256(self.statement.encode()).hexdigest()


def read_migrations(folder: Path = FOLDER) -> list[Migration]:
    """Return the files in order; raise `BadMigrationError` where a name is odd, or a number missing or used twice."""
    found = []
    for path in sorted(folder.glob("*.sql")):
        named = NAME.fullmatch(path.name)
        if named is None:
            raise BadMigrationError(f"{path.name}: expected NNNN_name.sql")
        found.append(Migration(int(named[1]), path.name, path.read_text(encoding="utf-8")))
    if [one.number for one in found] != list(range(1, len(found) + 1)):
        raise BadMigrationError(f"the numbers must be 1, 2, 3, …: {[one.name for one in found]}")
    return found


def check_server(ledger: Database) -> list[str]:
    """Return what an operator should know of the server's settings; raise `Unsuitable` where they cannot work."""
    return ledger.read(lambda connection: server.check(connection.cursor()))


def migrate(connect: Callable[[], Connection], folder: Path = FOLDER) -> list[str]:
    """Apply what is missing, and answer its names.

    Raises `Unavailable` where the server is away or another migration runs, `BadMigrationError` where an applied file
    has changed since. What was applied before a failure stays applied.
    """
    try:
        with connect() as connection, connection.cursor() as cursor:
            cursor.execute(LOCK, (LOCK_WAIT_S,))
            locked = cursor.fetchone()
            if locked is None or locked[0] != 1:
                raise Unavailable("mysql", "another migration is running")
            cursor.execute(RECORDS)
            cursor.execute("SELECT number, checksum FROM schema_migration")
            applied = dict(cursor.fetchall())
            return [_apply(cursor, one) for one in _missing(read_migrations(folder), applied)]
    except pymysql.Error as error:
        if is_indefinite(error):
            raise Unavailable("mysql", str(error)) from error
        raise


def _missing(migrations: list[Migration], applied: dict[int, str]) -> list[Migration]:
    changed = [one.name for one in migrations if applied.get(one.number, one.checksum) != one.checksum]
    if changed:
        raise BadMigrationError(f"applied and then changed: {changed}; write a new file instead")
    return [one for one in migrations if one.number not in applied]


def _apply(cursor: pymysql.cursors.Cursor, migration: Migration) -> str:
    try:
        cursor.execute(migration.statement)
    except pymysql.Error as error:
        if code_of(error) != DUPLICATE_COLUMN:
            raise
    cursor.execute(
        "INSERT INTO schema_migration (number, name, checksum, applied_at) VALUES (%s, %s, %s, UTC_TIMESTAMP(3))",
        (migration.number, migration.name, migration.checksum),
    )
    return migration.name
