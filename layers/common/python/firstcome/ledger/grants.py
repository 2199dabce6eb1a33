"""Database users for the functions that need less than its owner, made by `migrate` with the rights of grants.sql."""

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pymysql

from firstcome.ledger.database import Connection
from firstcome.ledger.errors import is_indefinite
from firstcome.rules import BadInput, Unavailable
from firstcome.runtime.credentials import credentials, forget
from firstcome.settings import Settings

FILE = Path(__file__).with_name("grants.sql")
_GRANT = re.compile(r"^GRANT (?P<rights>[A-Z_a-z, ()]+) ON (?P<table>\w+) TO (?P<function>\w+)$", re.MULTILINE)


@cache
def rights() -> dict[str, dict[str, str]]:
    """Return what each function may do, by table."""
    found: dict[str, dict[str, str]] = {}
    for grant in _GRANT.finditer(FILE.read_text(encoding="utf-8")):
        found.setdefault(grant["function"], {})[grant["table"]] = grant["rights"]
    return found


def make_users(settings: Settings, connect: Callable[[], Connection]) -> list[str]:
    """Make the users whose secrets are named, and return the functions that they are for.

    Repeated, it gives a user the password that its secret has now. Raise `Unavailable` where the server or a secret
    cannot be had, `BadInput` where a secret names the owner.
    """
    secrets = {
        "apply": settings.mysql_apply_secret_arn,
        "consume": settings.mysql_consume_secret_arn,
        "retry": settings.mysql_retry_secret_arn,
    }
    made = [function for function, secret in secrets.items() if secret]
    if not made:
        return []
    try:
        with connect() as connection:
            for function in made:
                forget(secrets[function])  # it may have been rotated since
                make_user(connection, function, *credentials(secrets[function]), tls=bool(settings.mysql_ca_file))
    except pymysql.Error as error:
        if is_indefinite(error):
            raise Unavailable("mysql", str(error)) from error
        raise
    return made


def make_user(connection: Connection, function: str, user: str, password: str, *, tls: bool) -> None:
    """Make the user unless there is one; set its password, whether it needs TLS, and its rights.

    A right that an older release gave stays.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT SUBSTRING_INDEX(CURRENT_USER(), '@', 1)")
        if cursor.fetchone() == (user,):
            raise BadInput(
                "bad_setting", f"the secret of {function} names the owner {user}: it needs a user of its own"
            )
        cursor.execute("CREATE USER IF NOT EXISTS %s@'%%' IDENTIFIED BY %s", (user, password))
        require = "SSL" if tls else "NONE"
        cursor.execute(f"ALTER USER %s@'%%' IDENTIFIED BY %s REQUIRE {require}", (user, password))
        for table, allowed in rights()[function].items():
            cursor.execute(f"GRANT {allowed} ON `{table}` TO %s@'%%'", (user,))
