"""The servers of production's topology, in place of the local cloud's three."""

from __future__ import annotations

import contextlib
import copy
from typing import TYPE_CHECKING, Self

from dev.install import kafka_jars
from dev.servers import Servers
from tests.topology.brokers import Brokers
from tests.topology.gates import Cluster, Pair
from tests.topology.ledgers import Ledgers

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.topology.gates import Failing


class Topology(Servers):
    """Brokers, gates and ledgers. `gate` is the Redis that clients are told of: `pair`, which is what is deployed."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, environ={})
        folder = folder.absolute()
        self.brokers, self.pair, self.cluster, self.ledgers = (
            Brokers(folder),
            Pair(folder),
            Cluster(folder),
            Ledgers(folder),
        )
        self.gate: Failing = self.pair
        every = [*self.brokers.all, *self.pair.nodes, *self.cluster.nodes, *self.ledgers.all]
        self.ours = {server.name: server for server in every}
        self._endpoints = (self.pair.endpoint, self.cluster.endpoint, self.ledgers.endpoint)

    def with_gate(self, gate: Failing) -> Self:
        """Return the same servers, where clients are told of this Redis."""
        other = copy.copy(self)
        other.gate = gate
        return other

    @property
    def redis_url(self) -> str:
        """Where clients find the gate."""
        return self.gate.environ["FIRSTCOME_REDIS_URL"]

    @property
    def kafka_bootstrap(self) -> str:
        """The addresses of all brokers."""
        return self.brokers.bootstrap

    @property
    def mysql_url(self) -> str:
        """Where clients find the ledger."""
        return self.ledgers.url

    @property
    def environ(self) -> dict[str, str]:
        """What the settings read."""
        return super().environ | self.gate.environ | {"FIRSTCOME_KAFKA_REPLICATION": str(len(self.brokers.brokers))}

    def start(self, say: Callable[[str], None] = print, *, dies_with_us: bool = False) -> None:
        """Have all of them answering and knowing each other; stop them again where one does not come up."""
        kafka_jars(say)
        super().start(say, dies_with_us=dies_with_us)

    def assemble(self) -> None:
        """Have replicas follow their primaries, and clients reach whoever leads."""
        for endpoint in self._endpoints:
            endpoint.start()
        self.ledgers.assemble()
        self.cluster.assemble()
        self.mend()

    def mend(self) -> None:
        """Have everything up, every replica in step, every leader where it belongs."""
        for part in (self.pair, self.cluster, self.ledgers, self.brokers):
            part.mend()

    def stop(self) -> None:
        """End all of them."""
        for server in self.ours.values():
            with contextlib.suppress(ProcessLookupError):
                server.resume()
        super().stop()
        for endpoint in self._endpoints:
            endpoint.stop()
