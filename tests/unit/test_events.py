"""The sample events are what the generator makes, and have the shapes that AWS sends."""

from __future__ import annotations

import base64
import json
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2, KafkaEvent

from events import generate
from events.shapes import APPLIED_AT_MS, EVENT_ID, TOPIC, USER_ID
from firstcome.consume.kafka_event import read
from firstcome.operate.actions import ACTIONS
from firstcome.rules import Reason, Ticket
from firstcome.stream.record import encode

FOLDER = Path(__file__).parents[2] / "events"
texts = generate.samples()


def sample(name: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(texts[f"{name}.json"])
    return event


def samples(function: str) -> list[str]:
    return [name.removesuffix(".json") for name in texts if name.startswith(f"{function}-")]


def test_the_files_are_what_the_generator_makes() -> None:
    """A change by hand, or one of the generator that was not written out, is drift."""
    files = {path.name: path.read_text() for path in FOLDER.glob("*.json")}
    assert files == texts, "run: .venv/bin/python -m events.generate"


def test_every_sample_names_its_function() -> None:
    """A file's name begins with the folder of the function that it is for."""
    functions = {path.parent.name for path in (FOLDER.parent / "functions").glob("*/handler.py")}
    assert {name.partition("-")[0] for name in texts} == functions | {"operator_api"}  # operate's other door


# --- API Gateway -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def http_api() -> dict[str, Any]:
    """Answer SAM's own sample of a request, which has every key that there may be."""
    pytest.importorskip("samcli", reason="SAM CLI's sample is compared where SAM CLI is installed")
    folder = resources.files("samcli.lib.generated_sample_events")
    event: dict[str, Any] = json.loads((folder / "events" / "apigateway" / "HttpApi.json").read_text())
    return event


@pytest.mark.parametrize("name", [*samples("apply"), *samples("operator_api")])
def test_a_request_has_the_keys_of_the_payload_format_2(name: str, http_api: dict[str, Any]) -> None:
    """Nothing is there that API Gateway does not send, and only what may be absent is absent."""
    event = sample(name)
    optional = {"cookies", "queryStringParameters", "pathParameters", "body", "stageVariables"}
    assert http_api.keys() - optional <= event.keys() <= http_api.keys()
    context, full = event["requestContext"], http_api["requestContext"]
    assert full.keys() - {"authentication", "authorizer"} <= context.keys() <= full.keys()
    assert context["http"].keys() == full["http"].keys()
    jwt = context.get("authorizer", {}).get("jwt", full["authorizer"]["jwt"])
    assert jwt.keys() == full["authorizer"]["jwt"].keys()
    assert all(isinstance(claim, str) for claim in jwt["claims"].values()), "claims arrive as strings"


@pytest.mark.parametrize("name", [*samples("apply"), *samples("operator_api")])
def test_a_request_reads_as_powertools_reads_it(name: str) -> None:
    """Route, path, parameters, identity and body agree with each other."""
    event = APIGatewayProxyEventV2(sample(name))
    context = event.request_context
    assert event.route_key == context.route_key
    assert event.path == event.raw_path == context.http.path
    method, _, route = event.route_key.partition(" ")
    if route:
        assert method == event.http_method
        assert route.format(**event.path_parameters) == event.path
    if event.body is not None and not event.is_base64_encoded:
        assert event.headers["content-length"] == str(len(event.body.encode()))


def test_each_request_has_the_identity_that_its_route_asks_for() -> None:
    """API Gateway says who calls where it has asked, and adds nothing on the open route."""
    nobody = {"apply-show", "apply-show-unknown", "apply-no-identity"}
    for name in samples("apply"):
        authorizer = sample(name)["requestContext"].get("authorizer", {})
        expected = [] if name in nobody else ["jwt"] if "jwt" in name or "somebody-else" in name else ["iam"]
        assert list(authorizer) == expected, name


def test_powertools_reads_both_identities() -> None:
    """Each key that its classes look up is there, under the name that they use."""
    back_end = APIGatewayProxyEventV2(sample("apply-first")).request_context.authorizer
    applicant = APIGatewayProxyEventV2(sample("apply-jwt")).request_context.authorizer
    assert back_end is not None
    assert applicant is not None
    iam = back_end.iam
    assert iam is not None
    read_back = (iam.access_key, iam.account_id, iam.caller_id, iam.user_arn, iam.user_id)
    assert all(read_back), read_back
    assert applicant.jwt_claim["sub"] == USER_ID


# --- MSK -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", samples("consume"))
def test_a_batch_reads_as_powertools_reads_it(name: str) -> None:
    """Each record stands under its topic and partition, in order, with its headers as bytes."""
    event = KafkaEvent(sample(name))
    assert event.event_source == "aws:kafka"
    assert event.event_source_arn is not None
    assert len(event.decoded_bootstrap_servers) == 3
    for partition, records in event["records"].items():
        assert [record["offset"] for record in records] == list(range(1000, 1000 + len(records)))
        assert {f"{record['topic']}-{record['partition']}" for record in records} == {partition}
    for record in event.records:
        keys = {"topic", "partition", "offset", "timestamp", "timestampType", "key", "value", "headers"}
        assert keys - {"value"} <= record.raw_event.keys() <= keys
        assert record.timestamp_type == "LOG_APPEND_TIME"
        assert record.decoded_headers["correlation_id"].startswith(b"correlation-")
        assert (record.decoded_key or b"").startswith(b"user-")


def test_a_good_record_is_what_the_stream_writes() -> None:
    """The bytes are those of `encode`, so that a change of the record's format shows here."""
    [first, *_] = KafkaEvent(sample("consume-good")).records
    ticket = Ticket(EVENT_ID, USER_ID, 1, APPLIED_AT_MS)
    assert first.decoded_value == encode(ticket, restore_epoch=1)


def test_each_batch_holds_what_its_name_says() -> None:
    """Good records are claims; each kind of poison is a failure of its own, or a claim that the ledger refuses."""
    outcomes = {}
    for name in samples("consume"):
        claims, failures = read(sample(name), TOPIC)
        outcomes[name] = ([claim.ticket.number for claim in claims], [failure.reason for failure in failures])
    unread = [Reason.NO_VALUE, Reason.NOT_BASE64, Reason.NOT_JSON, Reason.UNKNOWN_VERSION, Reason.BAD_FIELD]
    assert outcomes == {
        "consume-good": ([1, 2, 3], []),
        "consume-again": ([1, 2, 3, 1], []),
        "consume-mixed": ([1, 2, 2, 3], [Reason.NOT_JSON, Reason.NO_VALUE]),
        "consume-poisoned": ([7, 2_000_000_000], [*unread, Reason.BAD_FIELD, Reason.WRONG_TOPIC]),
    }


def test_base64_samples_are_base64_where_they_say_so() -> None:
    """The bad one is bad, the good one holds the same application as apply-first."""
    good = base64.b64decode(sample("apply-base64")["body"], validate=True)
    assert json.loads(good) == json.loads(sample("apply-first")["body"])
    with pytest.raises(ValueError, match="base64"):
        base64.b64decode(sample("apply-bad-base64")["body"], validate=True)


# --- the schedule and the operator -----------------------------------------------------------------------------------


def test_every_action_has_an_order() -> None:
    """An operator finds a sample of each action, named after it."""
    orders = {name: sample(name)["action"] for name in samples("operate") if name != "operate-bad-action"}
    assert set(orders.values()) == ACTIONS.keys()
    assert all(name.startswith(f"operate-{action.replace('_', '-')}") for name, action in orders.items())
    assert sample("operate-bad-action")["action"] not in ACTIONS
