"""Nobody but the code writes into the log: whatever a caller sends, a line stays one line, and its fields are ours."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dev.openapi import load_handler
from firstcome.rules import Unavailable
from firstcome.runtime import http
from firstcome.runtime.telemetry import logger
from tests.api import BACK_END, Api

FORGED = 'x\r\n{"level":"INFO","message":"given","user_id":"mallory","ticket":1}\x1b[31m\u2028"'
OURS = "JKJaXmPLvHcESHA="  # the request id of API Gateway


class _Broken:
    """Stands where the servers would be asked, and fails in words that a caller chose."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __getattr__(self, name: str) -> Any:
        def fail(*_: object) -> None:
            raise self.error

        return fail


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What the logger writes, as it writes it."""
    written = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", written)
    return written


def lines(log: io.StringIO) -> list[dict[str, Any]]:
    """Return the lines as CloudWatch cuts them, each of which must be one JSON object."""
    return [json.loads(line) for line in log.getvalue().split("\n") if line]


@pytest.mark.parametrize("error", [RuntimeError(FORGED), Unavailable("redis", FORGED)])
def test_a_line_of_the_log_stays_one_line(error: Exception, log: io.StringIO) -> None:
    """A fault that repeats what a caller sent, a path and a header with line ends: one object each, none forged."""
    module = load_handler()
    vars(module.api)["_applications"] = _Broken(error)
    api = Api(module, BACK_END)
    api.call("GET", "/events/spring-sale/applications/alice", headers={"x-correlation-id": FORGED})
    api.call("GET", "/events/spring%0D%0A%7B%22level%22", headers={"x-correlation-id": FORGED})
    [line] = lines(log)
    assert line["level"] in {"WARNING", "ERROR"}
    assert line["message"] != "given"
    assert line["correlation_id"] == OURS
    assert "ticket" not in line


def test_what_others_wrote_is_a_value_and_never_a_field(log: io.StringIO) -> None:
    """Control characters are escaped by the formatter, wherever they come from."""
    logger.warning(FORGED, extra={"detail": FORGED})
    [line] = lines(log)
    assert (line["message"], line["detail"], line["level"]) == (FORGED, FORGED, "WARNING")


@given(st.text() | st.from_regex(r"[A-Za-z0-9._=-]{0,200}\s*", fullmatch=True))
def test_a_correlation_id_is_harmless_or_ours(theirs: str) -> None:
    """It goes into log, record and answer: 1 to 128 characters that mean nothing to any of them."""
    event = {"headers": {"x-correlation-id": theirs}, "requestContext": {"requestId": OURS}}
    found = http.correlation_id(event)
    assert found in {theirs, OURS}
    assert 1 <= len(found) <= 128
    assert found.isascii()
    assert found.isprintable()
    assert " " not in found
