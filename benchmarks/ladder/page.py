"""The ladder's page: one table, and one plot of it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.harness.report import figure

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
    """Write `ladder.md` and `ladder.svg` into `folder`."""
    lines = ["# The tutorial's ladder", "", _caption(data["plan"]), ""]
    lines += [f"| {' | '.join(HEAD)} |", "|" + " --- |" * len(HEAD), *map(_line, data["steps"])]
    (folder / "ladder.md").write_text("\n".join([*lines, "", "![ladder](ladder.svg)"]) + "\n")
    _plot(folder / "ladder.svg", data)


def _line(step: dict[str, Any]) -> str:
    rows_read = median(step["rows_read"])
    cells = [
        step["name"],
        *(_span(one[what] for one in step[when]) for when, what in WRONG.values()),
        f"{median(step['rate']):,.0f}",
        f"{median(step['p99_ms']):.1f}",
        f"{median(step['statements']):.2g}",
        f"{rows_read:.2g}" if rows_read < 10 else f"{rows_read:.0f}",
    ]
    return f"| {' | '.join(cells)} |"


def _plot(path: Path, data: dict[str, Any]) -> None:
    """Draw what is wrong with each step, how fast it is, and what it asks of the database."""
    steps = data["steps"][::-1]  # the first one on top
    names = [step["name"] for step in steps]
    with figure(path, columns=3, size=(11, 3.4)) as (mistakes, rate, load):
        left = [0] * len(steps)
        for label, (when, what) in WRONG.items():
            if what != "unkept":  # they are among those that are lost
                worst = [max((one[what] for one in step[when]), default=0) for step in steps]
                mistakes.barh(names, worst, left=left, label=label)
                left = [before + more for before, more in zip(left, worst, strict=True)]
        mistakes.set_xlabel(f"wrong coupons of {data['plan']['coupons']}, worst round of each")
        mistakes.legend(fontsize=7)
        middle = [median(step["rate"]) for step in steps]
        below = [value - min(step["rate"]) for value, step in zip(middle, steps, strict=True)]
        above = [max(step["rate"]) - value for value, step in zip(middle, steps, strict=True)]
        rate.barh(names, middle, xerr=[below, above], color="tab:gray", error_kw={"linewidth": 1})
        rate.set_xlabel("requests a second")
        load.barh(names, [median(step["statements"]) for step in steps], color="tab:gray")
        load.set_xscale("log")
        load.set_xlabel("statements a request in MySQL")


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
