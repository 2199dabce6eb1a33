"""`python -m dev.openapi` writes docs/openapi.json: paths from apply's resolver, problems from the code's own table.

What the handler does not need at run time, it does not carry: the schemas and examples of the answers stand in
openapi_applicants.py. A test holds every real answer to them, and the file to what this module makes.
"""

from __future__ import annotations

import importlib.util
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

from dev.openapi_applicants import (
    AN_ORDER,
    ANSWERS,
    APPLICATION,
    BODIES,
    EVENT,
    FOR_BACK_ENDS,
    IAM,
    MORE,
    PARAMETERS,
    PROBLEMS,
    RETRY_AT_TURN,
    SCHEMAS,
    SECURITY_SCHEMES,
)
from dev.openapi_parts import (
    CORRELATION_ID,
    RETRY_AFTER,
    ROOT,
    Json,
    content,
    ref,
)
from firstcome.apply.problem import CODES, Problem
from firstcome.runtime.http import MEDIA_TYPE

FILE = ROOT / "docs" / "openapi.json"
VERSION = "1.1.0"  # of the contract: a client that worked goes on working while the first number stays
DESCRIPTION = f"""\
Gives the coupons of an event to the first people who ask, one each.

Errors of this API are `{MEDIA_TYPE}` (RFC 9457) with a stable `code`. API Gateway answers some requests by itself, with
`{{"message": …}}` as `application/json`: 401 and 403 (authorizer), 413 (over 10 MB), 429 (throttled), 500 and 503 (the
function failed or did not answer in time); retry the last three. Another method of a path is answered 405
`method_not_allowed` with `Allow`, another path 404 `unknown_path`. Every answer carries `X-Correlation-Id`: the one
that was sent, or API Gateway's request id; behind the edge not the view of an event, which is one answer for all."""


def document() -> Json:
    """Return the OpenAPI 3.1 document."""
    made: Json = json.loads(
        load_handler().app.get_openapi_json_schema(
            title="firstcome", version=VERSION, description=DESCRIPTION, openapi_version="3.1.0"
        )
    )
    for path, methods in made["paths"].items():
        for operation in methods.values():
            name = operation["operationId"]
            for parameter in operation["parameters"]:
                parameter["schema"] = PARAMETERS[parameter["name"]]
            if name in BODIES:
                needed = {"required": True} if name in FOR_BACK_ENDS else {}  # a token says who applies
                operation["requestBody"] = needed | {"content": content(*BODIES[name])}
            if name != "event":
                operation["security"] = [IAM] if name in FOR_BACK_ENDS else [{"jwt": []}, IAM]
            operation["responses"] = dict(sorted((_successes(name) | _problems(name, path) | _limited(name)).items()))
    made["components"] = {"schemas": SCHEMAS, "securitySchemes": SECURITY_SCHEMES}
    return made


def text() -> str:
    """Return the file's text."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


def load_handler() -> ModuleType:
    """Return apply's handler, made anew."""
    spec = importlib.util.spec_from_file_location("apply_handler", ROOT / "functions" / "apply" / "handler.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _successes(name: str) -> Json:
    cached = {"Cache-Control": {"schema": {"type": "string"}, "description": "Cacheable for a second"}}
    headers = {"X-Correlation-Id": CORRELATION_ID} | (cached if name == "event" else {})
    return {
        str(status): {"description": description, "headers": headers, "content": content(schema, examples)}
        for status, (description, schema, examples) in ANSWERS[name].items()
    }


def _problems(name: str, path: str) -> Json:
    statuses = sorted({CODES[code].status for code in PROBLEMS[name]})
    return {str(status): _problem(status, name, path) for status in statuses}


def _limited(name: str) -> Json:
    """Return what API Gateway answers above the limit of the route, which one operation has (template.yaml)."""
    if name != "event":
        return {}
    said = {"type": "object", "properties": {"message": {"type": "string"}}, "required": ["message"]}
    examples = {"throttled": {"value": {"message": "Too Many Requests"}}}
    answer = {"application/json": {"schema": said, "examples": examples}}
    return {"429": {"description": "Too many look at events at this moment", "content": answer}}


def _problem(status: int, name: str, path: str) -> Json:
    codes = [code for code in PROBLEMS[name] if CODES[code].status == status]
    at = path.format(event_id=EVENT["event_id"], user_id=APPLICATION["user_id"], key=AN_ORDER)
    schema = {"allOf": [ref("Problem"), {"properties": {"code": {"enum": codes}, "status": {"const": status}}}]}
    examples = {code: {"value": Problem(code).answer(at).body | MORE.get(code, {})} for code in codes}
    waits = {409: RETRY_AT_TURN, 503: RETRY_AFTER}
    headers = {"X-Correlation-Id": CORRELATION_ID} | ({"Retry-After": waits[status]} if status in waits else {})
    return {
        "description": "; ".join(f"`{code}`: {CODES[code].title}" for code in codes),
        "headers": headers,
        "content": {MEDIA_TYPE: {"schema": schema, "examples": examples}},
    }


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
    print(f"wrote {FILE.relative_to(ROOT)}")
