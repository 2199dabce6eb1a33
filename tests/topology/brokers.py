"""Three real brokers and their controller, as Amazon MSK has them: two replicas of three must have what is told."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from kafka import KafkaAdminClient, TopicPartition
from kafka.errors import KafkaError
from kafka.partitioner.default import murmur2

from dev.process import wait_until
from dev.recipes import new_cluster_id
from dev.servers import Server
from tests.topology import recipes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

BROKERS = (1, 2, 3)
PREFERRED = 0  # kind of an election


class Brokers:
    """The controller and the brokers, by their numbers."""

    def __init__(self, folder: Path) -> None:
        cluster_id = new_cluster_id()
        self.controller = _server(recipes.controller(cluster_id), folder)
        self.brokers = {
            number: _server(recipes.broker(number, cluster_id, self.controller), folder) for number in BROKERS
        }

    @property
    def all(self) -> list[Server]:
        """Every process, the controller first."""
        return [self.controller, *self.brokers.values()]

    @property
    def bootstrap(self) -> str:
        """The addresses of all brokers."""
        return ",".join(broker.url for broker in self.brokers.values())

    @contextlib.contextmanager
    def admin(self) -> Iterator[Any]:
        """Lend a client for operators, of a broker that runs."""
        running = [broker.url for broker in self.brokers.values() if broker.running]
        admin = KafkaAdminClient(bootstrap_servers=running)
        try:
            yield admin
        finally:
            admin.close()

    def partitions(self, topic: str | None = None) -> dict[TopicPartition, dict[str, Any]]:
        """Return what the brokers say of each partition, of this topic or of all."""
        with self.admin() as admin:
            topics = admin.describe_topics(None if topic is None else [topic])
        return {
            TopicPartition(each["name"], partition["partition_index"]): partition
            for each in topics
            for partition in each["partitions"]
        }

    def elect(self) -> None:
        """Have the first replica of each partition lead it again."""
        with self.admin() as admin:
            admin.elect_leaders(PREFERRED)

    def move_leaders(self, topic: str) -> None:
        """Have each partition of the topic led by the next one of its replicas."""
        orders = {at: list(about["replica_nodes"]) for at, about in self.partitions(topic).items()}
        moved = {at: [*order[1:], order[0]] for at, order in orders.items()}
        with self.admin() as admin:
            refused = {at: error for at, error in admin.alter_partition_reassignments(moved).items() if error}
            assert not refused, refused
            admin.elect_leaders(PREFERRED)

        self.wait_for(lambda at, about: about["leader_id"] == moved[at][0], "led by another broker", topic)

    def mend(self) -> None:
        """Have every broker up, every replica in sync, and the first of each leading."""
        for server in self.all:
            server.resume()
            if not server.running:
                server.launch()
        for server in self.all:
            server.wait_ready()

        self.wait_for(lambda _, about: len(about["isr_nodes"]) == len(about["replica_nodes"]), "in sync")
        self.elect()

    def wait_for(
        self, rule: Callable[[TopicPartition, dict[str, Any]], bool], description: str, topic: str | None = None
    ) -> None:
        """Return when this is so of every partition, of this topic or of all."""

        def so() -> bool:
            try:
                return all(rule(at, about) for at, about in self.partitions(topic).items())
            except KafkaError:  # a broker that has died is asked until everybody knows of it
                return False

        wait_until(so, f"every partition is {description}")


def partition_of(user_id: str, partitions: int) -> int:
    """Return the partition of this person's records, as every producer computes it."""
    return int(murmur2(user_id.encode()) & 0x7FFFFFFF) % partitions


def _server(recipe: Any, folder: Path) -> Server:
    return Server(recipe, folder / recipe.name)
