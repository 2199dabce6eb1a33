"""The pipeline in simulated time: beside the local cloud that it was measured on, then 100 and 10,000 times as large.

Service times are measured first (calibration.py): what each process spends of the cores. Rates, latencies, the drain
and the whole event come out of the simulation, and stand here beside what was measured.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import accumulate
from statistics import median
from typing import TYPE_CHECKING

from benchmarks import report, worlds
from benchmarks.advice import advised
from benchmarks.calibration import calibrate, middle_rate
from benchmarks.campaign import CONNECTIONS as CAMPAIGN_CONNECTIONS
from benchmarks.capacity import alone
from benchmarks.clouds import cloud
from benchmarks.deployment import Deployment
from benchmarks.measure import Bar, Row
from benchmarks.opening import Aws, Opening
from benchmarks.scale_plots import draw
from benchmarks.times import Times
from benchmarks.worlds import Local, local
from benchmarks.wrk import CONNECTIONS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.bench import Bench
    from benchmarks.calibration import Calibration
    from benchmarks.pipeline import Pipeline

__all__ = ("draw", "run")

WITHIN = 0.25  # the simulation is held to what was measured, so much more or less
ALIKE = 0.1  # packets of different sizes are held to each other
SIMULATED_S = (3, 1)  # of a closed loop; quick
DRAINS = (5, 1)  # runs, each of less than a second; quick
POINTS = 200  # of a plotted line

# The campaign, all of whose people come within ten seconds; and so many times as large.
CAMPAIGN = Opening(burst=10_000, seconds=10, coupons=10_000)
# Said only where it is missed.
P99_WHY_NOT = (
    "the p99 of two seconds is the slowest eleven of some 1,100 accepted: one stall of the machine is all of them, and "
    "comes when it likes, here and in the simulation"
)
DRAIN_WHY_NOT = "it takes less than a second, of which a burst of something else on the machine is a large part"
CAMPAIGN_WHY_NOT = (
    "the event was measured some minutes before the service times, and something else ran on the machine at one of them"
)
SETTLED_S = 600.0  # every event is over by then


@dataclass(frozen=True, slots=True)
class Scenario:
    """One simulated opening on AWS."""

    size: int  # how many times the campaign
    name: str
    packet: int  # people
    admitted: int = 0  # people a second that the deployment is made for; 0: the templates' defaults
    stacks: int = 1
    brokers: int = 3
    cached: bool = False


SCENARIOS = (
    Scenario(1, "as deployed", 10),
    Scenario(1, "for 10,000/s", 10, 10_000),
    Scenario(100, "for 10,000/s", 1_000, 10_000, cached=True),
    Scenario(100, "for 100,000/s", 300, 100_000, cached=True),
    Scenario(100, "for 100,000/s, 30 brokers", 300, 100_000, brokers=30, cached=True),
    Scenario(10_000, "100 stacks for 100,000/s", 100_000, 100_000, stacks=100, cached=True),
)


def run(bench: Bench) -> list[Row]:
    """Measure, simulate the same, and then what nobody can measure here."""
    with cloud(bench, "scale") as ours:
        environments = len(ours.environments("apply"))
        found = []
        for number in range(bench.pick(2, 1)):
            bench.say(f"measuring service times, round {number + 1}")
            found.append(calibrate(bench, ours))
    bench.say("simulating the local cloud")
    rows = [*_beside(bench, found, environments), *_campaign(bench, found, environments)]
    times = Times.typical([each.times for each in found])
    rows[0].data["times"] = times.to_json()
    there = Aws.of(alone(times, report.REPORT), Deployment())
    bench.say("simulating packets of several sizes")
    few = replace(CAMPAIGN, seconds=bench.pick(10_000, 200) / 1_000, coupons=bench.pick(10_000, 200))
    rows.append(_packets("scale-packets", there, few, few.burst, (1, 10)))
    if not bench.quick:
        many = replace(CAMPAIGN, burst=100 * CAMPAIGN.burst, coupons=100 * CAMPAIGN.coupons)
        rows.append(_packets("scale-packets-100x", there, many, 100_000, (300, 1_000)))
    for size in sorted({each.size for each in SCENARIOS}) if not bench.quick else ():
        bench.say(f"simulating {size:,} times the campaign")
        rows.append(_as_large(there, size))
    return rows


# --- beside what was measured ----------------------------------------------------------------------------------------


def _beside(bench: Bench, found: list[Calibration], environments: int) -> list[Row]:
    """Simulate each round's loads with the same round's service times."""
    rates: dict[str, list[float]] = {}
    p99_ms: dict[str, list[float]] = {}
    drains: dict[str, list[float]] = {}

    def note(values: dict[str, list[float]], what: str, measured: float, simulated: float) -> None:
        values.setdefault(what, []).append(measured)
        values.setdefault(f"{what}, simulated", []).append(simulated)

    seconds = bench.pick(*SIMULATED_S)
    for seed, one in enumerate(found):
        world = Local(connections=CONNECTIONS, environments=environments, seed=seed)
        for what, phase, here in (
            ("from memory", one.remembered, world),
            ("via Redis", one.lost, replace(world, memory=False)),
            ("accepted", one.won, replace(world, coupons=10**9, pollers=0)),
        ):
            ran = _ran(local(one.times, replace(here, beside=one.beside(phase))), seconds)
            note(rates, what, phase.rate, sum(people for _, people in ran.seen.answers) / seconds)
            # What capacity.py counts with: as many as there is time for.
            cores = worlds.CORES - sum(one.beside(phase).values())
            rates.setdefault(f"{what}, by the model", []).append(cores / one.times.answered_s[what])
            note(p99_ms, what, phase.p99_ms, ran.seen.percentile_s(0.99) * 1000)
        note(drains, "drain", one.drain.rate, _drain_rate(one, environments, seed, bench.pick(*DRAINS)))
    wrong = [each for one in found for each in one.wrong]
    times = Times.typical([one.times for one in found]).to_json()
    cpu = ", ".join(f"{name.removesuffix('_s')} {value * 1e6:,.0f}" for name, value in times.items() if value)
    beside = median(sum(one.beside(one.lost).values()) for one in found)
    notes = [
        f"µs of a core, by /proc: {cpu}; beside them {beside:.2f} cores busy with something else",
        "nothing is fitted: rates, latencies and the drain follow from these and from the structure",
    ]
    connections = f"HTTP, {CONNECTIONS} connections"
    return [
        Row(
            "scale-rates",
            f"simulation beside measurement: {connections}",
            "answers/s",
            rates,
            _bars(rates),
            wrong,
            notes,
        ),
        Row(
            "scale-p99", f"simulation beside measurement: {connections}, p99", "ms", p99_ms, _bars(p99_ms, P99_WHY_NOT)
        ),
        Row(
            "scale-drain",
            "simulation beside measurement: drain of a backlog",
            "rows/s",
            drains,
            _bars(drains, DRAIN_WHY_NOT),
        ),
    ]


def _drain_rate(one: Calibration, environments: int, seed: int, runs: int) -> float:
    """Return the median of several runs: one takes less than a second, of which a burst of something else is a part."""
    rates = []
    for number in range(runs):
        beside = one.beside(one.drain)
        pipeline = local(one.times, Local(environments=environments, beside=beside, seed=10 * seed + number))
        pipeline.stream.put(one.drain.count)
        rows = _summed(_ran(pipeline, one.drain.count / 1_000).seen.rows)
        rates.append(middle_rate(rows, one.drain.count))
    return median(rates)


def _campaign(bench: Bench, found: list[Calibration], environments: int) -> list[Row]:
    """Simulate the event that the benchmark `campaign` has kept, if it was on this machine."""
    folder = bench.folder / "report" if bench.quick else report.REPORT
    try:
        kept = report.kept(folder, "campaign")
    except FileNotFoundError:
        return []
    if (kept["machine"], kept["quick"]) != (report.machine(), bench.quick):
        return []
    [row] = [Row.from_json(each) for each in kept["rows"] if each["name"] == "campaign"]
    told = row.data["answers"]
    coupons, people = sum(count for word, count in told.items() if word.startswith("202")), sum(told.values())
    times = replace(Times.typical([one.times for one in found]), client_s=median(one.generator_s for one in found))
    phases = [one.beside(phase) for one in found for phase in (one.remembered, one.lost, one.won)]
    beside = {burst_s: median(each[burst_s] for each in phases) for burst_s in phases[0]}
    world = Local(
        connections=CAMPAIGN_CONNECTIONS,
        people=people,
        coupons=coupons,
        environments=environments,
        beside=beside,
    )
    seen = _ran(local(times, world), 3 * row.values["last row"][0] + 5).seen
    last = max(at for at, _ in seen.rows)
    values = {
        "last answer": row.values["last answer"],
        "last answer, simulated": [seen.answers[-1][0]],
        "last row": row.values["last row"],
        "last row, simulated": [last],
    }
    lag = {"measured": row.data["lag"], "simulated": [(at, unread) for at, unread in seen.unread if at < last + 1]}
    answered = {"measured": row.data["answered"], "simulated": _thinned(_summed(seen.answers))}
    most = {name: max(unread for _, unread in line) for name, line in lag.items()}
    wrong = [] if sum(count for _, count in seen.rows) == coupons else [f"{seen.words} for {coupons} coupons"]
    return [
        Row(
            "scale-campaign",
            f"simulation beside measurement: {row.what}",
            row.unit,
            values,
            _bars(values, CAMPAIGN_WHY_NOT),
            wrong,
            [f"at most {most['measured']:,} records unread, simulated {most['simulated']:,}"],
            {"lag": lag, "answered": answered},
        )
    ]


# --- what nobody can measure here ------------------------------------------------------------------------------------


def _packets(name: str, there: Aws, opening: Opening, admitted: float, packets: tuple[int, int]) -> Row:
    """Simulate one opening twice, with packets of two sizes."""
    deployment = advised(replace(opening, burst=admitted), Deployment(), there)
    values: dict[str, list[float]] = {}
    fewer, more = (f"packets of {people:,}" for people in packets)
    for packet, kind in zip(packets, (fewer, more), strict=True):
        pipeline = _ran(worlds.aws(opening, deployment, there, packet=packet, cached=True), SETTLED_S)
        for what, value in _figures(pipeline).items():
            values[f"{what}, {kind}"] = [value]
    figures = dict.fromkeys(each.partition(", ")[0] for each in values)
    bars = [bar for what in figures for bar in _within(f"{what}, {more}", f"{what}, {fewer}", ALIKE)]
    return Row(name, f"simulation of {opening.people:,.0f} people on AWS, by packets", "s", values, bars)


def _as_large(there: Aws, size: int) -> Row:
    """Simulate the openings of one size."""
    opening = replace(CAMPAIGN, burst=CAMPAIGN.burst * size, coupons=CAMPAIGN.coupons * size)
    row = Row(f"scale-{size}x", f"simulation of {opening.people:,.0f} people on AWS", "s after the opening", {})
    row.data["lines"] = {}
    for each in SCENARIOS:
        if each.size != size:
            continue
        deployment = replace(Deployment(), brokers=each.brokers)
        if each.admitted:
            deployment = advised(replace(opening, burst=each.admitted), deployment, there)
        made = Aws.of(there.times, deployment)
        pipeline = _ran(
            worlds.aws(opening, deployment, made, packet=each.packet, stacks=each.stacks, cached=each.cached), SETTLED_S
        )
        seen = pipeline.seen
        for what, value in _figures(pipeline).items():
            row.values[f"{each.name}: {what}"] = [value]
        if pipeline.issued != opening.coupons:
            row.wrong.append(f"{each.name}: {pipeline.issued:,} rows of {opening.coupons:,}")
        told = ", ".join(
            f"{people / opening.people:.1%} {word}" for word, people in seen.words.items() if word != "row"
        )
        row.notes.append(f"{each.name}, packets of {each.packet:,}: {told}")
        lines = {"answers": seen.answers, "tickets": seen.accepted, "rows": seen.rows}
        row.data["lines"][each.name] = {what: _thinned(_summed(line)) for what, line in lines.items()}
    return row


def _figures(pipeline: Pipeline) -> dict[str, float]:
    """Return what people see of an opening, in seconds after it."""
    seen = pipeline.seen
    assert pipeline.sold_out_at is not None
    return {
        "sold out": pipeline.sold_out_at,
        "all answered": max(at for at, _ in seen.answers),
        "last row": seen.rows[-1][0],
    }


# --- shared ----------------------------------------------------------------------------------------------------------


def _ran(pipeline: Pipeline, seconds: float) -> Pipeline:
    pipeline.env.run(seconds)
    return pipeline


def _bars(values: Iterable[str], why_not: str = "") -> list[Bar]:
    """Return the bars that hold each figure that was found otherwise to the measured one."""
    pairs = [(name, name.partition(", ")[0]) for name in values if ", " in name]
    return [bar for found, measured in pairs for bar in _within(found, measured, WITHIN, why_not)]


def _within(of: str, to: str, share: float, why_not: str = "") -> list[Bar]:
    return [Bar(of, to, 1 - share, why_not=why_not), Bar(of, to, 1 + share, at_most=True, why_not=why_not)]


def _summed(line: list[tuple[float, int]]) -> list[tuple[float, int]]:
    """Return how many there were altogether at each time."""
    times, counts = zip(*sorted(line), strict=True)
    return list(zip(times, accumulate(counts), strict=True))


def _thinned(line: list[tuple[float, int]]) -> list[tuple[float, int]]:
    """Return as many points of a line as can be seen, its first and last among them."""
    step = max(1, len(line) // POINTS)
    return [(round(at, 3), count) for at, count in [*line[:-1:step], line[-1]]]
