"""The consumer of the tutorials, which makes a row of each record; killed at any moment, it comes back.

python -m benchmarks.ladder.consumer STEP
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from typing import NoReturn

from kafka import KafkaConsumer, TopicPartition

from benchmarks.harness.bench import DRAINED_S, Bench
from benchmarks.ladder.steps import STEPS, Step
from dev.child import Child
from dev.cloud import ROOT
from dev.process import wait_until
from firstcome.settings import Settings
from firstcome.stream.reader import StreamReader
from firstcome.stream.topic import ensure_topic

# A record that is still in the memory of a process which nobody asks any more is sent within milliseconds.
QUIET_S = 0.5


def environ(bench: Bench) -> dict[str, str]:
    """Return the environment of a process of the benchmarks over its servers."""
    return {**os.environ, "PYTHONPATH": str(ROOT / "layers" / "common" / "python"), **bench.environ}


class Consumer(Child):
    """The consumer of one step as a process, and how far it has read."""

    def __init__(self, bench: Bench, step: Step) -> None:
        """Make its topic; it does not run until it is started."""
        settings = replace(bench.settings, kafka_topic=step.topic, kafka_group=step.topic)
        ensure_topic(settings, partitions=1, replication=1)
        command = [sys.executable, "-m", "benchmarks.ladder.consumer", str(STEPS.index(step))]
        log = bench.folder / f"{step.topic}.log"
        super().__init__(f"{step.topic}-consumer", command, log=log, env=environ(bench), cwd=ROOT)
        self._reader = StreamReader(settings)

    def drained(self) -> None:
        """Return when all records have been read."""
        wait_until(self._reader.caught_up, f"what {self.name} reads is read", timeout_s=DRAINED_S)

    def finish(self) -> None:
        """Return when all records have been read, those too that are only sent in a moment."""
        self.drained()
        time.sleep(QUIET_S)
        self.drained()


def consume(step: Step) -> NoReturn:
    """Make a row of every record, and commit the offsets after each poll, as the listener of the usual framework.

    Killed at any moment, its successor goes on from the committed offsets.
    """
    settings = Settings.from_env()
    assert step.consume is not None, step
    insert = step.consume(settings)
    consumer = KafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap,
        group_id=step.topic,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        check_crcs=False,  # as the local cloud's poller
    )
    # Without joining the group, where the place of one that was killed stays taken for 45 s.
    consumer.assign([TopicPartition(step.topic, 0)])
    while True:
        for records in consumer.poll(timeout_ms=1_000).values():
            for record in records:
                insert(*record.value.decode().split())
            consumer.commit()


if __name__ == "__main__":
    consume(STEPS[int(sys.argv[1])])
