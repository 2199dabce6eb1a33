"""Redis as it is deployed, and as a cluster: both have a primary that dies and a replica that follows.

`Pair` is ElastiCache with cluster mode disabled, which template.infrastructure.yaml makes: one name, which leads to the
primary; whoever looks after the servers promotes the replica and moves the name. `Cluster` is cluster mode enabled: the
other masters elect the replica, and clients find it by themselves.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Protocol

import redis
from redis.crc import key_slot
from redis.exceptions import RedisError

from dev.process import wait_until
from dev.recipes import HOST
from dev.servers import Server
from firstcome.gate.keys import keys_of
from tests.patience import PATIENCE_S
from tests.proxy import Proxy
from tests.topology import recipes

if TYPE_CHECKING:
    from pathlib import Path

SHARDS = 3  # fewer masters cannot elect anybody when one of them is gone
SLOTS = 16_384


class Failing(Protocol):
    """A Redis that has a replica of everything."""

    name: str

    @property
    def environ(self) -> dict[str, str]:
        """What the settings read."""

    @property
    def nodes(self) -> list[Server]:
        """Every process."""

    def holders(self, event_id: str) -> tuple[Server, Server]:
        """Return the primary and the replica that hold the gate of this event."""

    def promote(self, replica: Server) -> None:
        """Return when the replica of a primary that died has taken over."""

    def mend(self) -> None:
        """Have every node up, and every replica with all that its primary has."""


class Pair:
    """A primary and its replica behind one name, which here is a proxy's address."""

    name = "one name"

    def __init__(self, folder: Path) -> None:
        self.nodes = [_node(f"redis-{letter}", folder) for letter in "ab"]
        self.primary = self.nodes[0]
        self.endpoint = Proxy(lambda: (HOST, self.primary.port))

    @property
    def environ(self) -> dict[str, str]:
        """What the settings read."""
        return {"FIRSTCOME_REDIS_URL": f"redis://{self.endpoint.address}/0", "FIRSTCOME_REDIS_CLUSTER": "0"}

    @property
    def replica(self) -> Server:
        """Whichever is not the primary."""
        return next(node for node in self.nodes if node is not self.primary)

    def holders(self, event_id: str) -> tuple[Server, Server]:
        """Return the primary and the replica; each event has the same."""
        assert event_id
        return self.primary, self.replica

    def promote(self, replica: Server) -> None:
        """Have the replica take writes, and the name lead to it."""
        with client(replica) as asked:
            asked.replicaof("NO", "ONE")
        self.primary = replica
        self.endpoint.cut()

    def mend(self) -> None:
        """Have both up, and the one that is not the primary follow it; who was away has forgotten everything."""
        _start(self.nodes)
        with client(self.replica) as asked:
            if asked.role()[0] != b"slave":
                asked.replicaof(HOST, self.primary.port)
        wait_until(lambda: has_all(self.primary, self.replica), "the replica has what its primary has")


