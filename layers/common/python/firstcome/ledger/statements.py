"""The named statements of `FILES`, and the form in which times travel to them.

The files are in aiosql's format, as far as they use it; a test holds what is made of them to what aiosql makes of them.
"""

import re
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pymysql

from firstcome.ledger.errors import PACKET_TOO_LARGE
from firstcome.rules import from_ms, to_ms

# A server that is sent more than it takes hangs up while it is still being sent, as if it had died: it is asked first.
# Smaller ones fit into the buffers on the way, so that its answer arrives.
LARGE_BYTES = 262_144

# The tickets of a batch were given within seconds of each other, and writing a second out costs more than the rest.
SECONDS_KEPT = 256

# One file a room of tables.
FILES = (
    *("ledger.sql", "failed_events.sql", "codes.sql", "erasure.sql"),
    *("operations.sql", "long_operations.sql", "views.sql"),
)

_COMMENT = re.compile(r"^--(?! name: ).*\n", re.MULTILINE)
_PARAMETER = re.compile(r"('[^']*')|:(\w+)")
_NAME = re.compile(r"^-- name: (\w+)\(.*\)(.*)\n", re.MULTILINE)


class Statement:
    """One statement. Called with a connection and its parameters by name, it answers what its sign says.

    `!` how many rows it has changed, `^` one row or None, `$` one value or None, and without a sign all rows. Times are
    milliseconds since the epoch.
    """

    __slots__ = ("sign", "sql")

    def __init__(self, sign: str, sql: str) -> None:
        self.sign = sign
        self.sql = sql

    def __call__(self, connection: Any, **parameters: Any) -> Any:
        """Run it."""
        with connection.cursor() as cursor:
            statement = cursor.mogrify(self.sql, parameters)
            if len(statement) > LARGE_BYTES:
                _check_size(cursor, len(statement.encode()))
            changed = cursor.execute(statement)
            if self.sign == "!":
                return changed
            if not self.sign:
                return [_in_ms(row) for row in cursor.fetchall()]
            row = cursor.fetchone()
        if row is None:
            return None
        return row[0] if self.sign == "$" else _in_ms(row)


def _check_size(cursor: Any, size: int) -> None:
    """Raise the server's own error where it would not take a statement of this size, in bytes."""
    cursor.execute("SELECT @@max_allowed_packet")
    (limit,) = cursor.fetchone()
    if size >= limit:  # the packet has one more byte than the statement
        raise pymysql.OperationalError(PACKET_TOO_LARGE, f"a statement of {size} bytes; max_allowed_packet is {limit}")


def _read(*files: Path) -> SimpleNamespace:
    text = _COMMENT.sub("", "\n".join(file.read_text(encoding="utf-8") for file in files))
    text = _PARAMETER.sub(lambda found: found[1] or f"%({found[2]})s", text)
    _, *parts = _NAME.split(text)
    named = zip(parts[::3], parts[1::3], parts[2::3], strict=True)
    return SimpleNamespace(**{name: Statement(sign, sql.strip()) for name, sign, sql in named})


def _in_ms(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(to_ms(value) if isinstance(value, datetime) else value for value in row)


# Any: the methods are those of the files. A test calls each of them on both servers.
statements: Any = _read(*map(Path(__file__).with_name, FILES))


def sql_time(ms: int) -> str:
    """Return the UTC time as a DATETIME(3) is written."""
    return f"{_sql_second(ms // 1000)}.{ms % 1000:03}"


@lru_cache(maxsize=SECONDS_KEPT)
def _sql_second(second: int) -> str:
    return from_ms(second * 1000).isoformat(" ", "seconds")[:19]
