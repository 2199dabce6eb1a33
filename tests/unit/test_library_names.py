"""The names of kafka-python that the producer uses beyond its documented clients: an update that moves one fails here.

None of them begins with an underscore, and none is promised by the library's documentation.
"""

from __future__ import annotations

import ast
import inspect
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kafka import errors
from kafka.net.sasl import get_sasl_mechanism
from kafka.partitioner import murmur2
from kafka.protocol.broker_version_data import BrokerVersionData
from kafka.protocol.metadata import MetadataRequest
from kafka.protocol.parser import KafkaProtocol
from kafka.protocol.producer import ProduceRequest, ProduceResponse
from kafka.protocol.sasl import SaslAuthenticateRequest, SaslHandshakeRequest

from firstcome import stream
from firstcome.settings import Settings
from firstcome.stream import wire
from firstcome.stream.connect import KAFKA_API_VERSION, kafka_config

if TYPE_CHECKING:
    import pytest

USED = {
    "kafka.errors": {
        *("KafkaError", "RetriableError", "KafkaProtocolError", "LeaderNotAvailableError", "for_code"),
        *("SaslAuthenticationFailedError", "ThrottlingQuotaExceededError", "UnsupportedSaslMechanismError"),
    },
    "kafka.net.sasl": {"get_sasl_mechanism"},
    "kafka.partitioner": {"murmur2"},
    "kafka.protocol.broker_version_data": {"BrokerVersionData"},
    "kafka.protocol.metadata": {"MetadataRequest"},
    "kafka.protocol.parser": {"KafkaProtocol"},
    "kafka.protocol.producer": {"ProduceResponse"},
    "kafka.protocol.sasl": {"SaslAuthenticateRequest", "SaslHandshakeRequest"},
}
ROOMS = ("producer", "delivery", "brokers", "connection", "wire", "crc32c")


def test_the_producer_uses_these_names_only() -> None:
    """What is not in the list is not used; what is in it can be imported, as this module does."""
    used: dict[str, set[str]] = {}
    for room in ROOMS:
        tree = ast.parse((Path(stream.__path__[0]) / f"{room}.py").read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "kafka":
                used.setdefault(node.module or "", set()).update(alias.name for alias in node.names)
            assert not (isinstance(node, ast.Import) and any(alias.name.startswith("kafka") for alias in node.names))
    assert used == USED


def test_the_protocol_has_its_three_steps() -> None:
    """A request goes in, bytes come out; the answer's bytes go in, the answer comes out with its number."""
    protocol = KafkaProtocol(client_id="firstcome", ident="broker")
    request = SaslHandshakeRequest(mechanism="PLAIN")
    request.API_VERSION = 1
    assert protocol.send_request(request) == 1
    assert b"firstcome" in protocol.send_bytes()
    [(number, response)] = protocol.receive_bytes(bytes.fromhex("00000011 00000001 0000 00000001 0005 504c41494e"))
    assert (number, response.error_code, response.mechanisms) == (1, 0, ["PLAIN"])


def test_the_versions_of_requests_are_those_of_all_brokers() -> None:
    """As pinned, and the one whose bytes the producer writes itself."""
    versions = BrokerVersionData(KAFKA_API_VERSION)
    assert versions.api_version(ProduceRequest) == wire.VERSION == 9
    asked = (MetadataRequest, SaslHandshakeRequest, SaslAuthenticateRequest)
    assert [versions.api_version(request) for request in asked] == [11, 1, 2]


def test_requests_and_answers_have_their_fields() -> None:
    """Those that the producer fills and reads."""
    topic = MetadataRequest.MetadataRequestTopic(name="coupon_create")
    request = MetadataRequest(
        topics=[topic],
        allow_auto_topic_creation=False,
        include_cluster_authorized_operations=False,
        include_topic_authorized_operations=False,
    )
    assert request.topics[0].name == "coupon_create"
    assert not request.allow_auto_topic_creation
    assert SaslAuthenticateRequest(b"token").auth_bytes == b"token"
    partition = ProduceResponse.TopicProduceResponse.PartitionProduceResponse(error_code=6, error_message="moved")
    assert (partition.error_code, partition.error_message) == (6, "moved")


def test_errors_are_told_apart() -> None:
    """What may pass is retriable; a code is the error of that name."""
    assert errors.for_code(6) is errors.NotLeaderForPartitionError
    assert issubclass(errors.NotLeaderForPartitionError, errors.RetriableError)
    assert issubclass(errors.ThrottlingQuotaExceededError, errors.RetriableError)
    for final in (errors.KafkaProtocolError, errors.SaslAuthenticationFailedError, errors.for_code(10)):
        assert issubclass(final, errors.KafkaError)
        assert not issubclass(final, errors.RetriableError), final


def test_iam_signs_for_the_broker_that_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mechanism is made of our settings, and speaks first."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    config: dict[str, Any] = kafka_config(Settings(kafka_security="AWS_MSK_IAM"))
    mechanism = get_sasl_mechanism(config["sasl_mechanism"])(host="b-1.example", **config)
    assert set(inspect.signature(mechanism.receive).parameters) == {"auth_bytes"}
    assert json.loads(mechanism.auth_bytes())["host"] == "b-1.example"
    assert not mechanism.is_done()
    mechanism.receive(b"{}")
    assert mechanism.is_done()
    assert mechanism.is_authenticated()


def test_a_key_chooses_the_partition_as_in_java() -> None:
    """The values of Apache Kafka's own test: every producer of the topic agrees where a person's records are."""
    said = {b"21": -973932308, b"foobar": -790332482, b"a-little-bit-long-string": -985981536, b"abc": 479470107}
    assert {key: murmur2(key) for key in said} == {key: value % 2**32 for key, value in said.items()}
