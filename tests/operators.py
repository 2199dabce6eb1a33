"""The operator's handler behind API Gateway's payload format, called with what the authorizer says of a token."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from dev import gateway
from firstcome.operate.web.routes import ROUTES

if TYPE_CHECKING:
    from types import ModuleType

GROUPS_CLAIM = "groups"
JSON = {"content-type": "application/json"}
REQUEST_ID = "JKJaXmPLvHcESHA="

_ROUTES = gateway.Routes([("GET", "$default")])


def token(sub: str, *groups: str, claim: object = None) -> dict[str, Any]:
    """What API Gateway's JWT authorizer says of this operator; a list of groups is one string there."""
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

    def as_(self, sub: str, *groups: str) -> Door:
        """The same environment, asked by this person."""
        return Door(self.module, token(sub, *groups))

    def anybody(self) -> Door:
        """The same environment, asked without a token."""
        return Door(self.module, None)

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
        return reply


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


def path_of(name: str, **fields: str) -> str:
    """Return the path of a route, with these fields in it."""
    [route] = [route for route in ROUTES if route.name == name]
    return route.path.format(**fields)
