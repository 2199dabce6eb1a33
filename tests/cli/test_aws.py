"""The same commands on AWS: outputs say where, invokes are made once, requests are signed, and errors are two kinds."""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import re
import sys
from typing import TYPE_CHECKING, Any

import boto3
import httpx
import pytest
from botocore.exceptions import ReadTimeoutError
from botocore.response import StreamingBody
from botocore.stub import Stubber
from moto import mock_aws

from firstcome_cli import aws, places
from firstcome_cli.aws import Signed, Stack
from firstcome_cli.errors import NotThere, Refused, Unknown
from tests.cli.program import Program

if TYPE_CHECKING:
    from collections.abc import Iterator

REGION, STACK, SECRET = "eu-west-1", "coupons", "secret"
FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:coupons-operate:live"
API = "https://abc.execute-api.eu-west-1.amazonaws.com"
ON_AWS = {"FIRSTCOME_STACK_NAME": STACK, "FIRSTCOME_REGION": REGION}


@pytest.fixture(autouse=True, scope="module")
def account() -> Iterator[None]:
    """An account of moto's, with the outputs of our template."""
    credentials = {"ACCESS_KEY_ID": "key", "SECRET_ACCESS_KEY": SECRET, "SESSION_TOKEN": "token"}
    outputs = {aws.OPERATE_OUTPUT: {"Value": FUNCTION}, aws.API_OUTPUT: {"Value": API}}
    template = {"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}, "Outputs": outputs}
    with pytest.MonkeyPatch.context() as environ, mock_aws(config={"core": {"mock_credentials": False}}):
        for name, value in credentials.items():
            environ.setenv(f"AWS_{name}", value)
        stacks = boto3.client("cloudformation", region_name=REGION)
        stacks.create_stack(StackName=STACK, TemplateBody=json.dumps(template))
        stacks.create_stack(StackName="other", TemplateBody=json.dumps(template | {"Outputs": {}}))
        yield


@pytest.fixture
def stack() -> Stack:
    return Stack(STACK, REGION, None)


def answering(stack: Stack, answer: object, *, error: str = "") -> Stubber:
    """Let Lambda give this answer to one invoke of `show`."""
    body = json.dumps(answer).encode()
    said: dict[str, Any] = {"StatusCode": 200, "Payload": StreamingBody(io.BytesIO(body), len(body))}
    sent = {"FunctionName": FUNCTION, "Payload": b'{"action": "show"}'}
    stubber = Stubber(stack.lambdas)
    stubber.add_response("invoke", said | ({"FunctionError": error} if error else {}), sent)
    stubber.activate()
    return stubber


def failing(stack: Stack, code: str, status: int) -> None:
    stubber = Stubber(stack.lambdas)
    stubber.add_client_error("invoke", code, http_status_code=status)
    stubber.activate()


def test_the_outputs_say_where_everything_is(stack: Stack) -> None:
    """The API's address and the function's name are outputs of the stack that is named."""
    assert stack.api_url == API
    with answering(stack, {"action": "show", "coupons": 3}):
        assert stack.invoke({"action": "show"})["coupons"] == 3


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ({"errorType": "BadInput", "errorMessage": "capacity must be a whole number"}, Refused),
        ({"errorType": "BadInput", "errorMessage": "there is no event e"}, NotThere),
        ({"errorType": "Forbidden", "errorMessage": "end is for admins"}, Refused),
        ({"errorType": "Unsuitable", "errorMessage": "redis: version 6 is too old"}, Refused),
        ({"errorType": "Unavailable", "errorMessage": "redis is away"}, Unknown),
        ({"errorType": "Sandbox.Timedout", "errorMessage": "timed out"}, Unknown),
        ({"errorType": "OperationalError", "errorMessage": "gone"}, Unknown),
    ],
)
def test_an_error_of_the_function_is_definite_or_not(stack: Stack, said: dict[str, str], kind: type[Exception]) -> None:
    """What the function refused by name is definite; every other error of it is unknown."""
    with answering(stack, said, error="Unhandled"), pytest.raises(kind) as error:
        stack.invoke({"action": "show"})
    assert type(error.value) is kind


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("AccessDeniedException", 403, Refused),
        ("TooManyRequestsException", 429, Unknown),
        ("ServiceException", 500, Unknown),
    ],
)
def test_an_error_of_lambda_is_definite_or_not(stack: Stack, code: str, status: int, kind: type[Exception]) -> None:
    """An invoke that Lambda did not let through has done nothing; a failure behind it is unknown."""
    failing(stack, code, status)
    with pytest.raises(kind):
        stack.invoke({"action": "show"})


