"""Clients of Redis and Kafka: nothing before the first use, bounded waits, and passwords that change."""

from __future__ import annotations

import shutil
import subprocess
import uuid
from typing import TYPE_CHECKING, Any, cast

import pytest
import redis

from dev.recipes import free_port
from firstcome.gate.connect import redis_client
from firstcome.rules import BadInput
from firstcome.settings import Settings
from firstcome.stream.connect import kafka_config
from tests.integration.secret import accepted, keep, rotate
from tests.patience import PATIENCE_S, PATIENT
from tests.waits import watch

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator
    from pathlib import Path


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
