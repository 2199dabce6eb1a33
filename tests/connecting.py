"""How long a cold environment takes to connect to a broker as MSK's: TCP, TLS, a token of IAM, SASL, and one question.

python -m tests.connecting    prints a table of milliseconds; docs/connections.md has one

The client is a process of its own, which a second one stops and continues fifty times a second, so that it has the
share of a CPU that Lambda lends to a function of this size.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dev.recipes import HOST
from dev.servers import Servers
from firstcome.runtime import credentials
from firstcome.settings import Settings
from tests.doors import Door
from tests.integration.tls.authority import Authority
from tests.proxy import Proxy

if TYPE_CHECKING:
    from multiprocessing.connection import Connection as Pipe

    from tests.proxy import Pair

CONNECTIONS = 60  # of each row
PERIOD_S = 0.02  # in which the client runs for its share and stands still for the rest
FULL_CPU_MB = 1_769  # of a function's memory, with which Lambda lends one CPU
MEMORY_MB = (FULL_CPU_MB, 1_024, 512)
ROUND_TRIP_S = (0.0, 0.001, 0.002)
PATIENCE_MS = 60_000
KEYS = {
    "AWS_ACCESS_KEY_ID": "AKIA" + 16 * "A",
    "AWS_SECRET_ACCESS_KEY": 40 * "s",
    "AWS_SESSION_TOKEN": 900 * "t",  # as long as Lambda's are
    "AWS_REGION": "eu-central-1",
    "AWS_DEFAULT_REGION": "eu-central-1",
}


class Far(Proxy):
    """A proxy whose bytes are on their way for a while."""

    round_trip_s = 0.0

    def request(self, data: bytes, pair: Pair) -> bytes:
        """Keep them for half of the round trip."""
        time.sleep(self.round_trip_s / 2)
        return super().request(data, pair)

    def answer(self, data: bytes, pair: Pair) -> bytes:
        """Keep them for the other half."""
        time.sleep(self.round_trip_s / 2)
        return super().answer(data, pair)


def connect(settings: Settings, port: int, pipe: Pipe, *, primed: bool) -> None:
    """Connect again and again; send how long each took, in milliseconds."""
    os.environ.update(KEYS)
    from kafka.protocol.metadata import MetadataRequest

    from firstcome.stream.connect import kafka_config
    from firstcome.stream.connection import Connection, after, tls_context

    if primed:
        credentials.prime_tokens()
    config: dict[str, Any] = kafka_config(settings)
    tls = tls_context(config)
    pipe.send("ready")
    pipe.recv()
    for _ in range(CONNECTIONS if primed else 1):
        began = time.perf_counter()
        with closing(Connection((HOST, port), config, tls, after(PATIENCE_MS))) as connection:
            connection.ask(MetadataRequest(topics=[]), after(PATIENCE_MS))
        pipe.send((time.perf_counter() - began) * 1000)
    pipe.send(None)


def measured(settings: Settings, port: int, share: float, *, primed: bool) -> list[float]:
    """Return what a client with this share of a CPU needs."""
    ours, theirs = multiprocessing.Pipe()
    context = multiprocessing.get_context("spawn")
    client = context.Process(target=connect, args=(settings, port, theirs), kwargs={"primed": primed})
    client.start()
    assert client.pid is not None
    assert ours.recv() == "ready"
    ours.send("go")
    took: list[float] = []
    while True:
        while ours.poll(PERIOD_S * share):
            if (one := ours.recv()) is None:
                client.join()
                return sorted(took)
            took.append(one)
        os.kill(client.pid, signal.SIGSTOP)
        time.sleep(PERIOD_S * (1 - share))
        os.kill(client.pid, signal.SIGCONT)


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder, Servers(Path(folder) / "servers") as servers:
        authority = Authority(Path(folder) / "authority", HOST)
        settings = Settings(
            kafka_bootstrap=servers.kafka_bootstrap, kafka_security="AWS_MSK_IAM", kafka_ca_file=str(authority.ca_file)
        )
        with Door.to(servers.kafka_bootstrap) as door, Far.to(door.address) as far:
            door.certified_by(authority.cert_file, authority.key_file)
            print("| memory, MB | round trip, ms | median | 19 of 20 | longest |\n| --- | --- | --- | --- | --- |")
            for memory in MEMORY_MB:
                for round_trip in ROUND_TRIP_S:
                    far.round_trip_s = round_trip
                    took = measured(settings, far.port, memory / FULL_CPU_MB, primed=True)
                    # The handshake of TCP is answered at once.
                    took = [one + round_trip * 1000 for one in took]
                    columns = (took[len(took) // 2], took[len(took) * 19 // 20], took[-1])
                    shown = " | ".join(f"{one:.0f}" for one in columns)
                    print(f"| {memory} | {round_trip * 1000:.0f} | {shown} |", flush=True)
            for memory in MEMORY_MB:
                [cold] = measured(settings, far.port, memory / FULL_CPU_MB, primed=False)
                print(f"| {memory}, nothing primed | 2 | {cold:.0f} | | |", flush=True)
            assert all(proof["action"] == "kafka-cluster:Connect" for proof in door.proofs())


if __name__ == "__main__":
    main()
