"""HTTP through the local cloud at a constant rate of arrival: how long people wait, from when they meant to ask.

One in ten is accepted and nine are told that it is sold out, at shares of what the cloud can carry, which a closed loop
of the same people finds out first. Beside it, at the same rates, a handler that does nothing behind the same front.
"""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from benchmarks.harness.bench import BARE, FEW, PLENTY, wrong_people
from benchmarks.harness.load import CONNECTIONS_MAX, Load, applications, ask
from benchmarks.harness.report import figure
from benchmarks.harness.rows import Row, percentile_ms
from benchmarks.harness.tools import CONNECTIONS

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.harness.bench import Bench
    from benchmarks.harness.load import Asked

SHARES = (25, 50, 75, 100)  # of the capacity, in percent
PERCENTILES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}
PARTS = (0, *range(10, 100, 10), 95, 98, 99, 99.5, 99.8, 99.9, 99.95, 99.98, 99.99)  # in percent, of the plot
OURS, EMPTY = "firstcome", "empty handler"
LOSERS = 9  # for each winner
EXPECTED = {"202 accepted", "202 reserved", "409 sold_out"}
HELD_SHARE = 75  # of the capacity, at which every answer must be one of these


def run(bench: Bench) -> list[Row]:
    """Find the capacity, then measure at each share of it; each of them in turn with the empty handler."""
    with ExitStack() as opened:
        stores = opened.enter_context(closing(bench.stores()))
        ours = opened.enter_context(bench.cloud("open-loop"))
        bare = opened.enter_context(bench.cloud("bare", template=BARE))
        accepting, gone = bench.open_event(stores, PLENTY, "accept"), bench.sold_out(stores)
        contenders = {
            OURS: (ours.api_url, [applications(gone)] * LOSERS + [applications(accepting)]),
            EMPTY: (bare.api_url, ["/empty"]),
        }

        def closed(name: str, count: int) -> float:
            done_s = ask(Load(*contenders[name], 0, count, CONNECTIONS)).done_s
            return len(done_s) / max(done_s)

        bench.say("the capacity, after warming up")
        for name in contenders:
            closed(name, bench.pick(10_000, 500))
        capacity = closed(OURS, bench.pick(20_000, 1_000))
        rows = []
        for share in SHARES:
            rate, found = capacity * share / 100, {}
            for name, load in contenders.items():
                bench.say(f"{share} %, {rate:.0f} a second: {name}")
                found[name] = ask(Load(*load, rate, int(rate * bench.pick(7, 1))))
            rows.append(_row(share, rate, found))
        rows[0].wrong.extend(bench.drained(stores, accepting) + wrong_people(stores.gate, gone, FEW))
    return rows


def draw(folder: Path, rows: list[Row]) -> None:
    """Draw how long people waited at each rate, from the median to the slowest in ten thousand."""
    with figure(folder / "open_loop.svg") as axes:
        axes.set_title("Latency from the intended time of the request, by rate of arrival; dotted: an empty handler")
        for number, row in enumerate(rows):
            for name, curve in row.data["latency_ms"].items():
                label = row.data["label"] if name == OURS else None
                beyond = [1 / (1 - part / 100) for part in PARTS]
                axes.plot(beyond, curve, f"C{number}{'-' if name == OURS else ':'}", label=label)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xticks([2, 10, 100, 1_000, 10_000], ["p50", "p90", "p99", "p99.9", "p99.99"])
        axes.set_ylabel("ms")
        axes.legend()


def _row(share: int, rate: float, found: dict[str, Asked]) -> Row:
    asked = found[OURS]
    odd = {word: count for word, count in asked.words.items() if word not in EXPECTED}
    lag = [percentile_ms(asked.lag_s, part) for part in (0.5, 0.99)]
    note = f"{asked.told}; the generator sent {lag[0]:.2f} ms late at p50, {lag[1]:.2f} at p99, and took "
    note += f"{asked.cpu:.0%} of a core"
    if asked.held:
        note += f"; {asked.held:,} requests found none of {CONNECTIONS_MAX:,} connections free"
    return Row(
        f"HTTP, open loop, {share} % of the capacity: {rate:,.0f} arrivals/s",
        "ms",
        {
            f"{at}{'' if name == OURS else f' of the {name}'}": [percentile_ms(each.latency_s, part)]
            for name, each in found.items()
            for at, part in PERCENTILES.items()
        },
        wrong=[f"answers at {share} %: {odd}"] if odd and share == HELD_SHARE else [],
        notes=[note],
        data={
            "label": f"{share} %, {rate:,.0f}/s",
            "latency_ms": {
                name: [percentile_ms(each.latency_s, part / 100) for part in PARTS] for name, each in found.items()
            },
        },
    )
