"""The ladder's page: one table."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.harness.rows import markdown

# What can be wrong: when, and what of an outcome.
WRONG = {
    "over-issued": ("calm", "over_issued"),
    "second coupons": ("calm", "second"),
    "lost, processes killed": ("killed", "lost"),
    "told yes, no coupon": ("killed", "unkept"),
    "over-issued, consumer killed": ("consumer_killed", "over_issued"),
}
HEAD = ("step", *WRONG, "requests/s", "p99, ms", "statements a request", "rows read a request")


def write(folder: Path, data: dict[str, Any]) -> None:
    """Write `ladder.md` into `folder`."""
    table = markdown(HEAD, map(_cells, data["steps"]))
    (folder / "ladder.md").write_text(f"# The tutorial's ladder\n\n{_caption(data['plan'])}\n\n{table}")


def _cells(step: dict[str, Any]) -> list[str]:
    rows_read = median(step["rows_read"])
    return [
        step["name"],
        *(_span(getattr(one, what) for one in step.get(when, ())) for when, what in WRONG.values()),
        f"{median(step['rate']):,.0f}",
        f"{median(step['p99_ms']):.1f}",
        f"{median(step['statements']):.2g}",
        f"{rows_read:.2g}" if rows_read < 10 else f"{rows_read:.0f}",
    ]


def _caption(plan: dict[str, int]) -> str:
    greedy = plan["requests"] // 10
    people = plan["requests"] - greedy
    return (
        f"{plan['coupons']} coupons; {plan['requests']:,} requests, of {people:,} people and of one who asks {greedy}"
        f" times; {plan['workers']} processes with one request at a time each. {plan['rounds']} rounds without a fault;"
        f" {plan['kills']} in which {plan['workers']} processes are killed, one at a time, while the coupons go, and"
        f" replaced at once; {plan['consumer_kills']} in which the consumer is killed while it works. Wrong coupons as"
        " MySQL has them when everything has settled and everybody has asked again: from the lowest to the highest of"
        " the rounds. Rates and times: the median."
    )


def _span(values: Iterable[int]) -> str:
    found = sorted(set(values))
    return " to ".join(str(value) for value in dict.fromkeys((found[0], found[-1]))) if found else ""
