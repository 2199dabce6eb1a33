"""`python -m dev.openapi_operators` writes docs/openapi-operators.json, from the tables of routes and actions.

Each action that is posted has a path of its own, whose body is what the table of actions says. What the answers look
like stands here; a test holds every real answer to it, and the file to what this module makes.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from dev.openapi_answers import SCHEMAS
from dev.openapi_examples import answer_of
from dev.openapi_parts import CORRELATION_ID, EVENT_ID, RETRY_AFTER, ROOT, USER_ID, Json, content, object_of, ref
from firstcome import rules
from firstcome.operate import fields
from firstcome.operate.arguments import APART
from firstcome.operate.table import ACTIONS, Action
from firstcome.operate.web.problem import CODES, FIELD, FIELD_CODES, SHARED_CODES
from firstcome.operate.web.routes import ROUTES, Route, is_posted
from firstcome.operate.who import Group
from firstcome.runtime.http import MEDIA_TYPE, TYPE_PREFIX
from firstcome.runtime.http import document as problem_document

if TYPE_CHECKING:
    from firstcome.operate.fields import Field

FILE = ROOT / "docs" / "openapi-operators.json"
VERSION = "1.0.0"  # of the contract: a client that worked goes on working while the first number stays
DESCRIPTION = f"""\
What operators do with events: look, open, pause, redrive, and the rest. The actions are those of direct invokes.

Who acts is the subject of the token. What they may do is said by their groups, in a claim that the deployment names:
`{"`, `".join(Group)}`, each of which may do what those before it may. `GET /me` says what that is.

Every change may carry a `request_id`: a repeat answers what it answered first, with `"repeated": true`. A change of an
event carries `expect_version`, the `config_version` that was seen: 409 `changed` where somebody else was quicker.
What may take longer than an HTTP API waits answers 202 with an operation; `GET /operations/{{id}}` tells how far it is.

Errors are `{MEDIA_TYPE}` (RFC 9457) with a stable `code` and the correlation id. API Gateway answers some requests by
itself, with `{{"message": …}}` as `application/json`: 401 (no valid token), 404 (no such path), 413, 429 (throttled),
500 and 503 (the function failed, or too many ask at once). After 500, 503 and a lost connection, whether a change was
made is not known: repeat it with its `request_id`. 409 `unsuitable` names what somebody has to change in a server: the
same request helps no sooner."""

_COUNTED: Json = {"type": "integer", "minimum": 1, "maximum": fields.ID_MAX}
_MOMENT: Json = {"type": "string", "format": "date-time"}
_CODE: Json = {"type": "string", "pattern": f"^{rules.CODE_PATTERN}$"}
# What a value must be; of other fields the type of the example says it.
VALUES: dict[Field, Json] = {
    fields.EVENT_ID: EVENT_ID,
    fields.AFTER_EVENT: EVENT_ID,
    fields.USER_ID: USER_ID,
    fields.ERASED_USER_ID: USER_ID,
    fields.CAPACITY: _COUNTED | {"maximum": fields.CAPACITY_MAX},
    fields.OPENS_AT: _MOMENT,
    fields.CLOSES_AT: _MOMENT,
    fields.AFTER_SECOND: _MOMENT,
    fields.SPREAD_MS: _COUNTED | {"minimum": 0, "maximum": fields.SPREAD_MAX_MS},
    fields.ROW_ID: _COUNTED,
    fields.OPERATION_ID: _COUNTED,
    fields.UP_TO_ID: _COUNTED,
    fields.BEFORE_ID: _COUNTED,
    fields.AFTER_ID: _COUNTED | {"minimum": 0},
    fields.AFTER_TICKET: _COUNTED | {"minimum": 0},
    fields.STATUS: {"type": "string", "enum": list(rules.FailedStatus)},
    fields.STATE: {"type": "string", "enum": fields.SHOWN_STATES},
    fields.LIMIT: _COUNTED | {"maximum": fields.LIST_LIMIT_MAX},
    fields.WINNERS_LIMIT: _COUNTED | {"maximum": fields.WINNERS_LIMIT_MAX},
    fields.PARTITIONS: _COUNTED | {"maximum": fields.PARTITIONS_MAX},
    fields.REPLICATION: _COUNTED | {"maximum": fields.REPLICATION_MAX},
    fields.CODES: {"type": "array", "items": _CODE, "minItems": 1, "maxItems": fields.CODES_MAX},
    fields.REQUEST_ID: {"type": "string", "pattern": f"^{rules.CORRELATION_ID_PATTERN}$"},
    fields.EXPECT_VERSION: _COUNTED | {"maximum": 2**31 - 1},
}
STATUSES = sorted({meaning.status for meaning in CODES.values()} - {405})  # of the problems of an operation
HEADERS: Json = {"X-Correlation-Id": CORRELATION_ID}
JWT: Json = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "An operator: sub and groups"}
NOT_OF_OPERATIONS = ("unknown_path", "unknown_action", "method_not_allowed")


def document() -> Json:
    """Return the OpenAPI 3.1 document."""
    paths: Json = {}
    for route in ROUTES:
        if route.action in ACTIONS or route.name == "me":
            paths.setdefault(route.path, {})["get"] = _looking(route)
    for action in filter(is_posted, ACTIONS.values()):
        of_event = [form for form in action.forms if _agrees(fields.EVENT_ID, form)]
        of_all = [form for form in action.forms if fields.EVENT_ID not in form]
        if of_event and fields.EVENT_ID in action.fields:
            paths[f"/events/{{event_id}}/actions/{action.name}"] = {"post": _acting(action, of_event, on_event=True)}
        if of_all:
            paths[f"/actions/{action.name}"] = {"post": _acting(action, of_all, on_event=False)}
    return {
        "openapi": "3.1.0",
        "info": {"title": "firstcome, for operators", "version": VERSION, "description": DESCRIPTION},
        "security": [{"jwt": []}],
        "paths": paths,
        "components": {
            "schemas": SCHEMAS | {"Problem": PROBLEM},
            "responses": {str(status): _problem(status) for status in STATUSES},
            "securitySchemes": {"jwt": JWT},
        },
    }


def text() -> str:
    """Return the file's text."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


