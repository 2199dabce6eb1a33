"""Counts become lines of CloudWatch's embedded metric format on stdout."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from firstcome.telemetry import count, flush

if TYPE_CHECKING:
    import pytest


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_counts_become_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """All counts of a run are one line in our namespace, written by flush and only once."""
    flush()  # what other tests counted
    capsys.readouterr()
    count("accepted")
    count("accepted", 2)
    count("sold_out")
    assert lines(capsys) == [], "nothing is written before the flush"
    flush()
    flush()
    [line] = lines(capsys)
    assert line["accepted"] == [1, 2]
    assert line["sold_out"] == [1]
    assert line["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "firstcome"


def test_a_count_with_dimensions_is_a_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    """Dimensions belong to a whole line, so such a count does not wait for the others, nor change them."""
    count("refused", 1, reason="sold_out")
    [line] = lines(capsys)
    assert (line["refused"], line["reason"]) == ([1], "sold_out")
    assert line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["service", "reason"]]
