"""The line of a winner, made without the machinery of `logging`, is the line that it would make."""

from __future__ import annotations

import io
import json
import logging
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstcome.runtime import redaction, telemetry
from firstcome.runtime.redaction import Formatter

NAMES = ("event_id", "user_id", "status", "ticket", "applied_at", "correlation_id")
TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
fields = st.dictionaries(st.sampled_from(NAMES), st.none() | st.integers() | st.text())


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What the logger's own handler is given to write."""
    written = io.StringIO()
    monkeypatch.setattr(telemetry.logger.registered_handler, "stream", written)
    return written


@pytest.mark.parametrize("trace", ["", TRACE])
@pytest.mark.parametrize("key", [None, b"key"], ids=["plain", "hashed"])
@given(more=fields, ms=st.integers(0, 253_402_300_799_999))
def test_a_cheap_line_is_the_loggers_line(key: bytes | None, trace: str, more: dict[str, Any], ms: int) -> None:
    """Byte for byte: the same fields in the same order, people as the logs call them, the same time."""
    known = {"msg": "given", "levelno": logging.INFO, "levelname": "INFO", "funcName": "apply", "lineno": 7}
    record = logging.makeLogRecord({**known, "created": ms // 1000, "msecs": ms % 1000, **more})
    formatter = Formatter(utc=True, service="firstcome")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(redaction, "_key", lambda: key)
        patch.setattr("firstcome.runtime.redaction.time.time_ns", lambda: ms * 1_000_000)
        patch.setenv("_X_AMZN_TRACE_ID", trace)
        assert formatter.line("given", "apply:7", more) == formatter.format(record)


def test_a_cheap_line_names_its_caller(written: io.StringIO) -> None:
    """And the service, as every other line does."""
    telemetry.logger.info("given", extra={"ticket": 1})
    telemetry.info("given", {"ticket": 1})
    slow, cheap = (json.loads(line) for line in written.getvalue().splitlines())
    assert cheap["location"].startswith("test_a_cheap_line_names_its_caller:")
    for line in (slow, cheap):
        del line["location"], line["timestamp"]
    assert cheap == slow


@pytest.mark.parametrize(("level", "lines"), [("DEBUG", 1), ("INFO", 1), ("WARNING", 0), ("ERROR", 0)])
def test_the_level_holds_for_cheap_lines(
    written: io.StringIO, request: pytest.FixtureRequest, level: str, lines: int
) -> None:
    """A function whose level is above INFO writes none."""
    request.addfinalizer(partial(telemetry.logger.setLevel, telemetry.logger.log_level))
    telemetry.logger.setLevel(level)
    telemetry.info("given", {"ticket": 1})
    assert written.getvalue().count("\n") == lines
