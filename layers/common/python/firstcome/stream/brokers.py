"""The brokers of the topic: who leads which partition, and one connection to each that is used."""

import random
import time
from typing import Any

from kafka.errors import KafkaError, LeaderNotAvailableError, RetriableError, ThrottlingQuotaExceededError, for_code
from kafka.partitioner import murmur2
from kafka.protocol.metadata import MetadataRequest

from firstcome.settings import Settings
from firstcome.stream.backoff import Backoff, NotConnectingError, TooManyConnectsError
from firstcome.stream.connect import kafka_config
from firstcome.stream.connection import Address, Connection, after, left_s, tls_context

PAUSE_S = 0.1  # before the same is asked again: leaders, topics and brokers come back in their own time
METADATA_AGE_S = 300  # partitions may be added; the library's figure


class Brokers:
    """Finds and connects; nothing happens before it is asked, and nothing between two questions: there is no thread.

    Connections are kept by address. A bootstrap server that leads the partition is connected to once.
    """

    def __init__(self, settings: Settings) -> None:
        self._topic = settings.kafka_topic
        # Connecting to one broker and asking it once: a dead one leaves time for two others.
        self._setup_ms = settings.kafka_max_block_ms // 3
        self._config = kafka_config(settings)
        self._tls = tls_context(self._config)
        self._bootstrap = [_address(server) for server in self._config["bootstrap_servers"]]
        self._connections: dict[Address, Connection] = {}
        # Of the whole environment: a storm reaches all brokers, and connections that there are serve on.
        self._backoff = Backoff(settings.kafka_backoff_base_ms, settings.kafka_backoff_cap_ms)
        self._leaders: list[Address | None] = []  # of each partition
        self._known: list[Address] = []
        self._stale_at = 0.0  # monotonic: ask who leads

    def leader(self, key: bytes, deadline: float) -> tuple[Connection, int]:
        """Return a connection to the leader of the key's partition, and the partition. Nothing was sent to it yet.

        Where there is none, ask again until the deadline; then raise what was wrong, as for what does not pass, and for
        what a moment does not mend: `TooManyConnectsError`.
        """
        while True:
            try:
                if time.monotonic() >= self._stale_at:
                    self._ask_who_leads(deadline)
                # As Java's and the library's partitioner, so that a person stays in one partition, whoever sends.
                partition = (murmur2(key) & 0x7FFFFFFF) % len(self._leaders)
                if (address := self._leaders[partition]) is None:
                    raise LeaderNotAvailableError(f"partition {partition}")
                connection = self._connection(address, deadline)
            except (OSError, RetriableError):
                self._stale_at = 0.0
                if not pause(deadline):
                    raise
                continue
            if (quiet_s := connection.quiet_until - time.monotonic()) > 0:
                if quiet_s >= left_s(deadline):
                    raise ThrottlingQuotaExceededError(f"for {quiet_s:.1f} s more")
                time.sleep(quiet_s)
            return connection, partition

    def failed(self, connection: Connection, error: Exception) -> None:
        """Take the leaders for unknown, and the connection for dead unless the broker itself said no over it."""
        self._stale_at = 0.0
        if not isinstance(error, KafkaError):
            self._drop(connection)

    def forget(self) -> None:
        """Close all connections, and forget that one was refused."""
        self._backoff.reset()
        self.close()

    def close(self) -> None:
        """Close all connections, and forget who leads."""
        self._stale_at = 0.0
        self._known = []
        for connection in list(self._connections.values()):
            self._drop(connection)

    def _connection(self, address: Address, deadline: float) -> Connection:
        connection = self._connections.get(address)
        if connection is not None:
            if connection.usable:
                return connection
            self._drop(connection)
        if self._backoff.quiet:
            raise NotConnectingError(f"{address[0]}:{address[1]}")
        setup = min(deadline, after(self._setup_ms))
        try:
            connection = self._connections[address] = Connection(address, self._config, self._tls, setup)
        except TooManyConnectsError:
            self._backoff.failed()
            raise
        self._backoff.reset()
        return connection

    def _drop(self, connection: Connection) -> None:
        self._connections.pop(connection.address, None)
        connection.close()

    def _ask_who_leads(self, deadline: float) -> None:
        """Ask one broker after the other, until one answers."""
        addresses = dict.fromkeys([*_shuffled(self._known), *_shuffled(self._bootstrap)])
        error: Exception
        for address in sorted(addresses, key=lambda address: address not in self._connections):
            try:
                return self._learn(self._metadata(address, deadline))
            except (OSError, RetriableError) as failed:
                error = failed
        raise error

    def _metadata(self, address: Address, deadline: float) -> Any:
        own = min(deadline, after(self._setup_ms))
        connection = self._connection(address, own)
        request = MetadataRequest(
            topics=[MetadataRequest.MetadataRequestTopic(name=self._topic)],
            # Only `ensure_topic` makes topics: a broker that makes one by itself gives it one partition, no replica.
            allow_auto_topic_creation=False,
            include_cluster_authorized_operations=False,
            include_topic_authorized_operations=False,
        )
        try:
            return connection.ask(request, own)
        except Exception:
            self._drop(connection)
            raise

    def _learn(self, metadata: Any) -> None:
        [topic] = metadata.topics
        if topic.error_code:
            raise for_code(topic.error_code)(self._topic)
        brokers = {broker.node_id: (broker.host, broker.port) for broker in metadata.brokers}
        partitions = sorted(topic.partitions, key=lambda partition: partition.partition_index)
        self._leaders = [brokers.get(partition.leader_id) for partition in partitions]
        self._known = list(brokers.values())
        self._stale_at = time.monotonic() + METADATA_AGE_S
        for address in set(self._connections) - {*self._known, *self._bootstrap}:
            self._drop(self._connections[address])


def pause(deadline: float) -> bool:
    """Wait a moment before the next try; return False at once if there is no time for one."""
    if deadline - time.monotonic() <= PAUSE_S:
        return False
    time.sleep(PAUSE_S)
    return True


def _address(server: str) -> Address:
    """Return host and port of "host:port"; an IPv6 address stands in brackets."""
    host, _, port = server.rpartition(":")
    return host.strip("[]"), int(port)


def _shuffled(addresses: list[Address]) -> list[Address]:
    return random.sample(addresses, len(addresses))
