"""What the benchmarks claim: ratios of the same round, wrong results said to be wrong."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from benchmarks.__main__ import BENCHMARKS
from benchmarks.harness import report
from benchmarks.harness.rows import Bar, Row, interleave

if TYPE_CHECKING:
    from pathlib import Path

ROW = Row(
    "the gate",
    "calls/s",
    {"ours": [50.0, 90.0, 70.0], "floor": [100.0, 100.0, 200.0]},
    [Bar("ours", "floor", 0.5)],
)


def test_a_ratio_is_of_two_contenders_of_the_same_round() -> None:
    """And what is held to the bar is the median of the rounds."""
    assert ROW.ratios(ROW.bars[0]) == [0.5, 0.9, 0.35]
    assert ROW.ratio(ROW.bars[0]) == 0.5
    assert ROW.ok


@pytest.mark.parametrize(
    ("bar", "ok"),
    [
        (Bar("ours", "floor", 0.51), False),
        (Bar("ours", "floor", 0.51, why_not="it cannot be"), True),
        (Bar("ours", "floor", 0.5, at_most=True), True),
        (Bar("ours", "floor", 0.49, at_most=True), False),
    ],
)
def test_a_missed_bar_needs_a_reason(bar: Bar, *, ok: bool) -> None:
    assert Row("the gate", "calls/s", ROW.values, [bar]).ok is ok


def test_a_fast_wrong_answer_is_wrong(tmp_path: Path) -> None:
    """Whatever its ratio is, and the report says so."""
    wrong = Row(ROW.what, ROW.unit, ROW.values, ROW.bars, wrong=["101 rows for 100 coupons"])
    assert not wrong.ok
    path = report.write(tmp_path, BENCHMARKS, "gate", [wrong], 1.0, quick=True)
    assert "**wrong**: 101 rows for 100 coupons" in path.read_text()


def test_every_round_has_another_order() -> None:
    """What a contender leaves behind, warm or dirty, is not always the next one's."""
    ran: list[str] = []

    def measured(name: str) -> float:
        ran.append(name)
        return 1.0

    contenders = {name: partial(measured, name) for name in "abc"}
    assert interleave(contenders, 3) == {name: [1.0] * 3 for name in "abc"}
    assert ran == [*"abc", *"bca", *"cab"]


def test_the_report_is_what_was_measured(tmp_path: Path) -> None:
    """A run writes its own section anew, and leaves those of the other benchmarks as they were."""
    text = ""
    for name, row in (("memory", Row("memory", "bytes", {"peak": [7.0]})), ("gate", ROW), ("gate", ROW)):
        text = report.write(tmp_path, BENCHMARKS, name, [row], 1.0, quick=False).read_text()
        assert f"`make bench NAME={name}`" in text
    assert "| the gate | ours 70 · floor 100 calls/s | ours ≥ 0.5 × floor | **0.50** (0.35 to 0.90) | ✓ |" in text  # noqa: RUF001
    assert "| memory | peak 7 bytes | | | |" in text
    assert [line for line in text.splitlines() if line.startswith("## ")] == ["## gate", "## memory"]
