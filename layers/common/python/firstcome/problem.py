"""HTTP as far as it can be wrong: who calls, what the body says, which methods a path has, and how an error reads."""

from __future__ import annotations

import base64
import json
import random
import re
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple
from urllib.parse import quote

from firstcome.rules import BadInput, Unavailable, alike, check_user_id, harmless

MEDIA_TYPE = "application/problem+json"  # RFC 9457
TYPE_PREFIX = "urn:problem-type:firstcome:"  # a name, not an address: nothing to fetch, nothing to keep alive

# The only field is a user id of 255 characters, 1.5 KB if every one of them is escaped. The rest is room for fields
# that are ignored; more than this is not an application, and is not parsed.
MAX_BODY_BYTES = 4_096

# Documents that are made once: the crowd of a sold-out event is told the same, at the same path.
KEPT = 64

# What may be a misspelt user_id: enough for every spelling, and harmless to repeat.
ECHOED = re.compile("[A-Za-z][A-Za-z_-]{0,31}")
NAMES_LOOKED_AT = 16

to_json = json.JSONEncoder(separators=(",", ":")).encode  # json.dumps would make an encoder a call

# Spread, so that those who were told to wait do not come back as one.
RETRY_AFTER_S = (1, 3)


class Meaning(NamedTuple):
    """What a code means: the status that goes with it, what it is in general, and what to do about it."""

    status: int
    title: str
    detail: str


# Every code that an answer may carry. Codes and statuses are stable.
CODES: dict[str, Meaning] = {
    "bad_event_id": Meaning(400, "The event id is malformed", "event_id must be 1 to 64 characters of A-Z a-z 0-9 _ -"),
    "bad_user_id": Meaning(400, "The user id is missing or malformed", "user_id must be a string"),
    "bad_json": Meaning(
        400, "The body is not a JSON object", 'the body must be a JSON object in UTF-8, such as {"user_id": "alice"}'
    ),
    "unauthenticated": Meaning(401, "Who is asking is not known", "send a token with a sub, or sign the request"),
    "not_yourself": Meaning(403, "Nobody applies for somebody else", "user_id is not the token's sub: leave it out"),
    "unknown_event": Meaning(404, "There is no such event", "there is no event of this id"),
    "no_application": Meaning(404, "There is no such application", "this person was given no ticket"),
    "unknown_path": Meaning(404, "There is nothing at this path", "the OpenAPI document has the paths that exist"),
    "method_not_allowed": Meaning(405, "The path does not have this method", "Allow says which method it has"),
    "sold_out": Meaning(
        409, "Every coupon is given away", "no ticket is free; one that comes free goes to whoever asks then"
    ),
    "not_open": Meaning(409, "The event is not open yet", "ask again when it is open"),
    "paused": Meaning(409, "The event is paused", "it gives no coupons for now"),
    "closed": Meaning(409, "The event is over", "it gives no coupons any more"),
    "refused": Meaning(
        409, "This person gets no coupon of this event", "it was decided so; asking again does not help"
    ),
    "body_too_large": Meaning(413, "The body is too large", f"the body may have {MAX_BODY_BYTES} bytes"),
    "unsupported_media_type": Meaning(415, "The body must be JSON", "Content-Type must be application/json"),
    "internal": Meaning(500, "Something went wrong here", "the fault is ours; the log has it under the correlation id"),
    "gate_lost": Meaning(
        503, "The state of the event is being restored", "ask again later; a ticket that was given stays given"
    ),
    "try_again": Meaning(503, "A server is away", "ask again later; a ticket that was given stays given"),
}

METHODS: dict[str, str] = {
    "/events/{event_id}": "GET",
    "/events/{event_id}/applications": "POST",
    "/events/{event_id}/applications/{user_id}": "GET",
}
_METHODS = [(re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), method) for path, method in METHODS.items()]


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back to the caller."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)
    media_type: str = "application/json"
    counted: str = ""  # the metric that it counts into
    text: str = ""  # the body as JSON, where that is known already


class Problem(Exception):  # noqa: N818  an answer to the caller, most of them no fault of anybody
    """An answer that says no, or not now. `code` is one of `CODES`, which has its usual detail."""

    def __init__(self, code: str, detail: str = "", headers: dict[str, str] | None = None) -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail
        self.headers = headers or {}

    def answer(self, path: str) -> Answer:
        """Answer the RFC 9457 document of this problem at `path`, a decoded path."""
        if self.headers:
            return _document(self.code, self.detail, path, self.headers)
        return _usual(self.code, self.detail, path)


def _document(code: str, detail: str, path: str, headers: dict[str, str]) -> Answer:
    status, title, usual = CODES[code]
    document = {
        "type": TYPE_PREFIX + code,
        "title": title,
        "status": status,
        "detail": detail or usual,
        "instance": quote(path, errors="replace"),
        "code": code,
    }
    headers = {"Cache-Control": "no-store", **headers}
    return Answer(status, document, headers, MEDIA_TYPE, _COUNTED.get(code, ""), to_json(document))


