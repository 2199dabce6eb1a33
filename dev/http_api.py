"""An HTTP API before a function: what API Gateway answers itself, and what it adds to the function's answer.

One with a JWT authorizer verifies tokens and answers browsers' preflights. What gets past it is a payload 2.0 event
with the token's claims; for anything else the function is not invoked.
"""

from __future__ import annotations

import json
from functools import cached_property
from typing import TYPE_CHECKING, Any

from dev import gateway, origins

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from dev.authorizer import Authorizer

# The front names the API in it, and takes it from whoever else sends it.
HEADER = "x-firstcome-local-api"
_PREFLIGHT = ("origin", "access-control-request-method")  # a preflight has both


class HttpApi:
    """An API that verifies nothing: whoever reaches it is a trusted back end."""

    def __init__(self, routes: Sequence[tuple[str, str]]) -> None:
        """Compile its routes."""
        self._routes = gateway.Routes(routes)

    def event(self, request: gateway.Request, request_id: str) -> dict[str, Any] | bytes:
        """Return the event of a request that may reach the function, or the answer to one that may not."""
        return gateway.event(request, self._routes, request_id) or gateway.not_found(request_id)

    def answer(self, said: Any, _headers: dict[str, str]) -> Any:
        """Return what the function said, as the API hands it on to a request with these headers."""
        return said


class JwtApi(HttpApi):
    """One API's routes, CORS and authorizer."""

    def __init__(self, api: dict[str, Any], issuer: Path) -> None:
        """Prepare what `api` (`dev.template.Api`) says; `issuer` is read when the first token comes."""
        routes = api["routes"]
        super().__init__([(route["method"], route["path"]) for route in routes])
        self._guarded = {_key(route): route["scopes"] for route in routes if route["token"]}
        self._cors: dict[str, Any] | None = api["cors"]
        self._issuer = issuer

    def event(self, request: gateway.Request, request_id: str) -> dict[str, Any] | bytes:
        """Return the event with the token's claims, or API Gateway's own answer."""
        event = gateway.event(request, self._routes, request_id)
        if event is None:
            if request.method == "OPTIONS" and self._cors is not None:
                return self._preflight(request.headers, request_id)
            return gateway.not_found(request_id)
        scopes = self._guarded.get(event["routeKey"])
        if scopes is None:  # the template says Authorizer: NONE
            return event
        return self._authorized(event, request.headers.get("authorization", ""), scopes, request_id)

    def answer(self, said: Any, headers: dict[str, str]) -> Any:
        """Return what the function said with the API's CORS headers in place of any that it has itself."""
        if self._cors is None or not isinstance(said, dict) or "statusCode" not in said:
            return said
        own = said.get("headers") or {}
        kept = {name: value for name, value in own.items() if not name.lower().startswith("access-control-")}
        if self._allows(origin := headers.get("origin", "")):
            kept["access-control-allow-origin"] = origin
            kept["access-control-expose-headers"] = ",".join(self._cors["exposed"])
        return {**said, "headers": kept}

    def _authorized(
        self, event: dict[str, Any], header: str, scopes: list[str], request_id: str
    ) -> dict[str, Any] | bytes:
        from dev import authorizer  # noqa: PLC0415  slow, and the back end's way needs none of it

        scheme, _, rest = header.partition(" ")
        token = rest.strip() if scheme.lower() == "bearer" else header
        if not token:
            return _no(401, "Unauthorized", "Bearer", request_id)
        try:
            claims = self._authorizer.claims(token)
        except authorizer.Refused as why:
            challenge = f'Bearer scope="{" ".join(scopes)}" error="invalid_token" error_description="{why}"'
            return _no(401, "Unauthorized", challenge, request_id)
        held = authorizer.scopes_of(claims)
        if scopes and not set(scopes) & set(held):
            challenge = f'Bearer scope="{" ".join(scopes)}" error="insufficient_scope"'
            return _no(403, "Forbidden", challenge, request_id)
        said = {"claims": authorizer.as_strings(claims), "scopes": held if scopes else None}
        event["requestContext"]["authorizer"] = {"jwt": said}
        return event

    @cached_property
    def _authorizer(self) -> Authorizer:
        from dev.authorizer import Authorizer  # noqa: PLC0415  slow, and the back end's way needs none of it

        said = json.loads(self._issuer.read_text())
        return Authorizer(said["issuer"], said["audience"], said["keys"])

    def _preflight(self, headers: dict[str, str], request_id: str) -> bytes:
        """Answer a browser that asks whether its page may send a request; a page that may not hears nothing of it."""
        assert self._cors is not None
        said = {gateway.REQUEST_ID: request_id}
        if all(name in headers for name in _PREFLIGHT) and self._allows(headers["origin"]):
            said["access-control-allow-origin"] = headers["origin"]
            said["access-control-allow-methods"] = ",".join(self._cors["methods"])
            said["access-control-allow-headers"] = ",".join(self._cors["headers"])
            said["access-control-max-age"] = str(self._cors["max_age_s"])
        return gateway.compose(204, said, b"")

    def _allows(self, origin: str) -> bool:
        """Say whether pages of `origin` may call: those that the template names, and here those of this machine too."""
        assert self._cors is not None
        return origin in self._cors["origins"] or origins.is_local(origin)


def _key(route: dict[str, Any]) -> str:
    return "$default" if route["path"] == "$default" else f"{route['method']} {route['path']}"


def _no(status: int, message: str, challenge: str, request_id: str) -> bytes:
    headers = {**gateway.JSON, "www-authenticate": challenge, gateway.REQUEST_ID: request_id}
    return gateway.compose(status, headers, json.dumps({"message": message}, separators=(",", ":")).encode())
