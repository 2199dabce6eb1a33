"""Counts and measures become lines of CloudWatch's embedded metric format on stdout; the crowd shares its lines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from firstcome.runtime import telemetry
from firstcome.runtime.telemetry import HOLD_S, VALUES_MAX, count, invocation, measure, timed

if TYPE_CHECKING:
    from collections.abc import Callable


class Clock:
    """The wall clock of `telemetry`, in the test's hands."""

    def __init__(self) -> None:
        self.now = float(int(time.time())) - 24 * 3600  # CloudWatch takes lines of 14 days

    def time(self) -> float:
        return self.now

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A new environment at some time."""
    clock = Clock()
    monkeypatch.setattr(telemetry, "time", clock)
    monkeypatch.setattr(telemetry, "_line", telemetry._Line())
    return clock


@pytest.fixture
def lines(clock: Clock, capsys: pytest.CaptureFixture[str]) -> Callable[[], list[dict[str, Any]]]:
    """Return the lines written since the last time."""
    return lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_counts_become_one_line(lines: Callable[[], list[dict[str, Any]]], clock: Clock) -> None:
    """All of a run is one line in our namespace with one dimension, written by flush and only once."""
    count("issued")
    count("issued", 2)
    measure("iterator_age_ms", 7)
    measure("iterator_age_ms", 9)
    assert lines() == [], "nothing is written before the flush"
    telemetry._line.flush()
    telemetry._line.flush()
    [line] = lines()
    assert (line["issued"], line["iterator_age_ms"], line["service"]) == ([3], [7, 9], "firstcome")
    [directive] = line["_aws"]["CloudWatchMetrics"]
    assert (directive["Namespace"], directive["Dimensions"]) == ("firstcome", [["service"]])
    assert directive["Metrics"] == [
        {"Name": "issued", "Unit": "Count"},
        {"Name": "iterator_age_ms", "Unit": "Milliseconds"},
    ]
    assert line["_aws"]["Timestamp"] == clock.now * 1000


def test_a_quiet_environment_writes_at_once(lines: Callable[[], list[dict[str, Any]]], clock: Clock) -> None:
    """What may wait does not, when the last line is a second old: little traffic loses nothing."""
    for _ in range(3):
        count("sold_out", may_wait=True)
        telemetry._line.flush()
        assert [line["sold_out"] for line in lines()] == [[1]]
        clock.now += HOLD_S


def test_the_crowd_shares_its_lines(lines: Callable[[], list[dict[str, Any]]], clock: Clock) -> None:
    """In a burst, ordinary answers are one line a second; what may not wait takes along what waits."""
    for _ in range(4):
        count("sold_out", may_wait=True)
        telemetry._line.flush()
        clock.now += HOLD_S / 10
    assert [line["sold_out"] for line in lines()] == [[1]]
    count("gate_lost")
    telemetry._line.flush()
    [line] = lines()
    assert (line["gate_lost"], line["sold_out"]) == ([1], [3])


def test_what_waits_when_an_environment_is_frozen_keeps_its_time(
    lines: Callable[[], list[dict[str, Any]]], clock: Clock
) -> None:
    """The next request, hours later, writes it in a line of its own, under the time at which it was counted."""
    for _ in range(3):
        count("sold_out", may_wait=True)
        telemetry._line.flush()
    lines()
    frozen = clock.now
    clock.now += 3 * 3600
    count("sold_out", may_wait=True)
    telemetry._line.flush()
    old, new = lines()
    assert (old["sold_out"], old["_aws"]["Timestamp"]) == ([2], frozen * 1000)
    assert (new["sold_out"], new["_aws"]["Timestamp"]) == ([1], clock.now * 1000)


def test_a_line_holds_no_more_than_its_format_allows(lines: Callable[[], list[dict[str, Any]]]) -> None:
    """CloudWatch drops a line with more values of one metric."""
    for _ in range(2 * VALUES_MAX + 1):
        measure("gate_ms", 1, may_wait=True)
    telemetry._line.flush()
    assert [len(line["gate_ms"]) for line in lines()] == [VALUES_MAX, VALUES_MAX]


def test_a_block_that_raises_is_measured(lines: Callable[[], list[dict[str, Any]]], clock: Clock) -> None:
    """A server that is away takes its timeout: the very duration that one wants to see."""

    def ask() -> None:
        with timed("gate_ms"):
            clock.now += 0.5
            raise OSError("away")

    with pytest.raises(OSError, match="away"):
        ask()
    telemetry._line.flush()
    assert [line["gate_ms"] for line in lines()] == [[500.0]]


def test_a_handler_that_raises_writes_its_metrics(lines: Callable[[], list[dict[str, Any]]]) -> None:
    """And raises what it raised."""

    @invocation
    def handler(event: object, context: object) -> None:
        count("issued")
        raise OSError("away")

    with pytest.raises(OSError, match="away"):
        handler({}, None)
    assert [line["issued"] for line in lines()] == [[1]]


@pytest.mark.parametrize(("asked", "root"), [("INFO", "WARNING"), ("DEBUG", "WARNING"), ("ERROR", "ERROR")])
def test_libraries_speak_from_warning_on(asked: str, root: str) -> None:
    """With the JSON format Lambda gives the root logger the functions' own level before it imports them."""
    code = (
        f"import logging; logging.root.setLevel({asked!r}); import firstcome.runtime.telemetry as telemetry; "
        "print(logging.getLevelName(logging.root.level), logging.getLevelName(telemetry.logger.log_level))"
    )
    lambdas = {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": asked, "POWERTOOLS_LOG_LEVEL": asked}
    environment = os.environ | lambdas | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [root, asked]
