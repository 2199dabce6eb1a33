"""Rewind: let the consumer group read records once more. Reading a record twice changes nothing."""

import time
from collections.abc import Mapping
from typing import Any

from kafka import TopicPartition
from kafka.admin import OffsetSpec, OffsetTimestamp
from kafka.errors import NoError, UnknownMemberIdError, for_code
from kafka.structs import OffsetAndMetadata

from firstcome.rules import BadInput, Unavailable
from firstcome.settings import Settings
from firstcome.stream.admin import ask
from firstcome.stream.spans import unavailable


def rewind(settings: Settings, to_ms: int | None) -> dict[int, int]:
    """Commit earlier offsets, and return the next offset of each partition that was moved.

    The group then reads what the brokers have stored since `to_ms`; a partition without an offset is left alone,
    because it is read from its beginning anyway. None: it reads all that the log has, and every partition gets an
    offset. No offset moves forward: what is unread may be all that is left of an accepted person.

    Raise `BadInput` while the group has members, which would go on from where they are, and `Unavailable` when Kafka
    is away or refuses.
    """
    deadline = time.monotonic() + settings.kafka_read_timeout_ms / 1000
    group, topic = settings.kafka_group, settings.kafka_topic

    def move(admin: Any) -> dict[int, int]:
        if admin.describe_groups([group])[group]["members"]:
            raise _busy(group)
        [described] = admin.describe_topics([topic])
        if described["error_code"]:
            raise Unavailable("stream", f"topic {topic}: {for_code(described['error_code']).__name__}")
        partitions = [TopicPartition(topic, each["partition_index"]) for each in described["partitions"]]
        wanted = OffsetSpec.EARLIEST if to_ms is None else OffsetTimestamp(to_ms)
        found = admin.list_partition_offsets(dict.fromkeys(partitions, wanted))
        moved = _earlier(admin.list_group_offsets([group])[group], found, without_offset=to_ms is None)
        answers = admin.alter_group_offsets(group, {at: OffsetAndMetadata(to, "", -1) for at, to in moved.items()})
        refusals = {error for error in answers.values() if error is not NoError}
        if UnknownMemberIdError in refusals:  # one has joined since
            raise _busy(group)
        if refusals:
            raise Unavailable("stream", f"{group}: {', '.join(sorted(error.__name__ for error in refusals))}")
        return {at.partition: to for at, to in sorted(moved.items())}

    with unavailable():
        return ask(settings, deadline, move)


def _earlier(committed: Mapping[Any, Any], found: Mapping[Any, Any], *, without_offset: bool) -> dict[Any, int]:
    """Return the offsets that are found before the committed ones; -1 stands for none, in both."""
    moved = {}
    for at, to in found.items():
        now = committed[at].offset if at in committed else -1
        if to.offset >= 0 and (to.offset < now or (now < 0 and without_offset)):
            moved[at] = to.offset
    return moved


def _busy(group: str) -> BadInput:
    return BadInput("busy", f"the group {group} has members: stop the event source, and wait until it has left")
