"""The OpenAPI document is what the code makes, is valid, and leaves nothing out."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from dev import openapi
from dev.openapi_applicants import PROBLEMS
from dev.openapi_parts import ROOT
from firstcome.apply.problem import CODES, METHODS
from tests.api import DOCUMENT, validator

USE = Path(__file__).parents[2] / "docs" / "use.md"
OPERATIONS: dict[str, dict[str, Any]] = {
    operation["operationId"]: operation for methods in DOCUMENT["paths"].values() for operation in methods.values()
}


def test_the_file_is_what_the_code_makes() -> None:
    """A route, a code or a limit that changed without the document is drift."""
    assert openapi.FILE.read_text(encoding="utf-8") == openapi.text(), "run: make openapi"


def test_the_document_is_valid() -> None:
    """OpenAPI 3.1, by the validator that others use."""
    validate(DOCUMENT, cls=OpenAPIV31SpecValidator)


def test_the_paths_and_methods_are_those_of_the_method_table() -> None:
    """The table that answers 405 knows the resolver's routes, and no others."""
    documented = {path: " ".join(methods).upper() for path, methods in DOCUMENT["paths"].items()}
    assert documented == METHODS


def test_the_guide_names_each_status_of_each_request() -> None:
    """Its table of requests has those of the document, and its table of statuses says what to do about each problem."""
    text = USE.read_text()
    problems = set()
    for path, methods in DOCUMENT["paths"].items():
        [(method, operation)] = methods.items()
        [row] = [line for line in text.splitlines() if line.startswith(f"| `{method.upper()} {path}`")]
        statuses = operation["responses"].keys()
        assert set(re.findall(r"\b[2-5]\d\d\b", row)) == statuses, row
        problems |= {status for status in statuses if status >= "400"}
    explained = {line[2:5] for line in text.splitlines() if re.match(r"\| \d{3} \|", line)}
    assert explained == problems - {"409"}, "409 is told by its code"


def test_every_code_is_somewhere() -> None:
    """Each code is an answer of some operation, but for those of a path or method that does not exist."""
    documented = {code for codes in PROBLEMS.values() for code in codes}
    assert documented == CODES.keys() - {"unknown_path", "method_not_allowed"}
    assert DOCUMENT["components"]["schemas"]["Problem"]["properties"]["code"]["enum"] == list(CODES)


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_answer_has_a_schema_and_examples_that_fit_it(name: str) -> None:
    """A reader may copy any of them."""
    for status, answer in OPERATIONS[name]["responses"].items():
        for content in answer["content"].values():
            assert content["examples"], (name, status)
            for example in content["examples"].values():
                validator(content["schema"]).validate(example["value"])


def test_the_request_body_is_an_application() -> None:
    """With its limits: what the schema takes, the handler takes."""
    body = OPERATIONS["apply"]["requestBody"]["content"]["application/json"]
    assert body["schema"] == {"$ref": "#/components/schemas/NewApplication"}
    assert "security" not in OPERATIONS["event"]
    assert OPERATIONS["apply"]["security"] == OPERATIONS["status"]["security"] == [{"jwt": []}, {"iam": []}]
    assert OPERATIONS["redeem"]["security"] == OPERATIONS["takeBack"]["security"] == [{"iam": []}]


def test_the_function_runs_without_what_makes_the_document() -> None:
    """Neither pydantic nor any other package of the developers is imported at run time."""
    script = "import handler, json, sys; print(json.dumps([*sys.modules]))"
    path = os.pathsep.join(str(ROOT / folder) for folder in ("layers/common/python", "functions/apply"))
    answer = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": path}, capture_output=True, check=True
    )
    loaded = {name.partition(".")[0] for name in json.loads(answer.stdout)}
    assert loaded.isdisjoint({"pydantic", "pydantic_core", "boto3", "aws_xray_sdk", "dev"})
