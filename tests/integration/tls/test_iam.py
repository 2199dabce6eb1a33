"""The producer and MSK's way of signing in: TLS, a token of IAM, and a door that lets in so many a second."""

from __future__ import annotations

import uuid
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from firstcome.settings import Settings
from firstcome.stream.producer import Sent, Stream
from firstcome.stream.topic import ensure_topic
from tests.connecting import KEYS
from tests.doors import Door
from tests.integration.tls.test_tls import TICKET
from tests.patience import PATIENT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.tls.conftest import Tls


@pytest.fixture
def door(tls: Tls, kafka_bootstrap: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    """A door before the session's broker, certified for its address; the environment has keys as Lambda's have."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    with Door.to(kafka_bootstrap) as door:
        door.certified_by(tls.cluster_authority.cert_file, tls.cluster_authority.key_file)
        yield door


@pytest.fixture
def settings(tls: Tls, door: Door) -> Settings:
    """Settings that lead to the door, and a topic behind it."""
    topic = f"test-{uuid.uuid4().hex}"
    host, port = door.upstream()
    ensure_topic(Settings(kafka_bootstrap=f"{host}:{port}", kafka_topic=topic, **PATIENT), 1, 1)
    ca_file = str(tls.cluster_authority.ca_file)
    iam = Settings(kafka_bootstrap=door.address, kafka_topic=topic, kafka_security="AWS_MSK_IAM", kafka_ca_file=ca_file)
    return replace(iam, **PATIENT)


def test_a_record_goes_through_tls_and_iam(settings: Settings, door: Door) -> None:
    """The producer signs a token for the broker's name with the environment's keys, once a connection."""
    with closing(Stream(settings)) as stream:
        assert [stream.send(TICKET, 1, "") for _ in range(2)] == [Sent.DELIVERED] * 2
    [proof] = door.proofs()
    assert (proof["action"], proof["host"]) == ("kafka-cluster:Connect", "127.0.0.1")
    assert proof["x-amz-credential"].startswith(KEYS["AWS_ACCESS_KEY_ID"])
    assert proof["x-amz-security-token"] == KEYS["AWS_SESSION_TOKEN"]


def test_too_many_connects_refuse_the_record(settings: Settings, door: Door, caplog: pytest.LogCaptureFixture) -> None:
    """MSK's words come through TLS as they are, and the next winner makes no second connection."""
    door.limit = 0
    with closing(Stream(settings)) as stream:
        assert [stream.send(TICKET, 1, "") for _ in range(2)] == [Sent.REFUSED] * 2
    [record] = [record for record in caplog.records if record.message == "record not sent"]
    assert "TooManyConnectsError" in vars(record)["reason"]
    assert len(door.knocks) == 1
