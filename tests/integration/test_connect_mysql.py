"""How sessions of MySQL begin, and where their passwords come from."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pymysql
import pytest
from pymysql.constants import CLIENT

from firstcome.ledger.connect import mysql_connection
from firstcome.rules import BadInput, Unavailable, Unsuitable
from firstcome.runtime.credentials import credentials, forget
from firstcome.settings import Settings
from tests.integration.secret import accepted, keep, rotate
from tests.patience import PATIENCE_MS, PATIENT
from tests.waits import watch
from tests.world import log_in_over_tls

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

HOSTS = ("localhost", "%")  # a server may have an anonymous user at localhost, who comes before one from anywhere


def test_a_session_is_set_up_in_one_statement(mysql_url: str) -> None:
    """UTC, strict, a short lock wait, the isolation that the insert needs, and a count that tells new rows."""
    with mysql_connection(Settings(mysql_url=mysql_url, mysql_lock_wait_s=3, **PATIENT), PATIENCE_MS) as connection:
        with connection.cursor() as cursor:
            cursor.execute("SELECT VERSION()")
            (version,) = cursor.fetchone() or ("",)
            isolation = "tx_isolation" if "MariaDB" in version else "transaction_isolation"
            cursor.execute(
                "SELECT @@time_zone, @@innodb_lock_wait_timeout, @@sql_mode LIKE '%STRICT_ALL_TABLES%', @@autocommit,"
                f" @@{isolation}, @@character_set_connection"
            )
            assert cursor.fetchone() == ("+00:00", 3, 1, 1, "REPEATABLE-READ", "utf8mb4")
        assert not connection.client_flag & CLIENT.FOUND_ROWS


def test_a_silent_mysql_is_given_up_in_time(deaf: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    """The handshake waits for the read timeout, once."""
    settings = Settings(mysql_url=f"mysql://root@127.0.0.1:{deaf.getsockname()[1]}/firstcome")
    waits = watch(monkeypatch)
    with pytest.raises(pymysql.OperationalError):
        mysql_connection(settings, 300)
    assert waits.ran_out == [0.3]
    assert accepted(deaf) == 1


@pytest.mark.parametrize("url", ["postgres://h/d", "127.0.0.1:3306/firstcome", "mysql:///firstcome"])
def test_a_wrong_mysql_url_is_said_before_connecting(url: str) -> None:
    """The error names the setting."""
    with pytest.raises(BadInput, match="mysql_url"):
        mysql_connection(Settings(mysql_url=url), 1_000)


@pytest.fixture
def mysql_user(mysql_url: str) -> Iterator[Callable[[str], str]]:
    """Give a user of our own this password; answers the user's name."""
    user = f"test_{uuid.uuid4().hex[:20]}"
    with mysql_connection(Settings(mysql_url=mysql_url, **PATIENT), PATIENCE_MS) as root, root.cursor() as cursor:

        def give(password: str) -> str:
            for host in HOSTS:
                cursor.execute(f"CREATE USER IF NOT EXISTS {user}@%s", (host,))
                cursor.execute(f"ALTER USER {user}@%s IDENTIFIED BY %s", (host, password))
                cursor.execute(f"GRANT ALL ON *.* TO {user}@%s", (host,))
            log_in_over_tls(mysql_url, user, password)
            return user

        yield give
        for host in HOSTS:
            cursor.execute(f"DROP USER IF EXISTS {user}@%s", (host,))


def current_user(settings: Settings) -> str:
    with mysql_connection(settings, PATIENCE_MS) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT CURRENT_USER()")
        (user,) = cursor.fetchone() or ("",)
        return str(user).split("@")[0]


def test_a_refused_mysql_password_is_read_again_once(
    mysql_url: str, mysql_user: Callable[[str], str], secret: Any
) -> None:
    """After a rotation the next connection succeeds with the new password; a wrong one is an error, not a loop."""
    user = mysql_user("first")
    arn = keep(secret, username=user, password="first")
    settings = Settings(mysql_url=mysql_url, mysql_secret_arn=arn, **PATIENT)
    assert current_user(settings) == user
    mysql_user("second")
    rotate(secret, arn, username=user, password="second")
    assert current_user(settings) == user
    mysql_user("third")
    # A MySQL says of a wrong password that it wants it over TLS.
    with pytest.raises((pymysql.OperationalError, Unsuitable), match=r"1045|over TLS only"):
        current_user(settings)


def test_a_password_in_the_url_may_hold_any_character(mysql_url: str, mysql_user: Callable[[str], str]) -> None:
    """What a URL gives a meaning to is written in percent."""
    user = mysql_user("a/b:c@d#%éẞ€")
    parts = urlsplit(mysql_url)
    url = f"mysql://{user}:a%2Fb%3Ac%40d%23%25%C3%A9%E1%BA%9E%E2%82%AC@{parts.hostname}:{parts.port}{parts.path}"
    assert current_user(Settings(mysql_url=url, **PATIENT)) == user


def test_a_secret_is_read_once(secret: Any) -> None:
    """An environment asks once; and a password that is refused for good does not become a call per request."""
    arn = keep(secret, username="u", password="first")
    assert credentials(arn) == ("u", "first")
    assert not forget(arn), "it was read just now"
    rotate(secret, arn, username="u", password="second")
    assert credentials(arn) == ("u", "first"), "nobody has refused it yet"
    assert forget(arn)
    assert credentials(arn) == ("u", "second")


def test_a_secret_that_is_missing_is_unavailable(secret: Any) -> None:
    """Nothing is remembered of a failure: the next request asks again."""
    with pytest.raises(Unavailable, match="ResourceNotFound"):
        credentials("later")
    secret.create_secret(Name="later", SecretString=json.dumps({"username": "u", "password": "p"}))
    assert credentials("later") == ("u", "p")


def test_a_secret_of_another_shape_is_unavailable_and_not_told(secret: Any) -> None:
    """The error names the secret, and never what is in it."""
    arn = keep(secret, user="u", password="hunter2")
    with pytest.raises(Unavailable) as caught:
        credentials(arn)
    assert "hunter2" not in f"{caught.value}{caught.value.__cause__}"
