"""Apply's handler behind API Gateway's payload format, with every answer held to the OpenAPI document."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from urllib.parse import quote

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from dev import gateway
from dev.openapi import load_handler as make_handler
from firstcome.apply.edge import Edge
from firstcome.apply.routes import Routes
from tests.patience import PATIENT

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from firstcome.settings import Settings

DOCUMENT: dict[str, Any] = json.loads((Path(__file__).parents[1] / "docs" / "openapi.json").read_text())
BACK_END = {"iam": {"accessKey": "ASIAIOSFODNN7EXAMPLE", "userArn": "arn:aws:sts::123456789012:assumed-role/shop/shop"}}
# Settings that name servers which are away: nobody listens on port 1. A producer asks again until its time is up.
NO_REDIS = {"redis_url": "redis://127.0.0.1:1/0"}
NO_KAFKA = {"kafka_bootstrap": "127.0.0.1:1", "kafka_max_block_ms": "300"}
NO_MYSQL = {"mysql_url": "mysql://root@127.0.0.1:1/firstcome"}

JSON = {"content-type": "application/json"}

_ROUTES = gateway.Routes([("GET", "$default")])
_PATHS = {path: re.compile(re.sub(r"\{\w+\}", "[^/]+", path)) for path in DOCUMENT["paths"]}


def validator(schema: dict[str, Any]) -> Draft202012Validator:
    """Return what holds a value to a schema whose references are the document's."""
    root = {**DOCUMENT, "$id": "urn:api", "allOf": [schema]}
    return Draft202012Validator(root, format_checker=FormatChecker(("date-time",)))


def jwt(sub: str) -> dict[str, Any]:
    """Return what API Gateway's JWT authorizer says of this person."""
    return {"jwt": {"claims": {"sub": sub, "iss": "https://idp.example.com/"}, "scopes": None}}


class Reply(NamedTuple):
    """One answer of the handler; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def code(self) -> tuple[int, str]:
        """Status and code of a problem."""
        return self.status, self.body["code"]

    @property
    def word(self) -> tuple[int, str]:
        """Status and word of an application."""
        return self.status, self.body["status"]


@dataclass(frozen=True)
class Api:
    """One execution environment of apply; `authorizer` is what API Gateway knows of the caller."""

    module: ModuleType
    authorizer: dict[str, Any] | None

    def as_(self, authorizer: dict[str, Any] | None) -> Api:
        """Return the same environment, called by somebody else."""
        return Api(self.module, authorizer)

    def post(self, event_id: str, body: object, headers: dict[str, str] = JSON) -> Reply:
        """Apply; a body that is not bytes travels as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.call("POST", f"/events/{quote(event_id, safe='')}/applications", content, headers)

    def status(self, event_id: str, user_id: str) -> Reply:
        """Ask how far an application has come."""
        return self.call("GET", f"/events/{quote(event_id, safe='')}/applications/{quote(user_id, safe='')}")

    def event(self, event_id: str) -> Reply:
        """Look at an event."""
        return self.call("GET", f"/events/{quote(event_id, safe='')}")

    def call(self, method: str, target: str, body: bytes = b"", headers: dict[str, str] | None = None) -> Reply:
        """Make one HTTP request; `target` is the path as it stands in the request line."""
        request = gateway.Request(method, target, "HTTP/1.1", dict(headers or {}), body)
        event = gateway.event(request, _ROUTES, "JKJaXmPLvHcESHA=")
        assert event is not None
        if self.authorizer:
            event["requestContext"]["authorizer"] = self.authorizer
        raw = self.module.handler(json.loads(json.dumps(event)), None)
        headers = {name.lower(): value for name, value in raw["headers"].items()}
        reply = Reply(raw["statusCode"], headers, json.loads(raw["body"]) if raw["body"] else {})
        if method != "HEAD":
            conforms(method, event["rawPath"], reply)
        return reply


def environments(
    load_handler: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> Callable[..., Api]:
    """Return `start(redis_url=…)`, which makes an execution environment, called by a back end.

    `settings` name the other servers, and how long they may take; `load_handler` closes what it has loaded.
    """

    def start(**changed: str) -> Api:
        names = ("redis_url", "kafka_bootstrap", "kafka_topic", "mysql_url", *PATIENT)
        usual = {name: str(getattr(settings, name)) for name in names}
        for name, value in (usual | changed).items():
            monkeypatch.setenv(f"FIRSTCOME_{name.upper()}", value)
        return Api(load_handler("apply"), BACK_END)

    return start


class Reached(BaseException):  # not an error: the request got as far as the servers
    """What an application was asked for: the method's name and its arguments."""


class _Beyond:
    """Stands where `Applications` would ask the servers, and says what arrived there."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        def reach(*arguments: object) -> None:
            raise Reached(name, *arguments)

        return reach


def without_servers(edge: str = "") -> Api:
    """Return an execution environment that ends where the servers begin, called by a back end: see `reached`.

    `edge` has the hashes of what an edge before it sends.
    """
    module = make_handler()
    vars(module)["api"] = Routes(cast("Any", _Beyond()), module.settings.local_identity, Edge(edge))
    return Api(module, BACK_END)


def reached(call: Callable[[], object]) -> tuple[object, ...]:
    """Return what arrived at the servers by this call; something must have."""
    with pytest.raises(Reached) as caught:
        call()
    return caught.value.args


def conforms(method: str, path: str, reply: Reply) -> None:
    """Assert that the OpenAPI document has this answer."""
    schema = "/components/schemas/Problem"
    media_type = reply.headers["content-type"]
    documented = next((name for name, pattern in _PATHS.items() if pattern.fullmatch(path)), None)
    if documented is None or method.lower() not in DOCUMENT["paths"][documented]:
        assert reply.code in {(404, "unknown_path"), (405, "method_not_allowed")}, reply
    else:
        operation = DOCUMENT["paths"][documented][method.lower()]
        answers = operation["responses"]
        assert str(reply.status) in answers, f"{reply} is not documented for {method} {documented}"
        assert media_type in answers[str(reply.status)]["content"], reply
        steps = ("paths", documented, method.lower(), "responses", str(reply.status), "content", media_type, "schema")
        schema = "".join("/" + quote(step.replace("/", "~1")) for step in steps)
    validator({"$ref": f"#{schema}"}).validate(reply.body)
    if reply.status >= 400:
        assert media_type == "application/problem+json", reply
        assert reply.body["status"] == reply.status, reply
    waits = reply.status == 503 or "turn_at" in reply.body  # paused turns have no time that the body could name
    assert ("retry-after" in reply.headers) == waits or reply.body.get("code") == "paused", reply
