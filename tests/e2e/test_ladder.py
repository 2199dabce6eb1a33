"""The benchmark that compares firstcome with the steps of a tutorial: it runs, and firstcome is exact in it."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from benchmarks.bars import ladder
from benchmarks.harness.bench import Bench
from benchmarks.ladder.contest import Plan
from benchmarks.ladder.steps import STEPS

if TYPE_CHECKING:
    from pathlib import Path

    from dev.cloud import Cloud

PLAN = Plan(coupons=10, requests=100, rounds=1, kills=1, consumer_kills=1, workers=2)
ROUNDS = ("calm", "killed", "consumer_killed")
NAMES = [step.name for step in STEPS]


def test_firstcome_is_exact_on_the_ladder_whoever_is_killed(cloud: Cloud, tmp_path: Path) -> None:
    """Every step answers the whole crowd; firstcome alone has no wrong coupon, processes or consumer killed."""
    bench = Bench(cloud.servers, tmp_path, quick=True, say=lambda _: None)
    with closing(bench.stores()) as stores:
        rows = ladder.measure(bench, PLAN, stores, cloud)
    assert [row.wrong for row in rows] == [[], [], []]
    assert [list(row.values) for row in rows] == [NAMES] * 3
    issued = {
        step.name: [outcome.rows for when in ROUNDS for outcome in measured.get(when, ())]
        for step, measured in zip(STEPS, rows[0].data["steps"], strict=True)
    }
    assert [len(rounds) for rounds in issued.values()] == [3 if step.topic else 2 for step in STEPS]
    assert all(all(rounds) for rounds in issued.values()), issued
    assert issued[NAMES[-1]] == [PLAN.coupons] * 3

    ladder.draw(tmp_path, rows)
    page = (tmp_path / "ladder.md").read_text()
    assert [name for name in NAMES if f"| {name} |" not in page] == []
