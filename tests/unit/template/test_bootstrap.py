"""The custom resource that tells CloudFormation where the brokers listen: it always gives an answer."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.stub import Stubber

from tests.templates import infrastructure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ARN = "arn:aws:kafka:us-east-1:123456789012:cluster/infra/01234567-89ab-cdef-0123-456789abcdef-2"
BROKERS = "b-1.infra.kafka.us-east-1.amazonaws.com:9098"
SOURCE = infrastructure.of_type("AWS::Lambda::Function")["BootstrapFunction"]["Code"]["ZipFile"]

Answers = list[tuple[Any, ...]]


@pytest.fixture
def msk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    """Botocore's own client of MSK, whose answers are checked against the API's model."""
    client = boto3.client("kafka", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    monkeypatch.setattr(boto3, "client", lambda service: {"kafka": client}[service])
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Answers]:
    """Invoke the function for one kind of request; return what it told CloudFormation."""
    told: Answers = []
    # The module that Lambda puts beside inline code, with its signature.
    cfnresponse = ModuleType("cfnresponse")
    cfnresponse.SUCCESS, cfnresponse.FAILED = "SUCCESS", "FAILED"  # type: ignore[attr-defined]

    def send(event: Any, context: Any, *answer: Any, reason: str = "") -> None:
        told.append((*answer, reason))

    cfnresponse.send = send  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "cfnresponse", cfnresponse)
    made: dict[str, Any] = {}
    exec(SOURCE, made)  # noqa: S102  the template's own code

    def call(request: str) -> Answers:
        made["handler"]({"RequestType": request, "ResourceProperties": {"ClusterArn": ARN}}, None)
        return told

    return call


@pytest.mark.parametrize("request_type", ["Create", "Update"])
def test_it_answers_the_brokers_that_speak_iam(msk: Stubber, call: Callable[[str], Answers], request_type: str) -> None:
    """Under a name that stays the same, so that an update replaces nothing."""
    msk.add_response("get_bootstrap_brokers", {"BootstrapBrokerStringSaslIam": BROKERS}, {"ClusterArn": ARN})
    assert call(request_type) == [("SUCCESS", {"Brokers": BROKERS}, ARN, "")]


def test_deleting_it_asks_nothing(msk: Stubber, call: Callable[[str], Answers]) -> None:
    """The cluster may be gone by then."""
    assert call("Delete") == [("SUCCESS", {}, ARN, "")]


def test_a_refusal_is_told_at_once(msk: Stubber, call: Callable[[str], Answers]) -> None:
    """CloudFormation would otherwise wait for its time to run out."""
    msk.add_client_error("get_bootstrap_brokers", "ForbiddenException")
    [(status, data, physical, reason)] = call("Create")
    assert (status, data, physical) == ("FAILED", {}, ARN)
    assert "ForbiddenException" in reason


def test_it_asks_for_what_the_output_hands_on() -> None:
    """The attribute that it answers is the one that the output reads."""
    assert infrastructure.outputs["KafkaBootstrap"]["Value"] == {"Fn::GetAtt": ["Bootstrap", "Brokers"]}
    assert '"Brokers"' in SOURCE
