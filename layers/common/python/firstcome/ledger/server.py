"""Whether a MySQL or MariaDB will do: what no session can set for itself, looked at once, by `migrate`.

What a session can set, `SESSION_SQL` sets, whatever the server's defaults are.
"""

import re
from typing import Any

import pymysql

from firstcome.rules import Unavailable, Unsuitable
from firstcome.runtime.telemetry import logger

# The first with JSON_TABLE, SKIP LOCKED and, soon, CHECK constraints; MariaDB's RANDOM_BYTES is younger. MySQL's 8.0 is
# let in because Aurora calls itself so; what is supported is 8.4 and newer.
OLDEST_MYSQL = (8, 0)
OLDEST_MARIADB = (10, 11)
# The largest batch that a function can be invoked with: 6 MB of base64, which the failed rows' statement has again.
BATCH_BYTES = 6 * 1024 * 1024

# Variable, which values will not do, and what to do. A variable that the server does not have is no trouble.
_UNSUITABLE = (
    ("binlog_format", {"STATEMENT"}, "set it to ROW or MIXED: redriving and erasing read what is committed"),
    ("innodb_flush_log_at_trx_commit", {"0", "2"}, "set it to 1: a row that was committed must survive a crash"),
    ("innodb_force_recovery", {"1", "2", "3", "4", "5", "6"}, "set it to 0: the server repairs itself"),
)


def check(cursor: pymysql.cursors.Cursor) -> list[str]:
    """Return what to look after, in words; raise `Unsuitable` for a server that cannot work.

    Raises `Unavailable` where the server takes no writes, as a replica does.
    """
    variables = _variables(cursor)
    _check_version(variables["version"])
    for name, unsuitable, instead in _UNSUITABLE:
        value = variables.get(name, "")
        if value in unsuitable and not (name == "binlog_format" and variables.get("log_bin") == "OFF"):
            raise Unsuitable("mysql", f"{name} is {value}: {instead}")
    for name in ("read_only", "super_read_only", "innodb_read_only"):
        if variables.get(name, "OFF") not in ("OFF", "0"):
            raise Unavailable("mysql", f"{name} is {variables[name]}: this server is a replica, or kept from writing")
    limit = int(variables["max_allowed_packet"])
    if limit >= BATCH_BYTES:
        return []
    warning = (
        f"max_allowed_packet is {limit} bytes, and a batch may have {BATCH_BYTES}: larger ones are written in"
        " parts, and a record that does not fit is cut"
    )
    logger.warning("mysql", extra={"setting": warning})
    return [warning]


def _variables(cursor: pymysql.cursors.Cursor) -> dict[str, str]:
    """Return those of the server that are looked at; of new sessions, and not of this one."""
    names = [name for name, *_ in _UNSUITABLE]
    names += ["version", "log_bin", "max_allowed_packet", "read_only", "super_read_only", "innodb_read_only"]
    cursor.execute("SHOW GLOBAL VARIABLES WHERE Variable_name IN %s", (names,))
    found: tuple[tuple[Any, ...], ...] = cursor.fetchall()
    return {str(name): str(value) for name, value in found}


def _check_version(version: str) -> None:
    """Raise `Unsuitable` for a version below those that can work: "8.4.3", "10.11.19-MariaDB-0+deb12u1"."""
    mariadb = "MariaDB" in version
    oldest = OLDEST_MARIADB if mariadb else OLDEST_MYSQL
    # "5.5.5-" is how old MariaDBs begin, for the sake of old replicas.
    if tuple(map(int, re.findall(r"\d+", version.removeprefix("5.5.5-"))[:2])) < oldest:
        product, least = ("MariaDB", "10.11") if mariadb else ("MySQL", "8.4")
        raise Unsuitable("mysql", f"version {version} is too old: expected {product} {least} or newer")
