"""`firstcome` as tests run it: one command line, its exit code, and its document held to its schema."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

import jsonschema
from typer.testing import CliRunner

from firstcome_cli import schemas
from firstcome_cli.app import PROGRAM, anywhere, app

# What changes how a program prints. pytest loads readline, which gives every child of this process the first two.
OF_THE_SESSION = dict.fromkeys(("COLUMNS", "LINES", "TERM", "NO_COLOR", "FORCE_COLOR"))


@dataclass(frozen=True)
class Ended:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """What --json printed."""
        found: dict[str, Any] = json.loads(self.out)
        return found


@dataclass(frozen=True)
class Program:
    """The program in one environment; what the session says about terminals is left out."""

    environ: dict[str, str] = field(default_factory=dict)

    def under(self, **environ: str) -> Program:
        """Return the program with more variables."""
        return replace(self, environ=self.environ | environ)

    def __call__(self, *words: str, code: int = 0, given: str | None = None) -> Ended:
        """Run one command line, which must end with this code."""
        environ: dict[str, str | None] = {**OF_THE_SESSION, **self.environ}
        result = CliRunner().invoke(app, anywhere(list(words)), input=given, env=environ, prog_name=PROGRAM)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        ended = Ended(result.exit_code, result.stdout, result.stderr)
        assert ended.code == code, ended
        return ended

    def json(self, *words: str, code: int = 0, given: str | None = None) -> dict[str, Any]:
        """Return the document of one command, which its published schema describes."""
        document = self(*words, "--json", code=code, given=given).document
        conforms(schemas.ERROR if "error" in document else schemas.of(words), document)
        return document


def conforms(name: str, document: object) -> None:
    """Assert that a document is what its published schema says."""
    schema = schemas.load(name)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(document, schema, format_checker=jsonschema.FormatChecker())
