"""What stands behind the processes that answer people: nothing, a consumer, or the functions of firstcome."""

from __future__ import annotations

import os
import signal
import sys
import time
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

from kafka import KafkaConsumer, TopicPartition

from dev.child import Child
from dev.cloud import ROOT
from dev.process import wait_until
from firstcome.stream.topic import ensure_topic

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from benchmarks.bench import Bench
    from dev.cloud import Cloud
    from firstcome.stores import Stores

SETTLED_WITHIN_S = 60.0
CONSUMED_WITHIN_S = 10.0  # its batching window is a second
# A record that is still in the memory of a process which nobody asks any more is sent within milliseconds.
QUIET_S = 0.5


class Nothing:
    """The processes do all of it while a person waits."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def open(self, coupons: int) -> str:
        """Make an event; return its id."""
        event_id = f"ladder-{uuid.uuid4().hex[:12]}"
        self._bench.query("INSERT INTO tutorial_event VALUES (%s, %s)", event_id, coupons)
        return event_id

    def settle(self, event_id: str, promises: int) -> None:
        """Return at once: nothing is ever on its way."""

    def mend(self, event_id: str, promises: int) -> None:
        """Let everything settle: nothing looks for what a process left behind that died."""
        self.settle(event_id, promises)

    def kill(self) -> None:
        """Kill nothing."""

    def close(self) -> None:
        """End nothing."""


class Consumer(Nothing):
    """The consumer of a tutorial, and an eye on how far it has read."""

    def __init__(self, bench: Bench, module: str, topic: str, environ: Mapping[str, str], log: Path) -> None:
        super().__init__(bench)
        ensure_topic(replace(bench.settings, kafka_topic=topic), partitions=1, replication=1)
        command = [sys.executable, "-m", "benchmarks.strategies.consumer", module]
        self._child = Child("consumer", command, log=log, env=environ, cwd=ROOT)
        self._child.start()
        self._partition = TopicPartition(topic, 0)
        bootstrap = bench.settings.kafka_bootstrap
        self._eye = KafkaConsumer(bootstrap_servers=bootstrap, group_id=topic, enable_auto_commit=False)
        self._began = 0

    def open(self, coupons: int) -> str:
        """Make an event, and note where the topic ends; return its id."""
        self._began = self._end()
        return super().open(coupons)

    def settle(self, _event_id: str, promises: int) -> None:
        """Return when all records have been read. Where some of those promised are missing, wait a moment for them."""
        self._until_read()
        if self._end() < self._began + promises:
            time.sleep(QUIET_S)
            self._until_read()

    def kill(self) -> None:
        """Kill the consumer, which comes back by itself."""
        _kill([self._child.pid])

    def close(self) -> None:
        """End it."""
        self._eye.close()
        self._child.stop()

    def _end(self) -> int:
        end: int = self._eye.end_offsets([self._partition])[self._partition]
        return end

    def _until_read(self) -> None:
        def read() -> bool:
            return bool((self._eye.committed(self._partition) or 0) == self._end())

        wait_until(read, f"{self._partition.topic} is read", timeout_s=SETTLED_WITHIN_S)


class Functions:
    """Consume and retry of firstcome, in a local cloud."""

    def __init__(self, bench: Bench, stores: Stores, cloud: Cloud) -> None:
        self._bench = bench
        self._stores = stores
        self._cloud = cloud

    def open(self, coupons: int) -> str:
        """Make an event, and open it; return its id."""
        return self._bench.open_event(self._stores, coupons, "ladder")

    def settle(self, event_id: str, promises: int) -> None:
        """Return when every ticket has its row, and the gate knows it."""
        try:
            wait_until(lambda: not self._pending(event_id), f"{event_id} is settled", timeout_s=CONSUMED_WITHIN_S)
        except TimeoutError:  # a send took too long on a busy machine
            self.mend(event_id, promises)

    def mend(self, event_id: str, _promises: int) -> None:
        """Let the schedule run, until every ticket has its row and the gate knows it."""

        def whole() -> bool:
            self._cloud.invoke("retry", {})
            return not self._pending(event_id)

        wait_until(whole, f"{event_id} is mended", timeout_s=SETTLED_WITHIN_S)

    def kill(self) -> None:
        """Kill the poller and the environments of consume, which come back by themselves."""
        _kill([self._cloud.poller.pid, *self._cloud.environments("consume")])

    def close(self) -> None:
        """Leave the cloud to whoever started it."""

    def _pending(self, event_id: str) -> int:
        view = self._stores.gate.show(event_id)
        assert view is not None, event_id
        return view.pending


Behind = Nothing | Consumer | Functions


def _kill(pids: list[int | None]) -> None:
    for pid in pids:
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