@lru_cache(maxsize=KEPT)
def _usual(code: str, detail: str, path: str) -> Answer:
    return _document(code, detail, path, {})


# The metric of each problem that says something of an event, or of a server that is away.
_COUNTED = {code: code for code, meaning in CODES.items() if meaning.status == 409}
_COUNTED |= {"gate_lost": "fenced", "try_again": "unavailable", "internal": "internal"}


def of(error: Exception) -> Problem:
    """Answer what an error is to the caller; nothing of it is told where the fault is not theirs."""
    match error:
        case Problem():
            return error
        case BadInput(code=code, detail=detail) if code in CODES:  # other codes are about our settings
            return Problem(code, detail)
        case Unavailable():
            return later("try_again")
        case _:
            return Problem("internal")


def later(code: str) -> Problem:
    """Answer "not now", with the time after which to ask again."""
    wait_s = random.randint(*RETRY_AFTER_S)  # noqa: S311  jitter needs no cryptography
    return Problem(code, headers={"Retry-After": str(wait_s)})


def nothing_here(path: str) -> Problem:
    """Answer why no route fits: the path has another method, or there is no such path."""
    for pattern, allowed in _METHODS:
        if pattern.fullmatch(path):
            return Problem("method_not_allowed", headers={"Allow": allowed})
    return Problem("unknown_path")


def place(path: str) -> dict[str, str]:
    """Answer what the log says of a decoded path: whom it names stands apart, so that logs may name nobody."""
    resource, named, user_id = path.partition("/applications/")
    return {"path": resource + named, "user_id": user_id} if named else {"path": resource}


def caller(event: dict[str, Any], local_identity: str) -> str | None:
    """Answer the `sub` of the applicant who calls, or None for a trusted back end, as API Gateway's authorizer says.

    `local_identity` stands in where there is no authorizer. Raises `Problem` where nobody vouches for the caller.
    """
    authorizer = event["requestContext"].get("authorizer") or {}
    if jwt := authorizer.get("jwt"):
        sub = (jwt.get("claims") or {}).get("sub")
        if sub:
            return check_user_id(sub)
    elif authorizer.get("iam") or local_identity == "backend":
        return None
    elif local_identity.startswith("jwt:"):
        return check_user_id(local_identity.removeprefix("jwt:"))
    raise Problem("unauthenticated", headers={"WWW-Authenticate": "Bearer"})


def applicant(event: dict[str, Any], sub: str | None) -> str:
    """Answer who applies: the caller `sub`, or whom the body of a back end names.

    Raises `Problem` or `BadInput` where the body is wrong, or names somebody else than the caller.
    """
    if sub is not None and not event.get("body"):
        return sub
    fields = read_object(event)
    if sub is None or "user_id" in fields:
        if fields.get("user_id") is None:
            raise Problem("bad_user_id", _missing(fields))
        user_id = check_user_id(fields["user_id"])
        if sub is not None and user_id != sub:
            raise Problem("not_yourself")
        return user_id
    return sub


def _missing(fields: dict[str, Any]) -> str:
    """Return what to do about a body without `user_id`. Of what was sent, only a name much like it is repeated."""
    for name in islice(fields, NAMES_LOOKED_AT):
        if name != "user_id" and ECHOED.fullmatch(name) and alike(name, ("user_id", "user")):
            return f'user_id is missing; {name} was sent: name it user_id, as in {{"user_id": "alice"}}'
    return 'user_id is missing: the body must be like {"user_id": "alice"}'


def read_object(event: dict[str, Any]) -> dict[str, Any]:
    """Answer the JSON object of the body, unknown fields and all; raise `Problem` where it is none."""
    content_type = header(event, "content-type")
    if content_type and content_type.partition(";")[0].strip().lower() != "application/json":
        raise Problem("unsupported_media_type")
    body = event.get("body") or ""
    try:
        raw = base64.b64decode(body, validate=True) if event.get("isBase64Encoded") else body.encode()
        if len(raw) > MAX_BODY_BYTES:
            raise Problem("body_too_large")
        # As text: json.loads would guess at UTF-16 in bytes. Deep nesting ends in a RecursionError.
        fields = json.loads(raw.decode())
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise Problem("bad_json")
    return fields


def correlation_id(event: dict[str, Any]) -> str:
    """Answer the caller's own `x-correlation-id` if it is harmless, else API Gateway's request id."""
    return harmless(header(event, "x-correlation-id")) or str(event["requestContext"].get("requestId", ""))


def header(event: dict[str, Any], name: str) -> str:
    """Answer a request header by its lower-case name, or "". API Gateway writes them so; `sam local` does not."""
    headers = event.get("headers") or {}
    if name in headers:
        return str(headers[name])
    if "host" in headers:  # every request has one: all of these names are in lower case
        return ""
    return next((str(value) for key, value in headers.items() if key.lower() == name), "")
