"""How the servers of production's topology are prepared and run; those of the local cloud are in dev/recipes.py."""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import TYPE_CHECKING

from dev.recipes import KAFKA, KAFKA_NODE, MARIADB, REDIS, Recipe, format_kafka, free_port, kafka_command

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from dev.servers import Server

CONTROLLER_ID = 100  # beside the brokers' 1, 2 and 3
UNKNOWN_PORT = 1  # of a node that is only formatted

# As Amazon MSK has it on three brokers; a broker that is silent for this long has lost what it leads. By default 9 s:
# long enough that a busy machine is no dead one, short enough to wait for.
KAFKA_OF_THREE = """\
controller.quorum.voters={controller_id}@{host}:{controller_port}
broker.session.timeout.ms=4000
default.replication.factor=3
min.insync.replicas=2
offsets.topic.replication.factor=3
"""
CONTROLLER = """\
process.roles=controller
node.id={controller_id}
listeners=CONTROLLER://{host}:{controller_port}
"""
BROKER = """\
process.roles=broker
node.id={number}
listeners=PLAINTEXT://{host}:{port}
advertised.listeners=PLAINTEXT://{host}:{port}
"""
META = """\
version=1
node.id={number}
cluster.id={cluster_id}
"""

# A node that is silent for this long is dead, once most of the masters say so; 15 s by default.
REDIS_NODE_TIMEOUT_MS = 2_000

SEMI_SYNC_NEVER_FALLS_BACK_MS = 24 * 60 * 60 * 1000


def controller(cluster_id: str) -> Recipe:
    """Return the recipe of the process that elects leaders, and holds no records."""

    def properties(host: str, port: int) -> str:
        where = {"controller_id": CONTROLLER_ID, "host": host, "controller_port": port}
        return KAFKA_NODE + (KAFKA_OF_THREE + CONTROLLER).format(**where)

    return replace(
        KAFKA,
        name="controller",
        prepare=lambda folder, programs: format_kafka(
            folder, programs, properties("127.0.0.1", UNKNOWN_PORT), cluster_id
        ),
        command=lambda folder, host, port, programs: kafka_command(folder, programs, properties(host, port)),
        probe=lambda host, port: socket.create_connection((host, port), timeout=2).close(),
    )


def broker(number: int, cluster_id: str, of: Server) -> Recipe:
    """Return the recipe of one broker, whose controller is `of`."""

    def properties(host: str, port: int, controller_port: int) -> str:
        where = {"controller_id": CONTROLLER_ID, "number": number, "host": host, "port": port}
        return KAFKA_NODE + (KAFKA_OF_THREE + BROKER).format(controller_port=controller_port, **where)

    def prepare(folder: Path, _: Mapping[str, str]) -> None:
        # All that formatting makes for one that is no controller, without a Java of its own.
        (folder / "data").mkdir()
        (folder / "data" / "meta.properties").write_text(META.format(number=number, cluster_id=cluster_id))

    return replace(
        KAFKA,
        name=f"broker-{number}",
        prepare=prepare,
        command=lambda folder, host, port, programs: kafka_command(folder, programs, properties(host, port, of.port)),
        probe=lambda host, port: _probe_broker(number, host, port),
    )


def _probe_broker(number: int, host: str, port: int) -> None:
    from kafka.admin import KafkaAdminClient

    # The client starts a thread before it connects, and a failed one leaves it behind: knock first.
    socket.create_connection((host, port), timeout=2).close()
    admin = KafkaAdminClient(bootstrap_servers=f"{host}:{port}", bootstrap_timeout_ms=10_000)
    try:
        living = {each["broker_id"] for each in admin.describe_cluster()["brokers"] if not each["is_fenced"]}
        if number not in living:
            raise ConnectionError(f"broker {number} is not registered yet")
    finally:
        admin.close()


def redis(name: str, *, cluster: bool = False) -> Recipe:
    """Return the recipe of one Redis, a node of a cluster or not; what it is beside the others is said when it runs."""
    # A replica that has lost its primary's link is served by a whole copy, at once and without a disk.
    options = ["--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1"]
    if cluster:
        options += ["--cluster-enabled", "yes", "--cluster-port", str(free_port())]
        options += ["--cluster-node-timeout", str(REDIS_NODE_TIMEOUT_MS)]
        # However little a replica has: what it lacks is what these tests are about.
        options += ["--cluster-replica-validity-factor", "0"]
    return replace(REDIS, name=name, command=lambda *where: [*REDIS.command(*where), *options])


def mariadb(name: str, number: Callable[[], int]) -> Recipe:
    """Return the recipe of one MariaDB that can be a semi-synchronous pair's primary or its replica.

    A commit is answered, and seen by others, once the replica has it (AFTER_SYNC), however long that takes. `number`
    tells the server's id when it starts: one that is made anew needs another, or it leaves out what it wrote itself.
    """
    options = [
        *("--log-bin=binlog", "--log-slave-updates", "--binlog-format=ROW", "--sync-binlog=1"),
        *("--rpl-semi-sync-slave-enabled=ON", "--rpl-semi-sync-master-wait-point=AFTER_SYNC"),
        f"--rpl-semi-sync-master-timeout={SEMI_SYNC_NEVER_FALLS_BACK_MS}",
    ]
    return replace(
        MARIADB,
        name=name,
        command=lambda *where: [*MARIADB.command(*where), *options, f"--server-id={number()}"],
        probe=_probe_mariadb,
    )


def _probe_mariadb(host: str, port: int) -> None:
    import pymysql

    # Nothing is made here, as the local cloud's does it: a replica writes what its primary wrote.
    pymysql.connect(host=host, port=port, user="root", connect_timeout=2, read_timeout=10).close()
