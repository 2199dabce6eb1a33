"""Redis, MariaDB and Kafka that speak TLS only, under the name `localhost`, by the project's own recipes."""

from __future__ import annotations

import gc
import re
import socket
import warnings
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pymysql
import pytest
from kafka.admin import KafkaAdminClient
from redis import Redis

from dev.process import wait_until
from dev.recipes import HOST, KAFKA, MARIADB, REDIS, Recipe, free_port
from dev.servers import Server
from firstcome.settings import Settings
from tests.integration.tls.authority import Authority
from tests.patience import PATIENT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

NAME = "localhost"  # what the certificates say; the same servers answer at HOST, which they do not say
USER, PASSWORD = "firstcome", "correct-horse-battery"
SESSION_MS = 600_000  # of whoever has authenticated at Kafka
ADMIN_PASSWORD = "of-the-test-itself"


@dataclass(frozen=True)
class Tls:
    """The servers, whom they are certified by, and a stranger who certifies nobody here."""

    redis: Server
    redis_cluster: Server
    mariadb: Server
    kafka: Server
    kafka_sasl_port: int  # the same broker, which asks here who it talks to
    authority: Authority
    cluster_authority: Authority
    stranger: Authority

    def settings(self, host: str = NAME, ca: Authority | None = None) -> Settings:
        """Return settings that reach all three by this name, and trust this CA; by default everything is right."""
        ca_file = str((ca or self.authority).ca_file)
        return Settings(
            redis_url=f"rediss://{USER}:{PASSWORD}@{host}:{self.redis.port}/0",
            redis_ca_file=ca_file,
            kafka_bootstrap=f"{host}:{self.kafka.port}",
            kafka_security="SSL",
            kafka_ca_file=ca_file,
            kafka_replication=1,
            mysql_url=f"mysql://{USER}:{PASSWORD}@{host}:{self.mariadb.port}/firstcome",
            mysql_ca_file=ca_file,
            **PATIENT,
        )

    def redis_admin(self) -> Redis:
        """Return a client that may do everything."""
        return redis_admin(self.redis.port, self.authority)


def redis_admin(port: int, authority: Authority) -> Redis:
    return Redis(authority.host, port, ssl=True, ssl_ca_certs=str(authority.ca_file), password=ADMIN_PASSWORD)


def redis_recipe(name: str, authority: Authority, *more: str) -> Recipe:
    tls = f"--port 0 --tls-cert-file {authority.cert_file} --tls-key-file {authority.key_file}"

    def command(folder: Path, host: str, port: int, programs: Mapping[str, str]) -> list[str]:
        options = [
            *tls.split(),
            "--tls-ca-cert-file",
            str(authority.ca_file),
            "--tls-auth-clients",
            "no",
            "--tls-port",
            str(port),
            "--requirepass",
            ADMIN_PASSWORD,
            *more,
        ]
        return [
            *REDIS.command(folder, host, port, programs),
            *options,
            "--user",
            USER,
            "on",
            f">{PASSWORD}",
            "~*",
            "&*",
            "+@all",
        ]

    def probe(_: str, port: int) -> None:
        with redis_admin(port, authority) as client:
            client.ping()

    return replace(REDIS, name=name, command=command, probe=probe)


def mariadb_recipe(authority: Authority) -> Recipe:
    def command(folder: Path, host: str, port: int, programs: Mapping[str, str]) -> list[str]:
        tls = [f"--ssl-cert={authority.cert_file}", f"--ssl-key={authority.key_file}", f"--ssl-ca={authority.ca_file}"]
        return [*MARIADB.command(folder, host, port, programs), *tls, "--require-secure-transport=ON"]

    def probe(_: str, port: int) -> None:
        root = pymysql.connect(host=NAME, port=port, user="root", connect_timeout=2, ssl_ca=str(authority.ca_file))
        with root, root.cursor() as cursor:
            cursor.execute("CREATE DATABASE IF NOT EXISTS firstcome")
            for host in ("localhost", "127.0.0.1"):  # there is an anonymous user at localhost
                cursor.execute(f"CREATE USER IF NOT EXISTS {USER}@'{host}' IDENTIFIED BY '{PASSWORD}'")
                cursor.execute(f"GRANT ALL ON *.* TO {USER}@'{host}' WITH GRANT OPTION")

    return replace(MARIADB, command=command, probe=probe)


