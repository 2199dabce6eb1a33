"""Questions to the brokers through kafka-python's admin client."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from kafka import KafkaAdminClient
from kafka.errors import RetriableError

from firstcome.settings import Settings
from firstcome.stream.connect import kafka_config
from firstcome.stream.spans import left_ms

T = TypeVar("T")

# A try to connect may land on the one broker that is down: several of them fit into one call.
CONNECT_TRIES = 3
PAUSE_MS = 100  # before Kafka is asked again: a coordinator that moves needs some seconds


def ask(settings: Settings, deadline: float, question: Callable[[Any], T]) -> T:
    """Return what `question` learns from an admin client; "not now" is asked again, until the deadline."""
    share_ms = settings.kafka_read_timeout_ms // CONNECT_TRIES
    config = kafka_config(settings) | {"request_timeout_ms": share_ms}
    while True:
        try:
            with _admin(config, min(share_ms, left_ms(deadline))) as admin:
                return question(admin)
        except RetriableError:
            if left_ms(deadline) <= PAUSE_MS:
                raise
            time.sleep(PAUSE_MS / 1000)


@contextmanager
def _admin(config: dict[str, Any], connect_ms: int) -> Iterator[Any]:
    """Lend an admin client. Its constructor connects, and leaves its thread and sockets behind when it fails."""
    made: list[Any] = []

    def net_client(**configs: Any) -> Any:
        made.append(config["kafka_client"](**configs))
        return made[0]

    try:
        admin = KafkaAdminClient(**config | {"kafka_client": net_client}, bootstrap_timeout_ms=connect_ms)
    except BaseException:
        for client in made:
            client.close()
        raise
    try:
        yield admin
    finally:
        admin.close()
