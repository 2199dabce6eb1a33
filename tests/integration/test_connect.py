"""Clients on real servers: nothing before the first use, bounded waits, and passwords that change."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import uuid
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import boto3
import moto
import pymysql
import pytest
import redis
from pymysql.constants import CLIENT

from dev.recipes import free_port
from firstcome.gate.connect import redis_client
from firstcome.ledger.connect import mysql_connection
from firstcome.rules import BadInput, Unavailable, Unsuitable
from firstcome.runtime import credentials as identity
from firstcome.runtime.credentials import credentials, forget
from firstcome.settings import Settings
from firstcome.stream.connect import kafka_config
from tests.patience import PATIENCE_MS, PATIENCE_S, PATIENT
from tests.waits import watch
from tests.world import log_in_over_tls

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator
    from pathlib import Path

HOSTS = ("localhost", "%")  # a server may have an anonymous user at localhost, who comes before one from anywhere


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Secrets Manager; nothing is remembered from the test before."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    identity.forget_all()
    with moto.mock_aws():
        yield boto3.client("secretsmanager")


def accepted(server: socket.socket) -> int:
    """Return how many connections there have been."""
    server.setblocking(False)
    number = 0
    with suppress(BlockingIOError):
        while True:
            server.accept()[0].close()
            number += 1
    return number


def keep(secret: Any, **content: object) -> str:
    arn: str = secret.create_secret(Name=uuid.uuid4().hex, SecretString=json.dumps(content))["ARN"]
    return arn


def rotate(secret: Any, arn: str, **content: object) -> None:
    """Change the secret, long after it was read."""
    secret.put_secret_value(SecretId=arn, SecretString=json.dumps(content))
    for known, (_, username, password) in identity._known.items():
        identity._known[known] = (-math.inf, username, password)


# --- Redis -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cluster", [False, True])
def test_a_redis_client_connects_at_its_first_command(deaf: socket.socket, *, cluster: bool) -> None:
    """Init waits for no server: making the client connects to nobody."""
    deaf.setblocking(False)
    redis_client(Settings(redis_url=f"redis://127.0.0.1:{deaf.getsockname()[1]}/0", redis_cluster=cluster))
    with pytest.raises(BlockingIOError):
        deaf.accept()


@pytest.mark.parametrize("scheme", ["redis", "rediss"])
@pytest.mark.parametrize("cluster", [False, True])
def test_a_silent_redis_is_given_up_in_time(
    deaf: socket.socket, scheme: str, monkeypatch: pytest.MonkeyPatch, *, cluster: bool
) -> None:
    """Two tries, each of which may connect twice: four timeouts at most, then an error of redis-py's.

    With TLS the silence comes in the handshake, which is part of connecting.
    """
    client = redis_client(
        Settings(
            redis_url=f"{scheme}://127.0.0.1:{deaf.getsockname()[1]}/0",
            redis_cluster=cluster,
            redis_timeout_ms=100,
            redis_retries=1,
        )
    )
    waits = watch(monkeypatch)
    with pytest.raises((redis.ConnectionError, redis.TimeoutError)):
        client.ping()
    assert set(waits.ran_out) == {0.1}
    assert len(waits.ran_out) <= 4
    assert accepted(deaf) <= 4


def test_a_connection_that_died_is_replaced_unseen(redis_url: str) -> None:
    """The repetition makes a new connection: who asks next does not notice."""
    client = redis_client(Settings(redis_url=redis_url, **PATIENT))
    own_id = client.client_id()
    with redis.Redis.from_url(redis_url) as other:
        other.client_kill_filter(_id=own_id)
    assert client.echo("still here") == "still here"
    client.close()


def test_a_refused_redis_password_is_read_again_once(redis_url: str, secret: Any) -> None:
    """After a rotation the next connection succeeds with the new password, and Secrets Manager is asked once more."""
    user = f"test-{uuid.uuid4().hex}"
    arn = keep(secret, username=user, password="first")
    with redis.Redis.from_url(redis_url) as admin:
        try:
            admin.acl_setuser(user, enabled=True, passwords=["+first"], commands=["+@all"], keys=["*"])
            client = redis_client(Settings(redis_url=redis_url, redis_secret_arn=arn, **PATIENT))
            assert client.acl_whoami() == user
            admin.acl_setuser(user, enabled=True, passwords=["-first", "+second"])
            rotate(secret, arn, username=user, password="second")
            client.connection_pool.disconnect()
            assert client.acl_whoami() == user
            admin.acl_setuser(user, enabled=True, passwords=["-second", "+third"])
            client.connection_pool.disconnect()
            with pytest.raises(redis.AuthenticationError):
                client.ping()
            client.close()
        finally:
            admin.acl_deluser(user)


@pytest.fixture
def cluster_url(tmp_path: Path, wait_until: Callable[..., None]) -> Iterator[str]:
    """A Redis Cluster of one node."""
    server = shutil.which("redis-server")
    assert server is not None, "redis-server is missing"
    port = free_port()
    options = f"--port {port} --bind 127.0.0.1 --dir {tmp_path} --logfile redis.log --requirepass first"
    # A port of our own for the cluster's bus: 10,000 above the other one, any outgoing connection may have it.
    cluster = f"--cluster-enabled yes --cluster-port {free_port()} --cluster-announce-ip 127.0.0.1"
    process = subprocess.Popen([server, *options.split(), *cluster.split()])
    try:
        with redis.Redis(port=port, password="first") as node:
            wait_until(lambda: answers(node), "the node answers")
            node.execute_command("CLUSTER ADDSLOTSRANGE", 0, 16383)
            wait_until(lambda: node.execute_command("CLUSTER INFO")["cluster_state"] == "ok", "it has all slots")
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.kill()  # it would not end in order once its folder has gone
        process.wait(PATIENCE_S)


def answers(node: redis.Redis) -> bool:
    try:
        return bool(node.ping())
    except redis.ConnectionError:
        return False


def test_a_cluster_is_used_like_a_single_server(cluster_url: str, secret: Any) -> None:
    """Cluster mode is a setting: the same calls, and the same rotation of the password."""
    arn = keep(secret, username="default", password="first")
    client = redis_client(Settings(redis_url=cluster_url, redis_cluster=True, redis_secret_arn=arn, **PATIENT))
    assert client.set("coupon:{E}:test", "1")
    assert client.eval("return redis.call('GET', KEYS[1])", 1, "coupon:{E}:test") == "1"
    with redis.Redis.from_url(cluster_url, password="first") as node:
        node.config_set("requirepass", "second")
    rotate(secret, arn, username="default", password="second")
    cast("redis.RedisCluster", client).disconnect_connection_pools()  # type: ignore[no-untyped-call]
    assert client.get("coupon:{E}:test") == "1"
    client.close()


# --- Kafka -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("security", "expected"),
    [
        ("PLAINTEXT", {"security_protocol": "PLAINTEXT"}),
        ("SSL", {"security_protocol": "SSL"}),
        ("AWS_MSK_IAM", {"security_protocol": "SASL_SSL", "sasl_mechanism": "AWS_MSK_IAM"}),
    ],
)
def test_kafka_security_is_a_setting(security: str, expected: dict[str, str]) -> None:
    """The three ways into a cluster, in the library's words; every bootstrap server is named."""
    config = kafka_config(Settings(kafka_security=security, kafka_bootstrap="a:9092, b:9092"))
    assert {name: config[name] for name in config if name.startswith(("security", "sasl"))} == expected
    assert config["bootstrap_servers"] == ["a:9092", "b:9092"]


def test_an_unknown_kafka_security_is_named() -> None:
    """A typing error is not read as "no security"."""
    with pytest.raises(BadInput, match="PLAIN"):
        kafka_config(Settings(kafka_security="PLAIN"))


# --- MySQL -----------------------------------------------------------------------------------------------------------


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


# --- secrets ---------------------------------------------------------------------------------------------------------


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
