"""The operator's handler behind API Gateway's payload format, called with what the authorizer says of a token."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from jsonschema import Draft202012Validator, FormatChecker

from dev import gateway
from dev.openapi_operators import FILE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

DOCUMENT: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
GROUPS_CLAIM = "groups"
JSON = {"content-type": "application/json"}
POLL_S = 0.01  # how soon a server hears that it shall end
REQUEST_ID = "JKJaXmPLvHcESHA="

_PATHS = {path: re.compile(re.sub(r"\{\w+\}", "[^/]+", path)) for path in DOCUMENT["paths"]}
_ROUTES = gateway.Routes([("GET", "$default")])


def token(sub: str, *groups: str, claim: object = None) -> dict[str, Any]:
    """Return what API Gateway's JWT authorizer says of this operator; a list of groups is one string there."""
    said = f"[{' '.join(groups)}]" if claim is None else claim
    return {"jwt": {"claims": {"sub": sub, GROUPS_CLAIM: said, "iss": "https://idp.example.com/"}, "scopes": None}}


@dataclass(frozen=True)
class Reply:
    """One answer of the handler; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def code(self) -> tuple[int, str]:
        """Status and code of a problem."""
        return self.status, self.body["code"]


@dataclass(frozen=True)
class Door:
    """One execution environment of the operator's API; `authorizer` is what API Gateway knows of the caller."""

    module: ModuleType
    authorizer: dict[str, Any] | None
    faked: bool = False  # the actions are not the real ones, and their answers are nobody's

    def as_(self, sub: str, *groups: str) -> Door:
        """Return the same environment, asked by this person."""
        return replace(self, authorizer=token(sub, *groups))

    def anybody(self) -> Door:
        """Return the same environment, asked without a token."""
        return replace(self, authorizer=None)

    def get(self, path: str, **query: object) -> Reply:
        """Look at something."""
        return self.call("GET", quote(path) + (f"?{urlencode(query)}" if query else ""))

    def post(self, path: str, /, **fields: object) -> Reply:
        """Ask for an action, with these fields in the body."""
        return self.call("POST", quote(path), json.dumps(fields).encode(), JSON)

    def act(self, event_id: str, action: str, /, **fields: object) -> Reply:
        """Ask for an action on an event."""
        return self.post(f"/events/{event_id}/actions/{action}", **fields)

    def call(self, method: str, target: str, body: bytes = b"", headers: dict[str, str] | None = None) -> Reply:
        """Make one HTTP request; `target` is path and query as they stand in the request line."""
        request = gateway.Request(method, target, "HTTP/1.1", dict(headers or {}), body)
        event = gateway.event(request, _ROUTES, REQUEST_ID)
        assert event is not None
        if self.authorizer:
            event["requestContext"]["authorizer"] = self.authorizer
        raw = self.module.handler(json.loads(json.dumps(event)), None)
        headers = {name.lower(): value for name, value in raw["headers"].items()}
        reply = Reply(raw["statusCode"], headers, json.loads(raw["body"]))
        well_formed(reply)
        if not self.faked or reply.status >= 400:
            conforms(method, event["rawPath"], reply)
        return reply


@contextmanager
def served(door: Door) -> Iterator[str]:
    """Serve the door over HTTP, one request at a time, and lend the address. Any bearer's token is its caller's."""

    class Request(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = gateway.Request(self.command, self.path, "HTTP/1.1", headers, body)
            event = gateway.event(request, _ROUTES, REQUEST_ID)
            assert event is not None
            if headers.get("authorization", "").startswith("Bearer "):
                event["requestContext"]["authorizer"] = door.authorizer
            self.wfile.write(gateway.response(door.module.handler(json.loads(json.dumps(event)), None), REQUEST_ID))

        def __getattr__(self, name: str) -> Callable[[], None]:
            if name.startswith("do_"):  # any method
                return self.answer
            raise AttributeError(name)

        def log_message(self, *_: object) -> None:
            """Write nothing."""

    server = HTTPServer(("127.0.0.1", 0), Request)
    thread = Thread(target=server.serve_forever, args=(POLL_S,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def well_formed(reply: Reply) -> None:
    """Assert what holds of every answer."""
    assert reply.headers["cache-control"] == "no-store", reply
    assert reply.headers["x-correlation-id"], reply
    assert ("retry-after" in reply.headers) == (reply.status == 503), reply
    if reply.status >= 400:
        assert reply.headers["content-type"] == "application/problem+json", reply
        assert reply.body["status"] == reply.status, reply
        assert reply.body["correlation_id"] == reply.headers["x-correlation-id"], reply
    else:
        assert reply.headers["content-type"] == "application/json", reply


def validator(schema: dict[str, Any]) -> Draft202012Validator:
    """Return what holds a value to a schema whose references are the document's."""
    root = {**DOCUMENT, "$id": "urn:operators", "allOf": [schema]}
    return Draft202012Validator(root, format_checker=FormatChecker(("date-time",)))


def conforms(method: str, path: str, reply: Reply) -> None:
    """Assert that the OpenAPI document has this answer; of a path that it does not have, that this is told."""
    fitting = [name for name, pattern in _PATHS.items() if pattern.fullmatch(path)]
    operation = DOCUMENT["paths"][fitting[0]].get(method.lower()) if fitting else None
    if operation is None:
        if reply.status >= 400:
            validator({"$ref": "#/components/schemas/Problem"}).validate(reply.body)
        return
    answers = operation["responses"]
    assert str(reply.status) in answers, f"{reply} is not documented for {method} {path}"
    answer = answers[str(reply.status)]
    if "$ref" in answer:
        answer = DOCUMENT["components"]["responses"][str(reply.status)]
    validator(answer["content"][reply.headers["content-type"]]["schema"]).validate(reply.body)
