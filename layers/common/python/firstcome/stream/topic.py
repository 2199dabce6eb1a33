"""The topic `coupon_create`: the settings that the promise needs, its making, and its mending."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kafka.admin import ConfigResource
from kafka.errors import TopicAlreadyExistsError

from firstcome.rules import Unsuitable
from firstcome.settings import Settings
from firstcome.stream.admin import PAUSE_MS, ask
from firstcome.stream.spans import left_ms, unavailable

TOPIC_CONFIGS = {
    # The broker's own clock. Records are deleted by age, so a wrong clock of a producer would delete them early; and
    # failed_event tells records of a topic that was made anew from the old ones by this time.
    "message.timestamp.type": "LogAppendTime",
    # The backlog is the only place where an accepted application stands: longer than any outage that people sleep
    # through, and the weekend after it.
    "retention.ms": str(14 * 24 * 3600 * 1000),
    # By age alone: a disk that is full stops the writes, and is seen; a record that was deleted for room is not.
    "retention.bytes": "-1",
    "cleanup.policy": "delete",
    # A replica that lacks acknowledged records never becomes the leader; some clusters allow it by default.
    "unclean.leader.election.enable": "false",
}
# One replica may be away without stopping the writes, and every acknowledged record is on two disks.
IN_SYNC = "min.insync.replicas"
IN_SYNC_REPLICAS = 2

ALTERED = "OK"  # the library's word for a change that the broker has made


@dataclass(frozen=True, slots=True)
class Checked:
    """What `check_topic` has changed, and what an operator should know; in words."""

    changes: list[str]
    warnings: list[str]


def topic_configs(replication: int) -> dict[str, str]:
    """Return every setting of a topic that has so many replicas."""
    return TOPIC_CONFIGS | {IN_SYNC: str(min(IN_SYNC_REPLICAS, replication))}


def ensure_topic(
    settings: Settings, partitions: int, replication: int, configs: Mapping[str, str] | None = None
) -> bool:
    """Create the topic unless it exists, with `topic_configs`; return whether it was created.

    A topic that exists is left as it is: see `check_topic`. Raise `Unavailable` when Kafka is away or refuses, for
    example more replicas than there are brokers.
    """
    deadline = time.monotonic() + settings.kafka_read_timeout_ms / 1000
    topic = {
        "num_partitions": partitions,
        "replication_factor": replication,
        "configs": topic_configs(replication) | dict(configs or {}),
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


def check_topic(settings: Settings, partitions: int, replication: int) -> Checked:
    """Set what is not as `topic_configs` says, and look again whether the brokers have it; return what was changed.

    Raise `Unsuitable`, which names each setting, what it is and what it should be, where one cannot be had: the brokers
    refuse it, the caller lacks the right, or the topic has too few replicas. What could be set stays set. Raise
    `Unavailable` when Kafka is away.
    """
    deadline = time.monotonic() + settings.kafka_read_timeout_ms / 1000
    topic = settings.kafka_topic
    found: dict[str, str] = {}  # as it was first seen

    def check(admin: Any) -> Checked:
        admin.wait_for_topics([topic], timeout_ms=left_ms(deadline))
        [described] = admin.describe_topics([topic])
        has = min(len(partition["replica_nodes"]) for partition in described["partitions"])
        wanted = topic_configs(has)
        _settle(admin, topic, wanted, found, deadline)
        if has < replication:
            # Only a reassignment of its partitions adds replicas, and that is not ours to begin.
            raise Unsuitable("stream", f"topic {topic}: replication is {has}, expected {replication}: add replicas")
        changes = [f"{name}: {found[name]} -> {value}" for name, value in wanted.items() if found[name] != value]
        return Checked(changes, _few(topic, len(described["partitions"]), partitions))

    with unavailable():
        return ask(settings, deadline, check)


def _settle(admin: Any, topic: str, wanted: Mapping[str, str], found: dict[str, str], deadline: float) -> None:
    """Alter what is wrong until it is seen to be right; raise `Unsuitable` if it is refused, or not seen in time."""
    refused: dict[str, str] = {}
    while True:
        values = _values(admin, topic, wanted)
        for name, value in values.items():
            found.setdefault(name, value)
        wrong = [name for name, value in wanted.items() if values.get(name) != value]
        if not wrong:
            return
        if refused or not left_ms(deadline):
            words = [_words(name, values.get(name), wanted[name], refused.get(name)) for name in wrong]
            raise Unsuitable("stream", f"topic {topic}: {'; '.join(words)}")
        if values:
            # One by one: a setting that is refused does not keep the others from being made.
            answers = {name: _alter(admin, topic, name, wanted[name]) for name in wrong}
            refused = {name: said for name, said in answers.items() if said != ALTERED}
        # What one broker was told, the others have heard a moment later.
        time.sleep(min(PAUSE_MS, left_ms(deadline)) / 1000)


def _values(admin: Any, topic: str, names: Mapping[str, str]) -> dict[str, str]:
    """Return the values in force, whoever set them; empty where the broker shows none."""
    asked = ConfigResource("TOPIC", topic, list(names))
    described = admin.describe_configs([asked], config_filter="all")["topic"]
    return {name: entry["value"] for name, entry in described.get(topic, {}).items()}


def _alter(admin: Any, topic: str, name: str, value: str) -> str:
    """Set one setting and leave all others alone; return `ALTERED` or the broker's reason."""
    change = ConfigResource("TOPIC", topic, {name: value})
    answered: str = admin.alter_configs([change], raise_on_unknown=False, incremental=True)["topic"][topic]
    return answered


def _words(name: str, value: str | None, expected: str, refused: str | None) -> str:
    if value is None:
        return f"{name} is not shown, expected {expected}: allow operate to describe the topic's settings"
    return f"{name} is {value}, expected {expected}" + (f": refused with {refused}" if refused else "")


def _few(topic: str, has: int, partitions: int) -> list[str]:
    # Not raised here: it moves people to other partitions, and is for a time without unread records.
    return [f"topic {topic}: {has} partitions, expected {partitions}: fewer batches at once"] * (has < partitions)
