"""The topic `coupon_create`: the settings that the promise needs, and its making."""

import time
from collections.abc import Mapping
from typing import Any

from kafka.errors import TopicAlreadyExistsError

from firstcome.settings import Settings
from firstcome.stream.admin import ask
from firstcome.stream.spans import left_ms, unavailable

TOPIC_CONFIGS = {
    # The broker's own clock. Records are deleted by age, so a wrong clock of a producer would delete them early; and
    # failed_event tells records of a topic that was made anew from the old ones by this time.
    "message.timestamp.type": "LogAppendTime",
    # The backlog is the only place where an accepted application stands: longer than any outage that people sleep
    # through, and the weekend after it.
    "retention.ms": str(14 * 24 * 3600 * 1000),
    "cleanup.policy": "delete",
    # A replica that lacks acknowledged records never becomes the leader; some clusters allow it by default.
    "unclean.leader.election.enable": "false",
}


def ensure_topic(
    settings: Settings, partitions: int, replication: int, configs: Mapping[str, str] | None = None
) -> bool:
    """Create the topic unless it exists, with `TOPIC_CONFIGS`; return whether it was created.

    A topic that exists is left as it is. Raise `Unavailable` when Kafka is away or refuses, for example more replicas
    than there are brokers.
    """
    deadline = time.monotonic() + settings.kafka_read_timeout_ms / 1000
    topic = {
        "num_partitions": partitions,
        "replication_factor": replication,
        # One replica may be away without stopping the writes, and every acknowledged record is on two disks.
        "configs": TOPIC_CONFIGS | {"min.insync.replicas": str(min(2, replication))} | dict(configs or {}),
    }

    def create(admin: Any) -> bool:
        # Looked for first: who may not make topics may still find that there is one.
        [described] = admin.describe_topics([settings.kafka_topic])
        if not described["error_code"]:
            return False
        try:
            admin.create_topics({settings.kafka_topic: topic})
        except TopicAlreadyExistsError:
            return False
        # Known to the controller is not yet known to every broker.
        admin.wait_for_topics([settings.kafka_topic], timeout_ms=left_ms(deadline))
        return True

    with unavailable():
        return ask(settings, deadline, create)
