"""Tokens and passwords, over TLS, to real servers that know them as a user's password."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import pytest

from firstcome.gate.connect import redis_client
from firstcome.gate.gate import Gate
from firstcome.ledger.connect import mysql_connection
from firstcome.ledger.ledger import Ledger
from firstcome.rules import Unavailable
from firstcome.runtime.credentials import mysql_token, redis_token
from tests.integration.tls.conftest import NAME
from tests.patience import PATIENCE_MS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.tls.conftest import Tls

CACHE = "arn:aws:elasticache:eu-central-1:123456789012:replicationgroup:gate"
USER = "arn:aws:elasticache:eu-central-1:123456789012:user:token-user"
DB_USER = "arn:aws:rds-db:eu-central-1:123456789012:dbuser:db-ABCDEFGHIJ/token_user"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture(autouse=True)
def use(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Give the environment other credentials. The clock stands still, so that the test can know the token."""
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda **_: NOW)

    def give(key: str) -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", f"secret of {key}")

    give("first")
    return give


def test_a_token_is_what_redis_is_given_as_the_users_password(tls: Tls, use: Callable[[str], None]) -> None:
    """Each new connection signs with the present credentials; a token that Redis does not accept is "not now"."""
    url = f"rediss://{NAME}:{tls.redis.port}/0"
    settings = replace(tls.settings(), redis_url=url, redis_iam_cache_arn=CACHE, redis_iam_user_arn=USER)
    gate = Gate(redis_client(settings), settings)
    with tls.redis_admin() as admin:
        user, token = redis_token(CACHE, USER)
        admin.acl_setuser(user, enabled=True, passwords=[f"+{token}"], commands=["+@all"], keys=["*"])
        assert gate.redis.acl_whoami() == user
        use("second")
        assert gate.redis.acl_whoami() == user, "a connection outlives its token"
        gate.close()
        with pytest.raises(Unavailable):
            gate.show("E")
        admin.acl_setuser(user, enabled=True, passwords=[f"+{redis_token(CACHE, USER)[1]}"])
        assert gate.redis.acl_whoami() == user
        gate.close()


def test_a_connection_is_used_only_with_its_token(tls: Tls, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is closed, and the next call makes one that knows its user."""
    url = f"rediss://{NAME}:{tls.redis.port}/0"
    settings = replace(tls.settings(), redis_url=url, redis_iam_cache_arn=CACHE, redis_iam_user_arn=USER)
    gate = Gate(redis_client(settings), settings)
    with monkeypatch.context() as without:
        without.delenv("AWS_ACCESS_KEY_ID")
        without.delenv("AWS_SECRET_ACCESS_KEY")
        without.setenv("AWS_EC2_METADATA_DISABLED", "true")
        without.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
        with pytest.raises(Unavailable, match="token"):
            gate.show("E")
        assert not any(each.is_connected for each in gate.redis.connection_pool._available_connections)
    gate.close()


def test_a_token_is_what_mysql_is_given_as_the_users_password(tls: Tls, use: Callable[[str], None]) -> None:
    """The user is the ARN's last part, and the token names the very host and port that are connected to."""
    settings = replace(
        tls.settings(), mysql_url=f"mysql://{NAME}:{tls.mariadb.port}/firstcome", mysql_iam_user_arn=DB_USER
    )
    ledger = Ledger(partial(mysql_connection, settings, PATIENCE_MS), settings)
    with mysql_connection(tls.settings(), PATIENCE_MS) as root, root.cursor() as cursor:
        user, token = mysql_token(DB_USER, NAME, tls.mariadb.port)
        for host in ("localhost", "127.0.0.1"):
            cursor.execute(f"CREATE USER {user}@%s IDENTIFIED BY %s", (host, token))

    def who(connection: object) -> str:
        with connection.cursor() as cursor:  # type: ignore[attr-defined]
            cursor.execute("SELECT CURRENT_USER()")
            return str(cursor.fetchone()[0]).split("@")[0]

    settings_without_database = replace(settings, mysql_url=settings.mysql_url.removesuffix("firstcome"))
    ledger.connect = partial(mysql_connection, settings_without_database, PATIENCE_MS)
    assert ledger.read(who) == user
    ledger.close()
    use("second")
    with pytest.raises(Unavailable):
        ledger.read(who)
