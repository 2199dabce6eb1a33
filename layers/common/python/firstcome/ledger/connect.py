"""A connection to MySQL: where it is, how long it may take, how it proves who it is, what its session is set to."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import pymysql

from firstcome.rules import BadInput, Unsuitable
from firstcome.runtime.credentials import credentials, forget, mysql_token
from firstcome.settings import RDS, Settings

MYSQL_PORT = 3306
ACCESS_DENIED = 1045  # ER_ACCESS_DENIED_ERROR
# MySQL's caching_sha2_password takes a password without TLS only while it remembers it. Otherwise pymysql would encrypt
# it by the key that whoever answers sends; in its place stands one that is none, here as on Lambda, where the package
# for it is missing.
NO_KEY = b"no key that anybody vouches for"
# The CAs of RDS are not among the system's: `make rds-ca` brings them.
RDS_CA_FILE = Path(__file__).with_name("rds-ca.pem")

# What every session of the ledger needs, in one round trip at connecting, whatever the server's defaults are; what a
# session may not set, mysql_server.py looks at. Statements outside a transaction commit by themselves, and a commit
# neither begins another transaction nor ends the session; no statement is refused or cut for its number of rows, or
# for lacking a key; keys and checks are looked at; a value that does not fit is an error; the one insert reads under
# locks, which is what REPEATABLE READ means for INSERT ... SELECT. The comments tell the servers apart, which name it
# differently. In a string, a backslash is one, as in standard SQL: pymysql then doubles quotes, instead of translating
# a batch character by character.
SESSION_SQL = (
    "SET autocommit = 1, completion_type = 0, time_zone = '+00:00', innodb_lock_wait_timeout = {lock_wait_s},"
    " sql_safe_updates = 0, sql_select_limit = 18446744073709551615, sql_big_selects = 1, unique_checks = 1,"
    " sql_mode = 'ONLY_FULL_GROUP_BY,STRICT_ALL_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,"
    "ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,NO_BACKSLASH_ESCAPES'"
    "/*!80000 , transaction_isolation = 'REPEATABLE-READ', transaction_read_only = 0 */"
    "/*M!100000 , tx_isolation = 'REPEATABLE-READ', tx_read_only = 0, check_constraint_checks = 1 */"
)


def mysql_connection(settings: Settings, read_timeout_ms: int) -> pymysql.Connection[Any]:
    """Connect, with the session set up by `SESSION_SQL`.

    Raise pymysql's own errors when the server is away or refuses, `Unavailable` when the secret cannot be read,
    `Unsuitable` when the server would take the password over TLS only.
    `CLIENT.FOUND_ROWS` stays off: the insert tells new rows from known ones by the count of affected rows.
    """
    url = urlsplit(settings.mysql_url)
    if url.scheme != "mysql" or not url.hostname:
        raise BadInput("bad_setting", "mysql_url: expected mysql://user[:password]@host[:port]/database")
    options: dict[str, Any] = {
        "host": url.hostname,
        "port": url.port or MYSQL_PORT,
        "database": unquote(url.path.removeprefix("/")) or None,
        "charset": "utf8mb4",
        "connect_timeout": settings.mysql_connect_timeout_ms / 1000,
        "read_timeout": read_timeout_ms / 1000,
        "write_timeout": read_timeout_ms / 1000,
        "init_command": SESSION_SQL.format(lock_wait_s=settings.mysql_lock_wait_s),
        "autocommit": None,  # SESSION_SQL says it: one round trip less
        "program_name": "firstcome",
    }
    if settings.mysql_ca_file:
        ca_file = RDS_CA_FILE if settings.mysql_ca_file == RDS else settings.mysql_ca_file
        options |= {"ssl_ca": str(ca_file), "ssl_verify_cert": True, "ssl_verify_identity": True}
    else:
        options["ssl_disabled"] = True  # otherwise pymysql tries TLS that verifies nobody
        options["server_public_key"] = NO_KEY
    try:
        return _connect(settings, options | _login(settings, url))
    except (pymysql.OperationalError, RuntimeError, ValueError, Unsuitable) as error:
        # Without TLS, a MySQL that does not remember a password cannot say whether it is right or was rotated.
        denied = not isinstance(error, pymysql.OperationalError) or error.args[0] == ACCESS_DENIED
        if not denied or not forget(settings.mysql_secret_arn):
            raise
    return _connect(settings, options | _login(settings, url))


def _connect(settings: Settings, options: dict[str, Any]) -> pymysql.Connection[Any]:
    try:
        return pymysql.connect(**options)
    except (RuntimeError, ValueError) as error:
        if settings.mysql_ca_file or isinstance(error, UnicodeError):
            raise
        # RuntimeError: without the package that would encrypt it. ValueError: with it, for want of a key.
        raise Unsuitable("mysql", "it takes this password over TLS only: set mysql_ca_file") from error


def _login(settings: Settings, url: SplitResult) -> dict[str, Any]:
    """Return who connects, and with which password."""
    if settings.mysql_iam_user_arn:
        # RDS asks for it in clear text: the settings allow it only where a CA verifies the server.
        user, password = mysql_token(settings.mysql_iam_user_arn, url.hostname or "", url.port or MYSQL_PORT)
    elif settings.mysql_secret_arn:
        user, password = credentials(settings.mysql_secret_arn)
    else:
        user, password = unquote(url.username or ""), unquote(url.password or "")
    # As bytes: pymysql would write it in Latin-1, which lacks most letters.
    return {"user": user, "password": password.encode()}
