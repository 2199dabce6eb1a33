"""The consumer of a step that writes into a topic: every record a row, the offsets committed after each poll.

    python -m benchmarks.strategies.consumer MODULE

So does the listener of the usual framework. Killed at any moment, its successor goes on from the committed offsets.
"""

from __future__ import annotations

import importlib
import sys

from kafka import KafkaConsumer, TopicPartition

from firstcome.settings import Settings


def main() -> None:
    """Consume for ever."""
    settings = Settings.from_env()
    module = importlib.import_module(f"benchmarks.strategies.{sys.argv[1]}")
    insert = module.consume(settings)
    consumer = KafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap,
        group_id=module.TOPIC,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        check_crcs=False,  # as the local cloud's poller
    )
    # Without joining the group, where the place of one that was killed stays taken for 45 s.
    consumer.assign([TopicPartition(module.TOPIC, 0)])
    while True:
        for records in consumer.poll(timeout_ms=1_000).values():
            for record in records:
                insert(*record.value.decode().split())
            consumer.commit()


if __name__ == "__main__":
    main()
