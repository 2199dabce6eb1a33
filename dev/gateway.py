"""HTTP as API Gateway sees it: a request becomes an HTTP API payload 2.0, the function's answer a response.

The limits of the real one stand in the front (`front.py`); this module only translates.
"""

from __future__ import annotations

import base64
import json
import re
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, unquote

if TYPE_CHECKING:
    from collections.abc import Iterable

# The content types whose bodies API Gateway hands over as text; all others arrive as base64.
_TEXT = re.compile(r"\s*(text/|application/(json|xml|javascript)|[^;]*\+(json|xml))", re.IGNORECASE)
_DEFAULT_TYPE = "text/plain;charset=UTF-8"
_REASONS = {status.value: status.phrase for status in HTTPStatus}
_BODILESS = {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}
_HOP_BY_HOP = {"connection", "content-length", "transfer-encoding"}

JSON = {"content-type": "application/json"}
REQUEST_ID = "apigw-requestid"


class Request(NamedTuple):
    """One HTTP request; header names are in lower case, repeated ones joined by commas."""

    method: str
    target: str
    protocol: str
    headers: dict[str, str]
    body: bytes


class Routes:
    """The routes of an HTTP API: the exact method before ANY, a fixed path before a variable one, `$default` last."""

    def __init__(self, routes: Iterable[tuple[str, str]]) -> None:
        """Compile the routes of the template."""
        self._default = ("$default", re.compile("")) if any(path == "$default" for _, path in routes) else None
        ordered = sorted((route for route in routes if route[1] != "$default"), key=lambda route: rank(*route))
        self._compiled = [(method, f"{method} {path}", pattern(path)) for method, path in ordered]

    def match(self, method: str, path: str) -> tuple[str, dict[str, str]] | None:
        """Return the route key and the path parameters; None where API Gateway itself answers 404."""
        for wanted, key, pattern in self._compiled:
            if (wanted in (method, "ANY")) and (found := pattern.fullmatch(path)):
                return key, found.groupdict()
        return ("$default", {}) if self._default else None


def rank(method: str, path: str) -> tuple[bool, int, int, bool]:
    """Return what sorts routes so that the one which API Gateway prefers comes first."""
    return path == "$default", path.count("+}"), path.count("{"), method == "ANY"


def pattern(path: str) -> re.Pattern[str]:
    """Turn `/events/{event_id}` and `/{rest+}` into a regular expression."""
    pieces = re.split(r"\{(\w+)(\+?)\}", path)
    fixed, names, greedy = pieces[0::3], pieces[1::3], pieces[2::3]
    groups = [f"(?P<{name}>{'.+' if plus else '[^/]+'})" for name, plus in zip(names, greedy, strict=True)] + [""]
    return re.compile("".join(re.escape(text) + group for text, group in zip(fixed, groups, strict=True)))


class _Clock:
    """The time of a request as API Gateway writes it; formatted once a second."""

    def __init__(self) -> None:
        self._second = 0
        self._text = ""

    def now(self) -> tuple[str, int]:
        now = time.time()
        if int(now) != self._second:
            self._second = int(now)
            self._text = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now))
        return self._text, int(now * 1000)


_clock = _Clock()


def event(request: Request, routes: Routes, request_id: str) -> dict[str, Any] | None:
    """Return the payload 2.0 event of `request`, or None when no route fits.

    As the real one, an HTTP API decodes `rawPath` and the path parameters, and leaves `rawQueryString` as it came.
    """
    method, target, protocol, headers, body = request
    path, _, query = target.partition("?")
    if "%" in path:
        path = unquote(path)
    route = routes.match(method, path)
    if route is None:
        return None
    key, parameters = route
    text, epoch_ms = _clock.now()
    host = headers.get("host", "localhost")
    made: dict[str, Any] = {
        "version": "2.0",
        "routeKey": key,
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "local",
            "domainName": host,
            "domainPrefix": host.partition(".")[0],
            "http": {
                "method": method,
                "path": path,
                "protocol": protocol,
                "sourceIp": headers.get("x-forwarded-for", "127.0.0.1").rpartition(",")[2].strip(),
                "userAgent": headers.get("user-agent", ""),
            },
            "requestId": request_id,
            "routeKey": key,
            "stage": "$default",
            "time": text,
            "timeEpoch": epoch_ms,
        },
        "isBase64Encoded": False,
    }
    if query:
        joined: dict[str, str] = {}
        for name, value in parse_qsl(query, keep_blank_values=True):
            joined[name] = f"{joined[name]},{value}" if name in joined else value
        made["queryStringParameters"] = joined
    if parameters:
        made["pathParameters"] = parameters
    if "cookie" in headers:
        made["cookies"] = headers.pop("cookie").split("; ")
    if body:
        made["body"], made["isBase64Encoded"] = _as_text(body, headers.get("content-type", ""))
    return made


def _as_text(body: bytes, content_type: str) -> tuple[str, bool]:
    if _TEXT.match(content_type):
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(body).decode(), True


def response(answer: Any, request_id: str) -> bytes:
    """Return the HTTP response of what a function returned; 500 where API Gateway would not understand it.

    Without a `statusCode` the whole answer is the body of a 200, as payload 2.0 infers it.
    """
    if not isinstance(answer, dict) or "statusCode" not in answer:
        return compose(200, {**JSON, REQUEST_ID: request_id}, json.dumps(answer).encode())
    try:
        body = answer.get("body") or ""
        if not isinstance(body, str):
            body = json.dumps(body)
        content = base64.b64decode(body, validate=True) if answer.get("isBase64Encoded") else body.encode()
        headers = {str(name).lower(): str(value) for name, value in (answer.get("headers") or {}).items()}
        headers.setdefault("content-type", _DEFAULT_TYPE)
        headers[REQUEST_ID] = request_id
        return compose(int(answer["statusCode"]), headers, content, answer.get("cookies") or ())
    except (TypeError, ValueError, AttributeError):
        return internal_error(request_id)


def internal_error(request_id: str) -> bytes:
    """Return what API Gateway says when a function has failed."""
    return compose(500, {**JSON, REQUEST_ID: request_id}, b'{"message":"Internal Server Error"}')


def not_found(request_id: str) -> bytes:
    """Return what API Gateway says when no route fits."""
    return compose(404, {**JSON, REQUEST_ID: request_id}, b'{"message":"Not Found"}')


def too_large() -> bytes:
    """Return what API Gateway says when a body is over its limit."""
    return compose(413, JSON, b'{"message":"Request Entity Too Large"}')


def compose(status: int, headers: dict[str, str], body: bytes, cookies: Iterable[str] = ()) -> bytes:
    """Return the bytes of an HTTP/1.1 response; where the status allows no body, there is none."""
    lines = [f"HTTP/1.1 {status} {_REASONS.get(status, '')}"]
    lines += [f"{name}: {value}" for name, value in headers.items() if name not in _HOP_BY_HOP]
    lines += [f"set-cookie: {cookie}" for cookie in cookies]
    if status in _BODILESS:
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
    lines.append(f"content-length: {len(body)}\r\n\r\n")
    return "\r\n".join(lines).encode("latin-1") + body
