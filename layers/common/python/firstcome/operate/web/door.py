"""One request of an operator → one action → one response of API Gateway's payload format 2.0."""

import json
from http import HTTPStatus
from typing import Any

from firstcome.operate.actions import act
from firstcome.operate.fields import Field, echo
from firstcome.operate.table import ACTIONS, Action
from firstcome.operate.web import routes
from firstcome.operate.web.identity import identify
from firstcome.operate.web.problem import MAX_BODY_BYTES, Problem, refusal
from firstcome.operate.who import Forbidden, Group, Who
from firstcome.rules import BadInput, Unsuitable
from firstcome.runtime import http
from firstcome.runtime.redaction import mark
from firstcome.runtime.telemetry import logger
from firstcome.stores import Stores

PRIVATE = {"Cache-Control": "no-store"}
# Of the body as the string that it is inside a response, where every quotation mark is two characters. Lambda answers
# 6,291,556 bytes at most; the rest is for the headers.
RESPONSE_MAX_BYTES = 6_000_000
DIGITS_MAX = 19  # of the largest number that a column holds; Python reads no number of thousands of digits
UNDER_WAY = ("begun", "working")  # what is said of an operation that is not finished
ELSEWHERE = {"action": "in the path", "event_id": "in the path", "actor": "in the token"}  # never in a body


def answer(stores: Stores, event: dict[str, Any]) -> dict[str, Any]:
    """Return the response to one request, whatever becomes of it."""
    path, correlation_id = event["rawPath"], http.correlation_id(event)
    headers = PRIVATE | {"X-Correlation-Id": correlation_id}
    try:
        status, body = _answer(stores, event, correlation_id)
        text = _written(body)
    except Exception as error:  # noqa: BLE001  whatever it is, it is answered, and logged where it is ours
        refused = refusal(error, path, correlation_id)
        _log(error, refused.status, correlation_id)
        return _response(refused.status, json.dumps(refused.body), headers | refused.headers, http.MEDIA_TYPE)
    return _response(status, text, headers, "application/json")


def _answer(stores: Stores, event: dict[str, Any], correlation_id: str) -> tuple[int, dict[str, Any]]:
    who = identify(event, stores.settings.operator_groups_claim)
    actor = {"actor": mark(who.actor), "actor_kind": who.kind, "correlation_id": correlation_id}
    try:
        route, fields = routes.match(event["requestContext"]["http"]["method"], event["rawPath"])
        if route.name == "me":
            return HTTPStatus.OK, me(who)
        payload = _asked(route, fields, event) if route.action else _posted(fields, event)
        done = act(stores, payload, who)
    except Forbidden:
        logger.warning("forbidden", extra=actor)  # no row of `operation`: nothing was decided
        raise
    logger.info("action", extra={"action": done["action"], **actor})
    operation = done.get("operation")
    begun = not route.action and isinstance(operation, dict) and operation.get("status") in UNDER_WAY
    return HTTPStatus.ACCEPTED if begun else HTTPStatus.OK, done


def me(who: Who) -> dict[str, Any]:
    """Return who asks, and what they may do."""
    may = [action.name for action in ACTIONS.values() if not action.direct and who.has(action.group)]
    return {"actor": who.actor, "groups": [group for group in Group if group in (who.groups or ())], "may": may}


def _asked(route: routes.Route, fields: dict[str, str], event: dict[str, Any]) -> dict[str, Any]:
    """Return the payload of what is only looked at: its fields stand in the path and in the query."""
    known = {field.name: field for field in ACTIONS[route.action or ""].fields}
    payload: dict[str, Any] = {"action": route.action}
    for name, text in fields.items():
        payload[name] = _value(known[name], text)
    for name, text in (event.get("queryStringParameters") or {}).items():
        if name not in route.query:
            has = f"its parameters are {', '.join(route.query)}" if route.query else "it has none"
            raise BadInput("unknown_field", f"{route.path} has no query parameter {echo(name)}; {has}")
        payload[route.query[name]] = _value(known[route.query[name]], text)
    return payload


def _posted(fields: dict[str, str], event: dict[str, Any]) -> dict[str, Any]:
    """Return the payload of an action: the path names it, and the body has its fields."""
    action: Action = routes.posted(fields["action"])
    body = http.read_object(event, MAX_BODY_BYTES) if event.get("body") else {}
    if misplaced := [f"{name} stands {where}" for name, where in ELSEWHERE.items() if name in body]:
        raise BadInput("unknown_field", f"leave out of the body: {'; '.join(misplaced)}")
    return body | fields | {"action": action.name}


def _value(field: Field, text: str) -> str | int:
    """Return the text as the field has it; what is no number stays text, and the field's own check says so."""
    number = isinstance(field.example, int) and len(text) <= DIGITS_MAX and text.isascii() and text.isdigit()
    return int(text) if number else text


def _log(error: Exception, status: int, correlation_id: str) -> None:
    """Write what is no answer to a mistake: a server that cannot be used, or a fault of ours, with its traceback."""
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or isinstance(error, Unsuitable):
        write = logger.exception if status == HTTPStatus.INTERNAL_SERVER_ERROR else logger.warning
        write("operator_api", extra={"reason": repr(error), "correlation_id": correlation_id})


def _written(body: dict[str, Any]) -> str:
    """Return the body as JSON; raise `Problem` where Lambda would not carry it."""
    text = json.dumps(body)
    if len(text) > RESPONSE_MAX_BYTES // 2 and len(json.dumps(text)) > RESPONSE_MAX_BYTES:
        raise Problem("answer_too_large")
    return text


def _response(status: int, text: str, headers: dict[str, str], media_type: str) -> dict[str, Any]:
    return {
        "statusCode": int(status),
        "headers": {**headers, "Content-Type": media_type},
        "body": text,
        "isBase64Encoded": False,
    }