def kafka_recipe(authority: Authority, sasl_port: int) -> Recipe:
    def command(folder: Path, host: str, port: int, programs: Mapping[str, str]) -> list[str]:
        usual = KAFKA.command(folder, host, port, programs)
        properties = folder / "server.properties"
        [controller] = re.findall(r"^listeners=.*,(CONTROLLER.*)$", properties.read_text(), re.MULTILINE)
        # Of a property that stands twice, the last one counts.
        more = {
            "listeners": f"SSL://{host}:{port},SASL_SSL://{host}:{sasl_port},{controller}",
            "advertised.listeners": f"SSL://{NAME}:{port},SASL_SSL://{NAME}:{sasl_port}",
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL",
            "sasl.enabled.mechanisms": "PLAIN",
            "listener.name.sasl_ssl.plain.sasl.jaas.config": (
                f'org.apache.kafka.common.security.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'
            ),
            "connections.max.reauth.ms": SESSION_MS,
            "inter.broker.listener.name": "SSL",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": authority.pem_file,
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": authority.ca_file,
        }
        with properties.open("a") as file:
            file.writelines(f"{name}={value}\n" for name, value in more.items())
        return usual

    def probe(_: str, port: int) -> None:
        socket.create_connection((HOST, port), timeout=2).close()
        admin = KafkaAdminClient(
            bootstrap_servers=f"{NAME}:{port}",
            security_protocol="SSL",
            ssl_cafile=str(authority.ca_file),
            bootstrap_timeout_ms=10_000,
        )
        try:
            if all(broker["is_fenced"] for broker in admin.describe_cluster()["brokers"]):
                raise ConnectionError("the broker is not registered yet")
        finally:
            admin.close()

    return replace(KAFKA, command=command, probe=probe)


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    """Collect here what kafka-python leaves of refused connections, and not in a later test, where it would count."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture(scope="package")
def tls(servers: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tls]:
    """The three servers, and a Redis Cluster of one node, beside the session's, which installed what was missing."""
    folder = tmp_path_factory.mktemp("tls")
    authority, stranger = Authority(folder / "authority", NAME), Authority(folder / "stranger", NAME)
    # redis-py replaces `localhost` by its address where it is a cluster's node, and verifies that.
    by_address = Authority(folder / "by-address", HOST)
    bus = free_port()  # 10,000 above the other one, any outgoing connection may have it
    clustered = f"--cluster-enabled yes --cluster-port {bus} --tls-cluster yes --cluster-announce-ip {HOST}"
    sasl_port = free_port()
    recipes = [
        redis_recipe("redis", authority),
        redis_recipe("redis-cluster", by_address, *clustered.split()),
        mariadb_recipe(authority),
        kafka_recipe(authority, sasl_port),
    ]
    with ExitStack() as stack:
        started = [Server(recipe, folder / recipe.name) for recipe in recipes]
        for server in started:
            stack.callback(server.let_go)
            stack.callback(server.stop)
            server.prepare()
            server.launch()
        for server in started:
            server.wait_ready()
        with redis_admin(started[1].port, by_address) as node:
            node.execute_command("CLUSTER ADDSLOTSRANGE", 0, 16383)
            wait_until(lambda: node.execute_command("CLUSTER INFO")["cluster_state"] == "ok", "it has all slots")
        redis, redis_cluster, mariadb, kafka = started
        yield Tls(redis, redis_cluster, mariadb, kafka, sasl_port, authority, by_address, stranger)
