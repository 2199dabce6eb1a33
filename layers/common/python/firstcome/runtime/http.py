"""HTTP as both APIs speak it: what a payload of API Gateway says, and how an error reads (RFC 9457)."""

import base64
import json
from typing import Any, NamedTuple
from urllib.parse import quote

from firstcome.rules import BadInput, harmless

MEDIA_TYPE = "application/problem+json"  # RFC 9457
TYPE_PREFIX = "urn:problem-type:firstcome:"  # a name, not an address: nothing to fetch, nothing to keep alive

# Spread, so that those who were told to wait do not come back as one.
RETRY_AFTER_S = (1, 3)

to_json = json.JSONEncoder(separators=(",", ":")).encode  # json.dumps would make an encoder a call


class Meaning(NamedTuple):
    """What a code means: the status that goes with it, what it is in general, and what to do about it."""

    status: int
    title: str
    detail: str


def document(code: str, meaning: Meaning, detail: str, path: str) -> dict[str, Any]:
    """Return the RFC 9457 document of a code at `path`, a decoded path; without a `detail` it has the usual one."""
    return {
        "type": TYPE_PREFIX + code,
        "title": meaning.title,
        "status": meaning.status,
        "detail": detail or meaning.detail,
        "instance": quote(path, errors="replace"),
        "code": code,
    }


def read_object(event: dict[str, Any], max_bytes: int) -> dict[str, Any]:
    """Return the JSON object of the body, unknown fields and all; raise `BadInput` where it is none."""
    content_type = header(event, "content-type")
    if content_type and content_type.partition(";")[0].strip().lower() != "application/json":
        raise BadInput("unsupported_media_type", "Content-Type must be application/json")
    body = event.get("body") or ""
    try:
        raw = base64.b64decode(body, validate=True) if event.get("isBase64Encoded") else body.encode()
        if len(raw) > max_bytes:
            raise BadInput("body_too_large", f"the body may have {max_bytes} bytes")
        # As text: json.loads would guess at UTF-16 in bytes. Deep nesting ends in a RecursionError.
        fields = json.loads(raw.decode())
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise BadInput("bad_json", "the body must be a JSON object in UTF-8")
    return fields


def correlation_id(event: dict[str, Any]) -> str:
    """Return the caller's own `x-correlation-id` if it is harmless, else API Gateway's request id."""
    return harmless(header(event, "x-correlation-id")) or str(event["requestContext"].get("requestId", ""))


def header(event: dict[str, Any], name: str) -> str:
    """Return a request header by its lower-case name, or "". API Gateway writes them so; `sam local` does not."""
    headers = event.get("headers") or {}
    if name in headers:
        return str(headers[name])
    if "host" in headers:  # every request has one: all of these names are in lower case
        return ""
    return next((str(value) for key, value in headers.items() if key.lower() == name), "")
