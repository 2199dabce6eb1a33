"""A whole event: 100,000 people for 10,000 coupons, all of them there when it opens, until the last row is written."""

from __future__ import annotations

from contextlib import closing
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from benchmarks.bars.drain import settled
from benchmarks.harness.load import Load, applications, ask
from benchmarks.harness.report import figure
from benchmarks.harness.rows import Row, percentile_ms

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.harness.bench import Bench

CONNECTIONS = 200  # at a time; the others wait for one of them, as they would for their own
POINTS = 200  # of a plotted line


def run(bench: Bench) -> list[Row]:
    """Hold the event, and count what became of it."""
    coupons, people = bench.pick(10_000, 200), bench.pick(100_000, 2_000)
    with closing(bench.stores()) as stores, bench.cloud("campaign") as ours:

        def apply(event_id: str, count: int) -> Any:
            return ask(Load(ours.api_url, [applications(event_id)], 0, count, CONNECTIONS))

        warm_up = bench.open_event(stores, people, "warm-up")
        apply(warm_up, bench.pick(2_000, 100))
        wrong = bench.drained(stores, warm_up)
        event_id = bench.open_event(stores, coupons, "campaign")
        bench.say(f"{people:,} people for {coupons:,} coupons")
        asked = apply(event_id, people)
        settled(stores, event_id)
        wrong += bench.drained(stores, event_id)
    wrong += bench.wrong_rows({event_id: coupons})
    applied, issued = (
        [(at - asked.began, 1) for at in bench.times(event_id, column)] for column in ("applied_at", "issued_at")
    )
    told = (asked.words["202 accepted"] + asked.words["202 reserved"], asked.words["409 sold_out"])
    if told != (coupons, people - coupons):
        wrong.append(f"{people} people were told {asked.told}")
    done_s = sorted(asked.done_s)
    half_s, nearly_all_s = (percentile_ms(asked.latency_s, share) / 1000 for share in (0.5, 0.99))
    waiting = without_row(applied, issued)
    most = max(people for _, people in waiting)
    notes = [
        f"{asked.told}; {len(done_s) / done_s[-1]:,.0f} answers/s; at most {most:,} waited for their row",
        f"{CONNECTIONS} at a time: from the opening to an answer p50 {half_s:.1f} s, p99 {nearly_all_s:.1f} s",
    ]
    data = {
        "people": people,
        "coupons": coupons,
        "answered": thinned([(at, number) for number, at in enumerate(done_s, start=1)]),
        "waiting": waiting,
    }
    values = {"last answer": [done_s[-1]], "last row": [issued[-1][0]]}
    what = f"a whole event, {people:,} people for {coupons:,} coupons"
    return [Row(what, "s after the opening", values, wrong=wrong, notes=notes, data=data)]


def draw(folder: Path, rows: list[Row]) -> None:
    """Draw it."""
    draw_event(folder / "campaign.svg", rows[0].what, {"measured": rows[0].data})


def draw_event(path: Path, title: str, found: dict[str, dict[str, Any]]) -> None:
    """Draw how many people had an answer, and how many waited for their row, over the time since the opening."""
    with figure(path) as axes:
        others = axes.twinx()
        axes.set_title(title)
        for (name, lines), style in zip(found.items(), ("-", "--"), strict=False):
            axes.plot(*zip(*lines["answered"], strict=True), style, color="C0", label=f"answers, {name}")
            others.plot(*zip(*thinned(lines["waiting"]), strict=True), style, color="C3", label=f"no row yet, {name}")
        axes.set_xlabel("s since the opening")
        axes.set_ylabel("people with an answer")
        others.set_ylabel("people with a ticket and no row yet")
        drawn = [*axes.get_lines(), *others.get_lines()]
        axes.legend(drawn, [line.get_label() for line in drawn], loc="center right")


def without_row(applied: list[tuple[float, int]], issued: list[tuple[float, int]]) -> list[tuple[float, int]]:
    """Return how many people had a ticket and no row yet, each time that it changed."""
    changes = sorted([*applied, *((at, -people) for at, people in issued)])
    return list(zip((at for at, _ in changes), accumulate(people for _, people in changes), strict=True))


def thinned(line: list[tuple[float, int]]) -> list[tuple[float, int]]:
    """Return as many points of a line as can be seen, its first and last among them."""
    step = max(1, len(line) // POINTS)
    return [*line[:-1:step], line[-1]]