def codes_of(status: int) -> list[str]:
    """Return the codes that an operation may answer with this status."""
    found = [code for code, meaning in CODES.items() if meaning.status == status and code not in NOT_OF_OPERATIONS]
    return [*found, *FIELD_CODES, *SHARED_CODES] if status == FIELD.status else found


def _looking(route: Route) -> Json:
    about, group = "Say who asks, and what they may do.", Group.VIEWER
    named: dict[str, Field] = {}
    if route.action:
        action = ACTIONS[route.action]
        about, group = action.about.removesuffix(" Changes nothing."), action.group
        named = {field.name: field for field in action.fields}
    parameters = [_parameter(name, named[name], "path") for name in re.findall(r"\{(\w+)\}", route.path)]
    parameters += [_parameter(name, named[field], "query") for name, field in route.query.items()]
    statuses = (400, 401, 403, 404, 409, 500, 503) if route.action else (401, 403, 500)
    return {
        "operationId": route.name,
        "summary": about,
        "description": f"For the group `{group}`, and those above it.",
        "parameters": parameters,
        "responses": {"200": _success(route.action or "me")} | _problems(*statuses),
    }


def _acting(action: Action, forms: list[tuple[Field, ...]], *, on_event: bool) -> Json:
    bodies = [_body(action, form, on_event=on_event) for form in forms]
    made: Json = {
        "operationId": f"{action.name}_{'event' if on_event else 'all'}",
        "summary": action.about,
        "description": f"For the group `{action.group}`, and those above it.",
        "parameters": [_parameter("event_id", fields.EVENT_ID, "path")] if on_event else [],
        "requestBody": {
            "required": any(body["required"] for body in bodies),
            "content": {"application/json": {"schema": bodies[0] if len(bodies) == 1 else {"anyOf": bodies}}},
        },
    }
    answers = {"200": _success(action.name)}
    if action.long:
        operation = {"id": 7, "status": "working", "action": action.name, "event_id": "spring-sale"}
        answers["202"] = {
            "description": "It was begun: ask about the operation",
            "headers": HEADERS,
            "content": content("Begun", {"begun": {"operation": operation}}),
        }
    return made | {"responses": answers | _problems(400, 401, 403, 404, 409, 413, 415, 500, 503)}


def _agrees(field: Field, form: tuple[Field, ...]) -> bool:
    """Say whether a body of this form may have the field, too."""
    return not any({field, other} == {*pair} for other in form for pair in APART)


def _body(action: Action, form: tuple[Field, ...], *, on_event: bool) -> Json:
    elsewhere = {fields.EVENT_ID, fields.ACTOR}  # in the path, and in the token
    needed = [*form, *((fields.EXPECT_VERSION,) if action.versioned else ())]
    optional = [field for field in action.fields if field not in needed and _agrees(field, form)]
    if on_event:
        optional = [field for field in optional if _agrees(field, (fields.EVENT_ID,))]
    made = {field.name: _value(field) for field in needed if field not in elsewhere}
    more = {field.name: _nullable(_value(field)) for field in optional if field not in elsewhere}
    body = object_of(made | more, *more, description="null stands for what is left out.")
    return body | {"additionalProperties": False}


def _value(field: Field) -> Json:
    if field.example is True:
        known: Json = {"type": "boolean", "const": True}
    elif isinstance(field.example, int):
        known = {"type": "integer"}
    else:
        known = {"type": "string", "minLength": 1, "maxLength": fields.TEXT_MAX_LENGTH}
    return {**VALUES.get(field, known), "description": field.about, "examples": [field.example]}


def _nullable(schema: Json) -> Json:
    return schema | {"type": [schema["type"], "null"]}


def _parameter(name: str, field: Field, where: str) -> Json:
    return {
        "name": name,
        "in": where,
        "required": where == "path",
        "description": field.about,
        "schema": _value(field),
        "example": field.example,
    }


def _success(name: str) -> Json:
    schema, example = answer_of(name)
    description = SCHEMAS[schema]["description"]
    return {"description": description, "headers": HEADERS, "content": content(schema, {name: example})}


PROBLEM: Json = object_of(
    {
        "type": {"type": "string", "format": "uri", "pattern": f"^{TYPE_PREFIX}"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string", "format": "uri-reference"},
        "code": {"type": "string", "enum": [*CODES, *FIELD_CODES, *SHARED_CODES]},
        "correlation_id": {"type": "string"},
    },
    description="RFC 9457, with a stable `code`.",
)


def _problems(*statuses: int) -> Json:
    return {str(status): {"$ref": f"#/components/responses/{status}"} for status in statuses}


def _problem(status: int) -> Json:
    codes = codes_of(status)
    schema = {"allOf": [ref("Problem"), {"properties": {"code": {"enum": codes}, "status": {"const": status}}}]}
    examples = {
        code: {"value": problem_document(code, CODES[code], "", "/events/spring-sale") | {"correlation_id": "Jk3="}}
        for code in codes
        if code in CODES
    }
    waits = {"Retry-After": RETRY_AFTER} if status == 503 else {}
    return {
        "description": "; ".join(f"`{code}`: {CODES[code].title}" for code in codes if code in CODES),
        "headers": HEADERS | waits,
        "content": {MEDIA_TYPE: {"schema": schema, "examples": examples}},
    }


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
    print(f"wrote {FILE.relative_to(ROOT)}")
