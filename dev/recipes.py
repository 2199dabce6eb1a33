"""How each of the local cloud's servers is prepared, run and asked whether it works.

The clients are imported where they are used: who ends a server needs the standard library only (`make down`).
"""

from __future__ import annotations

import base64
import os
import random
import socket
import subprocess
import uuid
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dev.install import LOCALE, kafka_jars
from dev.process import ProcessError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

HOST = "127.0.0.1"
EVERY_ADDRESS = "0.0.0.0"  # noqa: S104  to listen on; a client of this machine asks loopback
DATABASE = "firstcome"
# Nobody else reaches the address that the server listens on.
ROOT_FROM_ANYWHERE = "CREATE USER IF NOT EXISTS root@'%';\nGRANT ALL ON *.* TO root@'%' WITH GRANT OPTION;\n"

# Of every node, whatever it does.
KAFKA_NODE = """\
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs=data
# A misspelt topic is an error, here as on MSK.
auto.create.topics.enable=false
# Records stay until `make reset`: nothing depends on when a test was run.
log.retention.ms=-1
# 50 partitions each by default, made while the first consumer waits.
offsets.topic.num.partitions=1
transaction.state.log.num.partitions=1
# A group of one has nobody to wait for, and a killed member's partitions are free within seconds.
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
# A broker that was killed is taken back only after its former session ended: 9 s by default.
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=2000
# 128 MiB by default, of a heap of 512.
log.cleaner.dedupe.buffer.size=16777216
"""
# Of the one that is broker and controller.
KAFKA_PROPERTIES = (
    KAFKA_NODE
    + """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller_port}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{port}
# One broker keeps one copy.
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
"""
)


@dataclass(frozen=True, slots=True)
class Recipe:
    """One kind of server. The functions get the paths of `programs`; a command runs in the server's folder."""

    name: str
    url: str
    programs: tuple[str, ...]
    prepare: Callable[[Path, Mapping[str, str]], None]  # makes <folder>/data, the first time
    command: Callable[[Path, str, int, Mapping[str, str]], list[str]]  # to listen on this host and port
    probe: Callable[[str, int], None]  # raises until the server there does its work


def free_port(host: str = HOST) -> int:
    """Return a port of `host`, an address of this machine, that nobody uses.

    Below the range from which the kernel takes the ports of outgoing connections: one of those could take the port
    of a server while it is down, and a client that dials it over and over could even reach itself.
    """
    lowest_outgoing = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    for port in random.sample(range(10_000, max(lowest_outgoing, 11_000)), 1_000):
        try:
            bind(port, host, shared=False).close()
        except OSError:
            continue
        return port
    raise ProcessError(f"no free port on {host}: is it an address of this machine?")


def url_of(host: str, port: int) -> str:
    """Return the address at which a client of this machine finds what listens on `host`."""
    return f"http://{HOST if host == EVERY_ADDRESS else host}:{port}"


def is_free(port: int, host: str = HOST) -> bool:
    """Say whether a server could listen on this port now."""
    try:
        bind(port, host, shared=True).close()
    except OSError:
        return False
    return True


def bind(port: int, host: str = HOST, *, shared: bool) -> socket.socket:
    """Return a socket that is bound to this port and does not listen; raise `OSError` where it cannot be.

    `shared`: as the servers bind theirs, so that one of them may listen beside this socket, and old connections do not
    count. Whoever looks for a free port binds without it, and so leaves a port alone that is held this way.
    """
    bound = socket.socket()
    try:
        if shared:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


def _prepare_redis(folder: Path, _: Mapping[str, str]) -> None:
    (folder / "data").mkdir()


def _forgetful_redis_command(_: Path, host: str, port: int, programs: Mapping[str, str]) -> list[str]:
    """Run a Redis that has forgotten everything when it is started again: persistence is not assumed."""
    return _redis_command(host, port, programs, {"appendonly": "no"})


def _durable_redis_command(_: Path, host: str, port: int, programs: Mapping[str, str]) -> list[str]:
    """Run a Redis whose data outlive its process.

    Every write is handed to the kernel before it is answered, so SIGKILL loses none; what a machine that crashes may
    lose costs a failover's reconcile. `everysec` would hold writes back while the disk is busy.
    """
    return _redis_command(host, port, programs, {"appendonly": "yes", "appendfsync": "no"})


def _redis_command(host: str, port: int, programs: Mapping[str, str], keeping: Mapping[str, str]) -> list[str]:
    options = {"bind": host, "port": port, "dir": "data", "save": "", **keeping}
    options |= {"maxmemory-policy": "noeviction", "maxclients": 10_000}
    if host != HOST:  # without a password, a client from anywhere but loopback is turned away
        options["protected-mode"] = "no"
    return [programs["redis-server"], *(str(part) for key, value in options.items() for part in (f"--{key}", value))]


def _probe_redis(host: str, port: int) -> None:
    import redis  # noqa: PLC0415
    from redis.backoff import NoBackoff  # noqa: PLC0415
    from redis.retry import Retry  # noqa: PLC0415

    with redis.Redis(host, port, socket_timeout=2, retry=Retry(NoBackoff(), 0)) as client:
        client.ping()