def test_a_timeout_is_unknown_and_invoked_once(stack: Stack) -> None:
    """The function may have done it: only the caller may repeat it, under the same request id."""
    calls: list[str] = []

    def silent(**_: object) -> None:
        calls.append("sent")
        raise ReadTimeoutError(endpoint_url="https://lambda")

    stack.lambdas.meta.events.register("before-send.lambda.Invoke", silent)
    with pytest.raises(Unknown):
        stack.invoke({"action": "show"})
    assert calls == ["sent"]


@pytest.mark.parametrize(("name", "says"), [("nobodys", "cannot be read"), ("other", "has no output")])
def test_a_stack_that_is_not_ours_is_wrong_usage(name: str, says: str) -> None:
    """A stack that is missing, or has none of our outputs, ends the command with code 2 and the reason."""
    ended = Program({"FIRSTCOME_REGION": REGION})("--stack-name", name, "event", "show", "e", code=2)
    assert says in " ".join(ended.err.split())


def test_the_program_acts_on_the_stack_that_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With `--stack-name`, an action is one invoke, with its actor and its request id."""
    asked: list[dict[str, Any]] = []

    def invoke(_: Stack, payload: dict[str, Any]) -> dict[str, Any]:
        asked.append(payload)
        raise places.of_error({"errorType": "BadInput", "errorMessage": "there is no event e"})

    monkeypatch.setattr(Stack, "invoke", invoke)
    ended = Program(ON_AWS | {"FIRSTCOME_ACTOR": "ana"}).json("event", "pause", "e", "--request-id", "r-1", code=1)
    assert ended["error"]["kind"] == "not_there"
    assert asked == [{"action": "pause", "event_id": "e", "actor": "ana", "request_id": "r-1"}]


def test_a_request_is_signed_as_sigv4_says(stack: Stack) -> None:
    """The signature is computed here once more, from what was sent, by the steps of AWS's documentation."""
    sent = captured(stack.auth(), "/events/e/applications/a%2Fb%20c", {"user_id": "a"})
    found = re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=key/(\d{8})/eu-west-1/execute-api/aws4_request, "
        r"SignedHeaders=(\S+), Signature=([0-9a-f]{64})",
        sent.headers["authorization"],
    )
    assert found
    day, names, signature = found.groups()
    assert {"content-type", "host", "x-amz-date", "x-amz-security-token"} == set(names.split(";"))
    headers = "".join(f"{name}:{sent.headers[name].strip()}\n" for name in names.split(";"))
    path = sent.url.raw_path.decode().replace("%", "%25")  # encoded once more
    body = hashlib.sha256(sent.content).hexdigest()
    canonical = f"POST\n{path}\n\n{headers}\n{names}\n{body}"
    scope = f"{day}/eu-west-1/execute-api/aws4_request"
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{sent.headers['x-amz-date']}\n{scope}\n{hashed}"
    key = f"AWS4{SECRET}".encode()
    for part in (*scope.split("/"), text):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    assert key.hex() == signature


def captured(auth: Signed, path: str, body: dict[str, str]) -> httpx.Request:
    """Return the request that would leave this machine."""
    seen: list[httpx.Request] = []

    def note(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200)

    with httpx.Client(base_url=API, auth=auth, transport=httpx.MockTransport(note)) as client:
        client.post(path, json=body)
    (request,) = seen
    return request


def test_without_boto3_the_program_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a stack needs boto3, and the error names the extra that installs it."""
    monkeypatch.setitem(sys.modules, "boto3", None)
    monkeypatch.delitem(sys.modules, "firstcome_cli.aws")
    ended = Program(ON_AWS)("event", "show", "e", code=2)
    assert "cli[aws]" in ended.err
