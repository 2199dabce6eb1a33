"""Tell the errors of MySQL and MariaDB apart: the server's trouble, a statement too large, or the row's own fault."""

import pymysql

from firstcome.rules import Unavailable

# The transaction lost against another one and would win now: repeat it at once.
DEADLOCKS = frozenset({
    1020,  # MariaDB with innodb_snapshot_isolation: the row has changed since it was read
    1205,  # lock wait timeout
    1213,  # deadlock
})  # fmt: skip

# A smaller statement, or a smaller transaction, would be taken.
PACKET_TOO_LARGE = 1153  # the server hangs up after it, and often before it has said so
TOO_LARGE = frozenset({
    PACKET_TOO_LARGE, 1301, 2020,  # max_allowed_packet, by the server, by a function of it, by the client
    1197, 1705,  # max_binlog_cache_size, max_binlog_stmt_cache_size
})  # fmt: skip

# The connection is of no more use: it is gone, or its server may no longer write and another one has taken over.
_LOST = frozenset({
    1053,  # server shutdown in progress
    1152, 1158, 1159, 1160, 1161, 1184,  # aborted connection, network packets that did not arrive
    PACKET_TOO_LARGE,
    1290, 1792, 1836,  # read-only, as a primary is after its failover
    1927,  # MariaDB: connection was killed
    3032,  # offline mode
    4031,  # MySQL: closed for inactivity
})  # fmt: skip

# Any statement would fail for now.
_SERVER = frozenset({
    1015, 1016, 1021, 1026, 1030, 1037, 1038, 1041, 1135,  # its disk, memory, files and threads
    1036, 1874, 1881,  # storage that may only be read, as after a recovery that was forced
    1040, 1129, 1203, 1226,  # too many connections, or too many errors of them
    1180, 1181,  # a commit or rollback that failed inside
    1206,  # the lock table is full
    1317, 1969, 3024,  # the statement was interrupted, or ran into the server's own time limit
    1412,  # the table's definition has changed: a migration ran meanwhile
    3100, 3101,  # group replication gave the transaction up
})  # fmt: skip

# A statement that the server may not write to its binary log in the format that is set.
_BINARY_LOG = range(1661, 1667)

# Wrong with the deployment and not with the row: access, schema, grammar. It waits until somebody has mended it.
_DEPLOYMENT = frozenset({
    1044, 1045, 1130, 1142, 1143, 1227, 1370, 1449, 1698, 3118, 4151,  # access and privileges, expired accounts
    1046, 1049, 1051, 1054, 1146, 1305, 1356,  # no such database, table, column or function
    1064, 1149, 1193, 1231, 1235,  # grammar, variables and values that this server does not know
    *_BINARY_LOG,
    3159,  # TLS is required
})  # fmt: skip

# 1114, "the table is full", is in none of these: it may be one row's (a trigger says so) or everybody's (the disk).
# The failed row settles it: where that cannot be stored either, nothing is committed.


class TooLarge(Unavailable):
    """The server refuses a statement for its size: what it asks for may be asked in parts. Nothing was committed."""


def code_of(error: pymysql.Error) -> int:
    """Return the error's number; 0 where pymysql gives none, as when the protocol is out of step."""
    code = error.args[0] if error.args else 0
    return code if isinstance(code, int) else 0


def is_lost(error: pymysql.Error) -> bool:
    """Say whether the connection is of no more use. 2000 to 2999 are the client's own: it could not talk at all."""
    code = code_of(error)
    return code == 0 or 2000 <= code < 3000 or code in _LOST


def is_deadlock(error: pymysql.Error) -> bool:
    """Say whether the transaction only lost against another one."""
    return code_of(error) in DEADLOCKS


def unsuitable(error: pymysql.Error) -> str:
    """Return which setting of the server is in the way, and what to do; "" where it is none."""
    if code_of(error) in _BINARY_LOG:
        return f"binlog_format: set it to ROW or MIXED ({error.args[1]})"
    return ""


def is_indefinite(error: pymysql.Error) -> bool:
    """Say whether the trouble is the server's or the deployment's. Otherwise it is the row's own fault."""
    return is_lost(error) or is_deadlock(error) or code_of(error) in _SERVER | _DEPLOYMENT | TOO_LARGE
