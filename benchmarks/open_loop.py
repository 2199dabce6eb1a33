"""HTTP through the local cloud at a constant rate of arrival: how long people wait, from when they meant to ask.

One in ten is accepted and nine are told that it is sold out, at shares of what the cloud can carry, which a closed loop
of the same people finds out first. Beside it, at the same rates, a handler that does nothing behind the same front.
"""

from __future__ import annotations

import uuid
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from benchmarks import wrk
from benchmarks.bench import wrong_rows
from benchmarks.clouds import BARE, COUPONS, DRAINED_S, applications, cloud, sold_out, unchanged
from benchmarks.load import CONNECTIONS_MAX, Load, application, ask, percentile_ms
from benchmarks.measure import Row
from dev.process import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.bench import Bench
    from benchmarks.load import Asked

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
        ours = opened.enter_context(cloud(bench, "open-loop"))
        bare = opened.enter_context(cloud(bench, "bare", template=BARE))
        accepting, gone = bench.open_event(stores, COUPONS, "accept"), sold_out(bench, stores)
        kinds = [application(applications(gone))] * LOSERS + [application(applications(accepting))]

        def closed(url: str, kinds: list[bytes], count: int) -> float:
            asked = ask(Load(url, kinds, 0, count, _people(), wrk.CONNECTIONS))
            return len(asked.done_s) / max(asked.done_s)

        bench.say("warming up")
        nothing = [application("/empty")]
        for url, what in ((ours.api_url, kinds), (bare.api_url, nothing)):
            closed(url, what, bench.pick(10_000, 500))
        bench.say("the capacity")
        capacity = closed(ours.api_url, kinds, bench.pick(20_000, 1_000))
        found: dict[int, dict[str, Asked]] = {}
        for share in SHARES:
            rate = capacity * share / 100
            count = int(rate * bench.pick(7, 1))
            for name, url, what in (
                (OURS, ours.api_url, kinds),
                (EMPTY, bare.api_url, nothing),
            ):
                bench.say(f"{share} %, {rate:.0f} a second: {name}")
                found.setdefault(share, {})[name] = ask(Load(url, what, rate, count, _people()))
        bench.say("draining")
        wait_until(stores.reader.caught_up, "the stream is read", timeout_s=DRAINED_S)
        view = stores.gate.show(accepting)
        wrong = wrong_rows(bench, accepting, view.coupon_count if view else -1) + unchanged(stores.gate, gone)
    rows = [_row(capacity, share, asked, []) for share, asked in found.items()]
    rows[0].wrong.extend(wrong)
    return rows


def draw(folder: Path, rows: list[Row]) -> None:
    """Draw how long people waited at each rate, from the median to the slowest in ten thousand."""
    from benchmarks.plots import figure  # noqa: PLC0415  matplotlib: half a second

    title = "Latency from the intended time of the request, by rate of arrival; dotted: an empty handler"
    with figure(folder / "open_loop.svg", title) as axes:
        for number, row in enumerate(rows):
            for name, curve in row.data["latency_ms"].items():
                beyond = [1 / (1 - float(part) / 100) for part in curve]
                label = f"{row.data['share']} %, {row.data['rate']:,.0f}/s" if name == OURS else None
                axes.plot(beyond, curve.values(), f"C{number}{'-' if name == OURS else ':'}", label=label)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xticks([2, 10, 100, 1_000, 10_000], ["p50", "p90", "p99", "p99.9", "p99.99"])
        axes.set_ylabel("ms")
        axes.legend()


def _people() -> str:
    return str(uuid.uuid4())[:24]


def _row(capacity: float, share: int, found: dict[str, Asked], wrong: list[str]) -> Row:
    words, rate = found[OURS].words(), capacity * share / 100
    if share == HELD_SHARE and (odd := {word: count for word, count in words.items() if word not in EXPECTED}):
        wrong = [*wrong, f"answers at {share} %: {odd}"]
    return Row(
        f"open-loop-{share}",
        f"HTTP, open loop, {share} % of the capacity: {rate:,.0f} arrivals/s",
        "ms",
        {
            f"{at}{'' if name == OURS else f' of the {name}'}": [percentile_ms(asked.latency_s, part)]
            for name, asked in found.items()
            for at, part in PERCENTILES.items()
        },
        wrong=wrong,
        notes=[f"{', '.join(f'{count:,} x {word}' for word, count in words.most_common())}; {_lag(found[OURS])}"],
        data={"share": share, "rate": rate, "answers": dict(words), "latency_ms": _curves(found)},
    )


def _lag(asked: Asked) -> str:
    """Say how late the generator was itself, and how often every connection was busy."""
    half, most = percentile_ms(asked.lag_s, 0.5), percentile_ms(asked.lag_s, 0.99)
    late = f"the generator sent {half:.2f} ms late at p50, {most:.2f} at p99, and took {asked.cpu:.0%} of a core"
    return f"{late}; {asked.held:,} requests found none of {CONNECTIONS_MAX:,} connections free" if asked.held else late


def _curves(found: dict[str, Asked]) -> dict[str, dict[str, float]]:
    return {
        name: {str(part): round(percentile_ms(asked.latency_s, part / 100), 3) for part in PARTS}
        for name, asked in found.items()
    }
