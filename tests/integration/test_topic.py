"""The topic that `migrate` finds on a real broker has every setting that the promise needs, or the operator is told."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource

from firstcome.rules import Unsuitable
from firstcome.settings import Settings
from firstcome.stream import topic as topic_module
from firstcome.stream.topic import TOPIC_CONFIGS, Checked, check_topic, ensure_topic, topic_configs
from tests.patience import PATIENT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.world import World

EXPECTED = topic_configs(replication=1)
# Each setting as it must not be.
WRONG = {
    "message.timestamp.type": "CreateTime",
    "retention.ms": "604800000",
    "retention.bytes": "1000000000",
    "cleanup.policy": "compact",
    "unclean.leader.election.enable": "true",
    "min.insync.replicas": "2",
}


@pytest.fixture
def admin(kafka_bootstrap: str) -> Iterator[Any]:
    """An admin client of the test."""
    admin = KafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    yield admin
    admin.close()


@pytest.fixture
def settings(kafka_bootstrap: str) -> Settings:
    """Those of a topic that is not there yet."""
    return Settings(kafka_bootstrap=kafka_bootstrap, kafka_topic=f"test-{uuid.uuid4().hex}", **PATIENT)


def shown(admin: Any, settings: Settings) -> dict[str, str]:
    """Return what the broker says of its topic."""
    asked = ConfigResource("TOPIC", settings.kafka_topic)
    [entries] = admin.describe_configs([asked], config_filter="all")["topic"].values()
    return {name: entry["value"] for name, entry in entries.items()}


def test_every_wrong_setting_is_set(admin: Any, settings: Settings) -> None:
    """A topic that somebody made otherwise has our settings afterwards; each change is told, others stay."""
    assert WRONG.keys() == EXPECTED.keys()
    ensure_topic(settings, 1, 1, WRONG | {"max.message.bytes": "2000000"})
    told = check_topic(settings, 1, 1)
    found = shown(admin, settings)
    assert {name: found[name] for name in EXPECTED} == EXPECTED
    assert found["max.message.bytes"] == "2000000"
    assert sorted(told.changes) == sorted(f"{name}: {WRONG[name]} -> {value}" for name, value in EXPECTED.items())


def test_a_topic_with_the_clusters_defaults_is_mended(admin: Any, settings: Settings) -> None:
    """So CloudFormation makes it: without any setting of its own."""
    admin.create_topics({settings.kafka_topic: {"num_partitions": 1, "replication_factor": 1}})
    assert check_topic(settings, 1, 1).changes
    found = shown(admin, settings)
    assert {name: found[name] for name in EXPECTED} == EXPECTED


def test_a_right_topic_is_left_alone(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second look changes nothing, and asks for no right to change anything."""
    ensure_topic(settings, 1, 1, WRONG)
    assert check_topic(settings, 1, 1).changes
    monkeypatch.setattr(KafkaAdminClient, "alter_configs", None)
    assert check_topic(settings, 1, 1) == Checked([], [])


@pytest.mark.parametrize(
    ("impossible", "said"),
    [
        ({"retention.ms": "-5"}, "retention.ms is 604800000, expected -5: refused with .*Invalid"),
        ({"no.such.setting": "1"}, "no.such.setting is not shown, expected 1"),
    ],
)
def test_a_setting_that_cannot_be_had_fails_loudly(
    settings: Settings, admin: Any, monkeypatch: pytest.MonkeyPatch, impossible: dict[str, str], said: str
) -> None:
    """The error names it, what it is and what it should be; the other settings are made all the same."""
    ensure_topic(settings, 1, 1, WRONG)
    monkeypatch.setattr(topic_module, "TOPIC_CONFIGS", TOPIC_CONFIGS | impossible)
    with pytest.raises(Unsuitable, match=said):
        check_topic(settings, 1, 1)
    found = shown(admin, settings)
    others = EXPECTED.keys() - impossible.keys()
    assert {other: found[other] for other in others} == {other: EXPECTED[other] for other in others}


def test_a_change_that_is_not_seen_fails_loudly(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker's "done" is not believed: what it shows afterwards counts."""
    ensure_topic(settings, 1, 1, WRONG)
    monkeypatch.setattr(topic_module, "_alter", lambda *_: topic_module.ALTERED)
    hasty = Settings(
        kafka_bootstrap=settings.kafka_bootstrap,
        kafka_topic=settings.kafka_topic,
        **PATIENT | {"kafka_read_timeout_ms": 3_000},
    )
    with pytest.raises(Unsuitable, match=r"retention\.ms is 604800000, expected 1209600000"):
        check_topic(hasty, 1, 1)


def test_too_few_replicas_fail_loudly(settings: Settings) -> None:
    """They are no setting that could be made; as many must confirm a record as there are, so writes go on."""
    ensure_topic(settings, 1, 1)
    with pytest.raises(Unsuitable, match="replication is 1, expected 3"):
        check_topic(settings, 1, 3)


def test_too_few_partitions_are_told(settings: Settings) -> None:
    """The promise holds with fewer: an operator decides."""
    ensure_topic(settings, 2, 1)
    [warning] = check_topic(settings, 12, 1).warnings
    assert "2 partitions, expected 12" in warning


def test_migrate_mends_the_topic_once(world: World, kafka_bootstrap: str) -> None:
    """The answer tells what was changed; repeated, nothing is."""
    admin = KafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    change = ConfigResource("TOPIC", world.stores.settings.kafka_topic, {"retention.ms": "1000"})
    admin.alter_configs([change])
    admin.close()
    answer = world.operate("migrate", partitions=1, replication=1)
    assert answer["topic_changes"] == ["retention.ms: 1000 -> 1209600000"]
    assert world.operate("migrate", partitions=1, replication=1)["topic_changes"] == []