def _prepare_mariadb(folder: Path, programs: Mapping[str, str]) -> None:
    # A shell script, which takes apart at its blanks whatever it hands on, and gives `chown` the folder where it knows
    # the user: so the folder of temporary files is a variable, and `-u` an option that only the server understands.
    options = ["--auth-root-authentication-method=normal", "--skip-test-db", *(["-uroot"] if _is_root() else [])]
    command = [programs["mariadb-install-db"], "--no-defaults", f"--datadir={folder / 'data'}", *options]
    _run(command, folder, {"TMPDIR": str(folder)})


def _mariadb_command(folder: Path, host: str, port: int, programs: Mapping[str, str]) -> list[str]:
    reach: list[str] = []
    if host != HOST:  # its root is let in from loopback only
        (folder / "init.sql").write_text(ROOT_FROM_ANYWHERE)
        reach = [f"--init-file={folder / 'init.sql'}"]
    return [
        programs["mariadbd"],
        *["--no-defaults", *(["--user=root"] if _is_root() else []), f"--datadir={folder / 'data'}"],
        f"--tmpdir={folder}",  # of its own: at its start it deletes every temporary table in there
        "--socket=mariadb.sock",  # in the data folder: a full path may be longer than a socket's may be
        *[f"--bind-address={host}", f"--port={port}", "--skip-name-resolve", *reach],
        "--character-set-server=utf8mb4",
        "--max-connections=500",  # every execution environment keeps one
        "--innodb-flush-log-at-trx-commit=1",  # a committed row survives a crash: the promise rests on it
    ]


def _is_root() -> bool:
    """Say whether MariaDB has to be told that it may run as root, which it refuses otherwise."""
    return os.geteuid() == 0


def _probe_mariadb(host: str, port: int) -> None:
    import pymysql  # noqa: PLC0415

    with (
        pymysql.connect(host=host, port=port, user="root", connect_timeout=2, read_timeout=10) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(f"CREATE DATABASE IF NOT EXISTS {DATABASE}")


def _prepare_kafka(folder: Path, programs: Mapping[str, str]) -> None:
    # The ports do not matter yet, and are written again at every start.
    format_kafka(folder, programs, KAFKA_PROPERTIES.format(host=HOST, port=1, controller_port=2), new_cluster_id())


def new_cluster_id() -> str:
    """Return the id of a Kafka cluster that nobody has made yet."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")


def format_kafka(folder: Path, programs: Mapping[str, str], properties: str, cluster_id: str) -> None:
    """Make the data folder of a node that has these properties."""
    (folder / "server.properties").write_text(properties)
    # The id may begin with a dash, which after `-t` would be read as an option.
    tool = ["kafka.tools.StorageTool", "format", f"--cluster-id={cluster_id}", "-c", "server.properties"]
    _run([*_java(programs, heap="128m"), *tool], folder)


def _kafka_command(folder: Path, host: str, port: int, programs: Mapping[str, str]) -> list[str]:
    properties = KAFKA_PROPERTIES.format(host=host, port=port, controller_port=free_port(host))
    return kafka_command(folder, programs, properties)


def kafka_command(folder: Path, programs: Mapping[str, str], properties: str) -> list[str]:
    """Return the command that runs a node with these properties."""
    (folder / "server.properties").write_text(properties)
    return [*_java(programs, heap="512m"), "kafka.Kafka", "server.properties"]


def _java(programs: Mapping[str, str], heap: str) -> list[str]:
    logs = ["-Dorg.slf4j.simpleLogger.showDateTime=true", "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS"]
    return [programs["java"], f"-Xmx{heap}", "-XX:+ExitOnOutOfMemoryError", *logs, "-cp", f"{kafka_jars()}/*"]


def _probe_kafka(host: str, port: int) -> None:
    from kafka.admin import KafkaAdminClient  # noqa: PLC0415

    # The client starts a thread before it connects, and a failed one leaves it behind: knock first.
    socket.create_connection((host, port), timeout=2).close()
    admin = KafkaAdminClient(bootstrap_servers=f"{host}:{port}", bootstrap_timeout_ms=10_000)
    try:
        if not any(not broker["is_fenced"] for broker in admin.describe_cluster()["brokers"]):
            raise ConnectionError("the broker is not registered yet")
    finally:
        admin.close()


def _run(command: list[str], folder: Path, variables: Mapping[str, str] | None = None) -> None:
    ran = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **LOCALE, **(variables or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if ran.returncode:
        raise ProcessError(f"{' '.join(command)} failed with {ran.returncode}\n{ran.stdout}\n{ran.stderr}")


REDIS = Recipe(
    "redis", "redis://{host}:{port}/0", ("redis-server",), _prepare_redis, _forgetful_redis_command, _probe_redis
)
DURABLE_REDIS = replace(REDIS, command=_durable_redis_command)
MARIADB = Recipe(
    "mariadb",
    f"mysql://root@{{host}}:{{port}}/{DATABASE}",
    ("mariadbd", "mariadb-install-db"),
    _prepare_mariadb,
    _mariadb_command,
    _probe_mariadb,
)
KAFKA = Recipe("kafka", "{host}:{port}", ("java",), _prepare_kafka, _kafka_command, _probe_kafka)