class Cluster:
    """Three masters with a replica each; `endpoint` leads to any of them, as the configuration endpoint does."""

    name = "cluster"

    def __init__(self, folder: Path) -> None:
        self.nodes = [_node(f"redis-{number}", folder, cluster=True) for number in range(2 * SHARDS)]
        self.endpoint = Proxy(lambda: (HOST, next(node.port for node in self.nodes if node.running)))

    @property
    def environ(self) -> dict[str, str]:
        """What the settings read."""
        return {"FIRSTCOME_REDIS_URL": f"redis://{self.endpoint.address}/0", "FIRSTCOME_REDIS_CLUSTER": "1"}

    def assemble(self) -> None:
        """Have the nodes, which know nothing of each other, become a cluster."""
        masters, replicas = self.nodes[:SHARDS], self.nodes[SHARDS:]
        bounds = [SLOTS * shard // SHARDS for shard in range(SHARDS + 1)]
        for number, node in enumerate(self.nodes):
            with client(node) as asked:
                asked.execute_command("CLUSTER SET-CONFIG-EPOCH", number + 1)
                if node in masters:
                    asked.execute_command("CLUSTER ADDSLOTSRANGE", bounds[number], bounds[number + 1] - 1)
        for node in self.nodes[1:]:
            with client(node) as asked, client(self.nodes[0]) as first:
                first.execute_command("CLUSTER MEET", HOST, node.port, asked.config_get("cluster-port")["cluster-port"])
        for master, replica in zip(masters, replicas, strict=True):
            with client(master) as asked:
                master_id = asked.execute_command("CLUSTER MYID")
            wait_until(partial(_replicates, replica, master_id), f"{replica.name} is a replica")

    def holders(self, event_id: str) -> tuple[Server, Server]:
        """Return the master and the replica that hold the gate of this event."""
        slot = key_slot(keys_of(event_id).event.encode())
        [found] = [nodes for first, last, nodes in self._shards() if first <= slot <= last]
        primary, replica = found
        return primary, replica

    def promote(self, replica: Server) -> None:
        """Return when the other masters have elected it, and everybody knows."""

        def elected() -> bool:
            with client(replica) as asked:
                return asked.role()[0] == b"master" and self._ok()

        wait_until(elected, f"{replica.name} is elected")

    def mend(self) -> None:
        """Have all up; who was away finds its successor, follows it, and has forgotten everything."""
        _start(self.nodes)

        def whole() -> bool:
            shards = [nodes for _, _, nodes in self._shards()]
            return self._ok() and len(shards) == SHARDS and all(len(nodes) == 2 and has_all(*nodes) for nodes in shards)

        wait_until(whole, "the cluster is whole")

    def _shards(self) -> list[tuple[int, int, list[Server]]]:
        """Return the first and last slot of each shard, and its nodes, the primary first."""
        at = {node.port: node for node in self.nodes}
        with client(next(node for node in self.nodes if node.running)) as asked:
            slots = asked.execute_command("CLUSTER SLOTS")
        return [(first, last, [at[port] for _, port, *_ in nodes]) for first, last, *nodes in slots]

    def _ok(self) -> bool:
        return all(_says_ok(node) for node in self.nodes if node.running)


def client(node: Server) -> redis.Redis:
    """Return a client of this node alone."""
    return redis.Redis(HOST, node.port, socket_timeout=PATIENCE_S)


def has_all(primary: Server, replica: Server) -> bool:
    """Say whether the replica has everything that its primary has."""
    with client(primary) as first, client(replica) as second:
        of, at = first.info("replication"), second.info("replication")
    return bool(
        at["role"] == "slave"
        and at["master_link_status"] == "up"
        and not at["master_sync_in_progress"]
        and at["master_replid"] == of["master_replid"]
        and at["slave_repl_offset"] == of["master_repl_offset"]
    )


def cut_off(primary: Server, replica: Server) -> None:
    """Let the replica miss whatever is written from now on, until its primary is dead.

    It is stopped, and its link closed: what the kernel would keep for it is not written either.
    """
    wait_until(lambda: has_all(primary, replica), "the replica has what its primary has")
    replica.pause()
    with client(primary) as asked:
        asked.client_kill_filter(_type="replica")


def offset(node: Server) -> int:
    """Return how much of all that was ever written this node has."""
    with client(node) as asked:
        about = asked.info("replication")
    return int(about["slave_repl_offset" if about["role"] == "slave" else "master_repl_offset"])


def _node(name: str, folder: Path, *, cluster: bool = False) -> Server:
    return Server(recipes.redis(name, cluster=cluster), folder / name)


def _start(nodes: list[Server]) -> None:
    for node in nodes:
        node.resume()
        if not node.running:
            node.start()


def _replicates(replica: Server, master_id: bytes) -> bool:
    with client(replica) as asked:
        try:
            asked.execute_command("CLUSTER REPLICATE", master_id)
        except RedisError:  # it has not met the master yet
            return False
        return bool(asked.role()[0] == b"slave")


def _says_ok(node: Server) -> bool:
    with client(node) as asked:
        return bool(asked.cluster("INFO")["cluster_state"] == "ok")
