"""The document of the operator's API is what the code makes, is valid, and leaves nothing out."""

from __future__ import annotations

import re
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from dev import openapi_operators
from firstcome.operate import fields
from firstcome.operate.table import ACTIONS
from firstcome.operate.web.problem import CODES
from firstcome.operate.web.routes import ROUTES, is_posted
from tests.operators import DOCUMENT, validator

OPERATIONS: dict[str, dict[str, Any]] = {
    operation["operationId"]: operation for methods in DOCUMENT["paths"].values() for operation in methods.values()
}
POSTED = {path: methods["post"] for path, methods in DOCUMENT["paths"].items() if "post" in methods}


def test_the_file_is_what_the_code_makes() -> None:
    """A route, an action, a field or a code that changed without the document is drift."""
    assert openapi_operators.FILE.read_text(encoding="utf-8") == openapi_operators.text(), "run: make openapi"


def test_the_document_is_valid() -> None:
    """OpenAPI 3.1, by the validator that others use; each operation has a name of its own."""
    validate(DOCUMENT, cls=OpenAPIV31SpecValidator)
    assert len(OPERATIONS) == sum(len(methods) for methods in DOCUMENT["paths"].values())


def test_every_route_and_every_action_is_documented() -> None:
    """An action that is posted has a path of its own, on an event, without one, or both."""
    looked = {path for path, methods in DOCUMENT["paths"].items() if "get" in methods}
    assert looked == {route.path for route in ROUTES if route.name == "me" or route.action in ACTIONS}
    named = {path.rpartition("/")[2] for path in POSTED}
    assert named == {action.name for action in ACTIONS.values() if is_posted(action)}


def test_every_code_is_somewhere() -> None:
    """Each code is an answer of some operation, but for those of a path that does not exist."""
    documented = {code for status in openapi_operators.STATUSES for code in openapi_operators.codes_of(status)}
    assert CODES.keys() - set(openapi_operators.NOT_OF_OPERATIONS) <= documented


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_answer_has_a_schema_and_examples_that_fit_it(name: str) -> None:
    """A reader may copy any of them."""
    for status, said in OPERATIONS[name]["responses"].items():
        answer = DOCUMENT["components"]["responses"][status] if "$ref" in said else said
        for content in answer["content"].values():
            assert content["examples"], (name, status)
            for example in content["examples"].values():
                validator(content["schema"]).validate(example["value"])


@pytest.mark.parametrize("path", POSTED)
def test_a_body_of_examples_is_an_actions_payload(path: str) -> None:
    """What the document says to send is what the action's own reading takes, with a token."""
    from firstcome.operate.arguments import read

    schema = POSTED[path]["requestBody"]["content"]["application/json"]["schema"]
    for body in schema.get("anyOf", [schema]):
        sent = {name: each["examples"][0] for name, each in body["properties"].items()}
        validator(schema).validate(sent)
        payload = sent | {"action": path.rpartition("/")[2]}
        if "{event_id}" in path:
            payload["event_id"] = fields.EVENT_ID.example
        read(payload, token=True)


def test_names_in_paths_are_parameters() -> None:
    """Each is described, and none besides."""
    for path, methods in DOCUMENT["paths"].items():
        for operation in methods.values():
            described = {each["name"] for each in operation["parameters"] if each["in"] == "path"}
            assert described == set(re.findall(r"\{(\w+)\}", path))
