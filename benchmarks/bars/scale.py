"""Service times, measured; the rates that follow from them, beside those measured; and openings on AWS, simulated.

Service times are what each process spends of the cores (scale/calibration.py). `make capacity` counts with them, and
the simulation is made of them. What the benchmark `gate` has found is taken from the same run; where it was not part of
it, it runs first.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from itertools import accumulate
from pathlib import Path
from statistics import median

from benchmarks.bars import gate
from benchmarks.harness.bench import Bench
from benchmarks.harness.report import figure
from benchmarks.harness.rows import Bar, Row
from benchmarks.harness.tools import CONNECTIONS
from benchmarks.scale import times, worlds
from benchmarks.scale.advice import advised
from benchmarks.scale.calibration import CORES, Calibration, calibrate
from benchmarks.scale.deployment import Deployment
from benchmarks.scale.pipeline import Pipeline
from benchmarks.scale.times import Aws, Opening, Times, with_redis_alone

WITHIN = 0.25  # the model is held to what was measured, so much more or less
SETTLED_S = 600.0  # every event is over by then
POINTS = 200  # of a plotted line

# Ten people for each coupon, all of whom come within ten seconds.
OPENING = Opening(burst=10_000, seconds=10, coupons=10_000)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One simulated opening on AWS."""

    size: int  # times OPENING
    name: str
    packet: int  # people
    admitted: int = 0  # people a second that the deployment is made for; 0: the templates' defaults
    brokers: int = 3
    cached: bool = False


SCENARIOS = (
    Scenario(1, "as deployed", 10),
    Scenario(1, "for 10,000/s", 10, 10_000),
    Scenario(100, "for 10,000/s", 1_000, 10_000, cached=True),
    Scenario(100, "for 100,000/s", 300, 100_000, cached=True),
    Scenario(100, "for 100,000/s, 30 brokers", 300, 100_000, brokers=30, cached=True),
)
SIZES = (1, 100)  # the last is plotted


def run(bench: Bench) -> list[Row]:
    """Measure, hold the model to it, and simulate what nobody can measure here."""
    redis = bench.found["gate"] if "gate" in bench.found else gate.run(bench)
    with bench.cloud("scale") as ours:
        found = []
        for number in range(bench.pick(2, 1)):
            bench.say(f"measuring service times, round {number + 1}")
            found.append(calibrate(bench, ours))
    row, measured = _beside(found), with_redis_alone(Times.typical([each.times for each in found]), redis[-1].values)
    row.data["times"] = measured
    bench.say("simulating AWS")
    return [row, *(simulated(measured, size) for size in SIZES[: bench.pick(len(SIZES), 1)])]


def draw(folder: Path, rows: list[Row]) -> None:
    """Keep the service times, and draw the largest opening."""
    times.write(folder, rows[0].data["times"])
    draw_opening(folder / "scale.svg", rows[-1])


def draw_opening(path: Path, row: Row) -> None:
    """Draw when people have answers and tickets, and when rows are there, in each scenario of an opening."""
    with figure(path) as axes:
        axes.set_title(row.what)
        for number, (scenario, lines) in enumerate(row.data["lines"].items()):
            for (what, line), style in zip(lines.items(), ("-", "--", ":"), strict=True):
                axes.plot(*zip(*line, strict=True), style, color=f"C{number}", label=f"{scenario}: {what}")
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("s since the opening")
        axes.set_ylabel("people, coupons, rows")
        axes.legend(fontsize=7)


def _beside(found: list[Calibration]) -> Row:
    """Hold what follows from each round's service times to the rates of the same round."""
    rates: dict[str, list[float]] = {}
    for one in found:
        for what, phase in (("from memory", one.remembered), ("via Redis", one.lost), ("accepted", one.won)):
            rates.setdefault(what, []).append(phase.rate)
            # As many as there is time for.
            calculated = (CORES - one.beside(phase)) / one.times.answered_s[what]
            rates.setdefault(f"{what}, by the model", []).append(calculated)
    cores_s = asdict(Times.typical([one.times for one in found]))
    cpu = ", ".join(f"{name.removesuffix('_s')} {value * 1e6:,.0f}" for name, value in cores_s.items() if value)
    beside = median(one.beside(one.lost) for one in found)
    notes = [f"µs of a core, by /proc: {cpu}; beside them {beside:.2f} cores busy with something else"]
    pairs = [(f"{what}, by the model", what) for what in rates if f"{what}, by the model" in rates]
    bars = [bar for pair in pairs for bar in (Bar(*pair, 1 - WITHIN), Bar(*pair, 1 + WITHIN, at_most=True))]
    wrong = [each for one in found for each in one.wrong]
    return Row(f"model beside measurement: HTTP, {CONNECTIONS} connections", "answers/s", rates, bars, wrong, notes)


def simulated(measured: Times, size: int) -> Row:
    """Simulate an opening of this size on AWS, in every scenario."""
    opening = replace(OPENING, burst=OPENING.burst * size, coupons=OPENING.coupons * size)
    row = Row(f"simulation of {opening.people:,.0f} people on AWS", "s after the opening", {}, data={"lines": {}})
    for each in SCENARIOS:
        if each.size != size:
            continue
        deployment = replace(Deployment(), brokers=each.brokers)
        there = Aws.of(measured, deployment)
        if each.admitted:
            deployment = advised(replace(opening, burst=each.admitted), deployment, there)
        pipeline = worlds.aws(opening, deployment, there, packet=each.packet, cached=each.cached)
        pipeline.env.run(SETTLED_S)
        seen = pipeline.seen
        row.values.update({f"{each.name}: {what}": [value] for what, value in _figures(pipeline).items()})
        if pipeline.issued != opening.coupons:
            row.wrong.append(f"{each.name}: {pipeline.issued:,} rows of {opening.coupons:,}")
        shares = (f"{people / opening.people:.1%} {word}" for word, people in seen.words.items() if word != "row")
        row.notes.append(f"{each.name}, packets of {each.packet:,}: {', '.join(shares)}")
        lines = {"answers": seen.answers, "tickets": seen.accepted, "rows": seen.rows}
        row.data["lines"][each.name] = {what: _summed(line) for what, line in lines.items()}
    return row


def _figures(pipeline: Pipeline) -> dict[str, float]:
    """Return what people see of an opening, in seconds after it."""
    seen = pipeline.seen
    assert pipeline.sold_out_at is not None
    answered_at = max(at for at, _ in seen.answers)
    return {"sold out": pipeline.sold_out_at, "all answered": answered_at, "last row": seen.rows[-1][0]}


def _summed(line: list[tuple[float, int]]) -> list[tuple[float, int]]:
    """Return how many there were altogether, at as many times as can be seen, the first and the last among them."""
    at, counts = zip(*sorted(line), strict=True)
    summed = list(zip(at, accumulate(counts), strict=True))
    return [*summed[: -1 : max(1, len(summed) // POINTS)], summed[-1]]
