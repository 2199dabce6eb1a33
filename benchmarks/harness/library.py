"""The library's own producer, as it is used where each record is awaited: the floor of what a winner costs.

It does what the promise needs, and nothing that only speed needs: acknowledged by every in-sync replica, no duplicates
of its own making, bounded as the functions are.
"""

from __future__ import annotations

import socket
from typing import Any

from kafka import KafkaProducer

from firstcome.settings import Settings
from firstcome.stream.connect import kafka_config


def awaited_producer(settings: Settings) -> KafkaProducer:
    """Return the library's producer for records that are awaited one by one; it connects with its first."""
    config = kafka_config(settings)

    def net_client(**configs: Any) -> Any:
        # The first metadata then has our topic; otherwise a second request follows, after a pause of 100 ms.
        client = config["kafka_client"](**configs)
        client.cluster.add_topic(settings.kafka_topic)
        return client

    return KafkaProducer(
        **config | {"kafka_client": net_client},
        acks="all",
        enable_idempotence=True,
        max_block_ms=settings.kafka_max_block_ms,
        delivery_timeout_ms=settings.kafka_delivery_timeout_ms,
        socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        metrics_enabled=False,
    )
