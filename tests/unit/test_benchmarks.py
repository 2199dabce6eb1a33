"""What the benchmarks claim: ratios of the same round, wrong results said to be wrong."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from benchmarks.bars import http
from benchmarks.harness import readme, report
from benchmarks.harness.rows import Bar, Row, interleave

ROOT = Path(__file__).parents[2]
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
    """A bar that is missed passes only where it says why."""
    assert Row("the gate", "calls/s", ROW.values, [bar]).ok is ok


def test_a_fast_wrong_answer_is_wrong(tmp_path: Path) -> None:
    """Whatever its ratio is, and the report says so."""
    wrong = Row(ROW.what, ROW.unit, ROW.values, ROW.bars, wrong=["101 rows for 100 coupons"])
    assert not wrong.ok
    path = report.write(tmp_path, [run(wrong)], part=True)
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


def test_one_run_shows_how_far_its_rounds_spread(tmp_path: Path) -> None:
    """A report of one run has the median and the range of its rounds, and says that it is a part."""
    text = report.write(tmp_path, [run(ROW)], part=True).read_text()
    assert "| the gate | ours 70 · floor 100 calls/s | ours ≥ 0.5 × floor | **0.50** (0.35 to 0.90) | ✓ |" in text  # noqa: RUF001
    assert "This is a part of the benchmarks" in text


def test_the_report_is_the_range_of_whole_runs_worst_in_bold(tmp_path: Path) -> None:
    """And a bar is met where the worst run meets it."""
    for ours in (90.0, 40.0, 70.0):
        keep(tmp_path, run(with_ours(ours)))
    text = (tmp_path / "report.md").read_text()
    assert "| the gate | ours 40 to 90 · floor 100 calls/s | ours ≥ 0.5 × floor | **0.40** to 0.90 | ✗ |" in text  # noqa: RUF001
    at_most = Bar("ours", "floor", 0.5, at_most=True)
    assert report.span(at_most, [0.9, 0.4]) == "0.40 to **0.90**"
    assert at_most.worst([0.9, 0.4]) == 0.9


def test_a_range_takes_three_runs(tmp_path: Path) -> None:
    """With fewer the report says that there are too few."""
    said = []
    for _ in range(report.RUNS_WANTED):
        keep(tmp_path, run(ROW))
        said.append(report.FEW.strip() in (tmp_path / "report.md").read_text())
    assert said == [True, True, False]


def test_the_last_runs_of_one_kind_of_machine_are_kept(tmp_path: Path) -> None:
    """With what they measured, and what the last one has drawn."""
    for number in range(report.RUNS_KEPT + 2):
        keep(tmp_path, run(with_ours(float(number))))
    kept = report.read(tmp_path)
    assert [each.found["gate"][0].values["ours"][0] for each in kept] == [2.0, 3.0, 4.0, 5.0, 6.0]
    assert kept[-1].found["gate"][0].bars == ROW.bars
    assert (tmp_path / "gate.md").exists()
    keep(tmp_path, run(ROW, machine="another"))
    assert [each.machine for each in report.read(tmp_path)] == ["another"]


def test_sections_stand_in_the_order_of_the_benchmarks(tmp_path: Path) -> None:
    """The report has one section for each benchmark that was run."""
    this = run(ROW)
    this.found["memory"], this.seconds["memory"] = [Row("memory", "bytes", {"peak": [7.0]})], 1.0
    text = report.write(tmp_path, [this], part=True).read_text()
    assert "| memory | peak 7 bytes | | | |" in text
    assert [line for line in text.splitlines() if line.startswith("## ")] == ["## gate", "## memory"]


def test_a_million_are_paid_by_the_millisecond_and_the_share() -> None:
    """Of a virtual CPU, at the template's 1,024 MB; a batch is one invocation, and no request of the API."""
    milliseconds = 1e6 * 0.001 * 0.0000133334
    assert http.dollars(100) == pytest.approx(1.2 + milliseconds)
    assert http.dollars(600) == pytest.approx(1.2 + 2 * milliseconds)
    assert http.dollars(10, rows=500) == pytest.approx((0.2 + 9 * milliseconds) / 500)


def test_the_readme_has_the_figures_of_the_runs_that_are_kept() -> None:
    """Those of the report; a whole run writes both."""
    runs, text = report.read(), (ROOT / "README.md").read_text()
    said = text.partition(readme.BEGIN)[2].partition(readme.END)[0]
    assert said
    assert not runs or said == readme.figures(runs)


def test_the_figures_of_the_readme_are_ranges(tmp_path: Path) -> None:
    """The worst is in bold: the lowest rate and the highest cost, never the best."""
    runs = []
    for value in (300.0, 200.0, 400.0):
        row = Row("HTTP, accepted", "answers/s", {"ours": [value], "floor": [200.0]}, [Bar("ours", "floor", 1.6)])
        costs = [Row(what, "", {"ours": [value]}) for what in readme.COSTS]
        runs.append(report.Run("2026-11-28 20:00", 0.1, "two cores", "Python", {}, {"http": [row, *costs]}))
    path = tmp_path / "README.md"
    path.write_text(f"before\n{readme.BEGIN}old\n{readme.END}after\n")
    readme.write(runs, path)
    before, *lines, after = path.read_text().splitlines()
    assert (before, after) == ("before", "after")
    assert "| HTTP, accepted | ours ≥ 1.6 × floor | **1.00** to 2.00, missed |" in lines  # noqa: RUF001
    assert "| ours | **200** to 400 | 200 to **400** | 200 to **400** |" in lines


def run(row: Row, machine: str = "two cores") -> report.Run:
    return report.Run("2026-11-28 20:00", 0.1, machine, "Python", {"gate": 1.0}, {"gate": [row]})


def with_ours(value: float) -> Row:
    return Row(ROW.what, ROW.unit, {"ours": [value], "floor": [100.0]}, ROW.bars)


def keep(folder: Path, this: report.Run) -> None:
    drawn = folder / "drawn"
    drawn.mkdir(exist_ok=True)
    (drawn / "gate.md").write_text("a table")
    report.keep(folder, this, drawn)
