"""The shapes in which AWS invokes the functions: an HTTP API's request, and an MSK event source's batch."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

if TYPE_CHECKING:
    from http import HTTPMethod

Event = dict[str, Any]

EVENT_ID: Final = "spring-sale"
USER_ID: Final = "user-0001"
TOPIC: Final = "coupon_create"
APPLIED_AT_MS: Final = 1_893_456_000_000
APPLIED_AT: Final = "2030-01-01T00:00:00.000Z"  # the same
ACCOUNT: Final = "123456789012"
DEFAULT: Final = "$default"

# What API Gateway adds for a caller that it has let in. Claims arrive as strings, whatever they were in the token.
BACK_END: Final = {
    "iam": {
        "accessKey": "ASIAIOSFODNN7EXAMPLE",
        "accountId": ACCOUNT,
        "callerId": "AROADBQP57FF2AEXAMPLE:shop",
        "cognitoIdentity": None,
        "principalOrgId": None,
        "userArn": f"arn:aws:sts::{ACCOUNT}:assumed-role/shop/shop",
        "userId": "AROADBQP57FF2AEXAMPLE:shop",
    }
}


APPLICANT: Final = {
    "jwt": {
        "claims": {
            "aud": "firstcome",
            "exp": "1893459600",
            "iat": "1893456000",
            "iss": "https://idp.example.com/",
            "sub": USER_ID,
        },
        "scopes": None,
    }
}


NOBODY: Final = None


def operator(*groups: str) -> Event:
    """Return what it adds for an operator; an array of the token is one string, as `[admin viewer]`."""
    claims = {
        "aud": "firstcome-console",
        "exp": "1893459600",
        "groups": f"[{' '.join(groups)}]",
        "iat": "1893456000",
        "iss": "https://idp.example.com/",
        "sub": "ana",
    }
    return {"jwt": {"claims": claims, "scopes": None}}


def http(
    route: str,
    method: HTTPMethod,
    authorizer: Event | None = BACK_END,
    *,
    body: str | None = None,
    path: str | None = None,
    query: dict[str, str] | None = None,
    **parameters: str,
) -> Event:
    """Return a request. Absent, as in a real one, is what does not apply: body, path parameters, authorizer."""
    key = route if route == DEFAULT else f"{method} {route}"
    path = path or route.format(**parameters)
    domain = "a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com"
    headers = {
        "accept": "application/json",
        "host": domain,
        "user-agent": "curl/8.14.1",
        "x-amzn-trace-id": "Root=1-70db8a00-0123456789abcdef01234567",
        "x-forwarded-for": "192.0.2.7",
        "x-forwarded-port": "443",
        "x-forwarded-proto": "https",
    }
    context: Event = {
        "accountId": ACCOUNT,
        "apiId": "a1b2c3d4e5",
        "domainName": domain,
        "domainPrefix": "a1b2c3d4e5",
        "http": {
            "method": str(method),
            "path": path,
            "protocol": "HTTP/1.1",
            "sourceIp": "192.0.2.7",
            "userAgent": "curl/8.14.1",
        },
        "requestId": "JKJaXmPLvHcESHA=",
        "routeKey": key,
        "stage": DEFAULT,
        "time": "01/Jan/2030:00:00:00 +0000",
        "timeEpoch": APPLIED_AT_MS,
    }
    event: Event = {"version": "2.0", "routeKey": key, "rawPath": path, "rawQueryString": "", "headers": headers}
    event["requestContext"] = context
    if authorizer is not None:
        context["authorizer"] = authorizer
    if query:
        event["rawQueryString"] = urlencode(query)
        event["queryStringParameters"] = query
    if parameters:
        event["pathParameters"] = parameters
    if body is not None:
        event["body"] = body
        headers |= {"content-type": "application/json", "content-length": str(len(body.encode()))}
    event["isBase64Encoded"] = False
    return event


def value(number: int, /, **changes: object) -> bytes:
    """Return the value of the record of one winner; a change to `None` leaves the field out."""
    fields: Event = {"v": 1, "event_id": EVENT_ID, "user_id": f"user-{number:04}", "ticket": number}
    fields |= {"applied_at": APPLIED_AT, "restore_epoch": 1} | changes
    return json.dumps({k: v for k, v in fields.items() if v is not None}, separators=(",", ":")).encode()


def batch(*values: bytes | str | None, topic: str = TOPIC) -> Event:
    """Return the records of one partition; `None` has no value, a `str` stands in it as it is."""
    records: list[Event] = []
    for offset, payload in enumerate(values):
        record: Event = {"topic": topic, "partition": 0, "offset": 1000 + offset, "timestamp": APPLIED_AT_MS + offset}
        record |= {"timestampType": "LOG_APPEND_TIME", "key": _base64(f"user-{offset + 1:04}".encode())}
        if payload is not None:
            record["value"] = payload if isinstance(payload, str) else _base64(payload)
        # Bytes as numbers, and one object for each header: Kafka allows a name twice.
        record["headers"] = [{"correlation_id": list(f"correlation-{offset + 1}".encode())}]
        records.append(record)
    return {f"{topic}-0": records}


def kafka(records: Event) -> Event:
    """Return what the event source of an MSK cluster sends."""
    cluster = "firstcome/0a1b2c3d-4e5f-6789-abcd-ef0123456789-2"
    brokers = [f"b-{n}.firstcome.a1b2c3.c2.kafka.eu-central-1.amazonaws.com:9098" for n in (1, 2, 3)]
    return {
        "eventSource": "aws:kafka",
        "eventSourceArn": f"arn:aws:kafka:eu-central-1:{ACCOUNT}:cluster/{cluster}",
        "bootstrapServers": ",".join(brokers),
        "records": records,
    }


def _base64(payload: bytes) -> str:
    return base64.b64encode(payload).decode()
