"""The ladder's page: one table, and one plot of it."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

HEAD = (
    "step",
    "over-issued",
    "second coupons",
    "lost, processes killed",
    "told yes, no coupon",
    "over-issued, consumer killed",
    "requests/s",
    "p99, ms",
    "statements a request",
    "rows read a request",
)


def write(folder: Path, data: dict[str, Any]) -> None:
    """Write `ladder.md` and `ladder.svg` into `folder`."""
    text = ["# The tutorial's ladder", "", _caption(data["plan"]), "", *table(data), "", "![ladder](ladder.svg)"]
    (folder / "ladder.md").write_text("\n".join(text) + "\n")
    plot(folder / "ladder.svg", data)


def table(data: dict[str, Any]) -> list[str]:
    """Return the table, line by line."""
    lines = [f"| {' | '.join(HEAD)} |", "|" + " --- |" * len(HEAD)]
    for step in data["steps"]:
        cells = [
            f"{step['number']} {step['title']}",
            _span(one["over_issued"] for one in step["calm"]),
            _span(one["second"] for one in step["calm"]),
            _span(one["lost"] for one in step["killed"]),
            _span(one["unkept"] for one in step["killed"]),
            _span(one["over_issued"] for one in step["consumer_killed"]),
            f"{median(step['rate']):,.0f}",
            f"{median(step['p99_ms']):.1f}",
            f"{median(step['statements']):.2g}",
            f"{median(step['rows_read']):.2g}"
            if median(step["rows_read"]) < 10
            else f"{median(step['rows_read']):.0f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def plot(path: Path, data: dict[str, Any]) -> None:
    """Draw what is wrong with each step, how fast it is, and what it asks of the database."""
    import matplotlib as mpl  # noqa: PLC0415  half a second, and only who draws needs it

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    steps = data["steps"][::-1]  # the first one on top
    names = [f"{step['number']} {step['title']}" for step in steps]
    wrong = {
        "over-issued": ("calm", "over_issued"),
        "second coupons": ("calm", "second"),
        "lost, processes killed": ("killed", "lost"),
        "over-issued, consumer killed": ("consumer_killed", "over_issued"),
    }
    style: Any = {"svg.hashsalt": "firstcome", "svg.fonttype": "none", "font.size": 9}
    with mpl.rc_context(style):
        figure, (mistakes, rate, load) = plt.subplots(1, 3, figsize=(11, 3.4), sharey=True, layout="constrained")
        left = [0] * len(steps)
        for label, (when, what) in wrong.items():
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
        figure.savefig(path, metadata={"Date": None})
        plt.close(figure)


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
