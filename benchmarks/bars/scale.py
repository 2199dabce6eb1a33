"""The pipeline in simulated time: beside the local cloud that it was measured on, then 100 and 10,000 times as large.

Service times are measured first (scale/calibration.py): what each process spends of the cores. Rates, latencies, the
drain and the whole event come out of the simulation, and stand here beside what was measured. What the benchmarks
`gate` and `campaign` have found is taken from the same run; where they were not part of it, they run first.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from itertools import accumulate
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.bars import campaign, gate
from benchmarks.harness.report import figure
from benchmarks.harness.rows import Bar, Row
from benchmarks.harness.tools import CONNECTIONS
from benchmarks.scale import times, worlds
from benchmarks.scale.advice import advised
from benchmarks.scale.calibration import calibrate, middle_rate
from benchmarks.scale.deployment import Deployment
from benchmarks.scale.times import Aws, Opening, Times, with_redis_alone
from benchmarks.scale.worlds import Local, local

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from benchmarks.harness.bench import Bench
    from benchmarks.scale.calibration import Calibration
    from benchmarks.scale.pipeline import Pipeline

WITHIN = 0.25  # the simulation is held to what was measured, so much more or less
ALIKE = 0.1  # packets of different sizes are held to each other
SETTLED_S = 600.0  # every event is over by then

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

    def found_by(name: str, measure: Callable[[Bench], list[Row]]) -> list[Row]:
        return bench.found[name] if name in bench.found else measure(bench)

    redis, [held] = found_by("gate", gate.run)[-1], found_by("campaign", campaign.run)
    with bench.cloud("scale") as ours:
        environments = len(ours.environments("apply"))
        found = []
        for number in range(bench.pick(2, 1)):
            bench.say(f"measuring service times, round {number + 1}")
            found.append(calibrate(bench, ours))
    bench.say("simulating the local cloud")
    rows = [*_beside(bench, found, environments), _campaign(held, found, environments)]
    measured = with_redis_alone(Times.typical([each.times for each in found]), redis.values)
    rows[0].data["times"] = measured
    there = Aws.of(measured, Deployment())
    bench.say("simulating packets of several sizes")
    few = replace(CAMPAIGN, seconds=bench.pick(10_000, 200) / 1_000, coupons=bench.pick(10_000, 200))
    rows.append(_packets(there, few, few.burst, (1, 10)))
    if not bench.quick:
        many = replace(CAMPAIGN, burst=100 * CAMPAIGN.burst, coupons=100 * CAMPAIGN.coupons)
        rows.append(_packets(there, many, 100_000, (300, 1_000)))
    for size in sorted({each.size for each in SCENARIOS}) if not bench.quick else ():
        bench.say(f"simulating {size:,} times the campaign")
        rows.append(_as_large(there, size))
    return rows


def draw(folder: Path, rows: list[Row]) -> None:
    """Draw the campaign as it was and as it is simulated, and the openings that are so many times as large."""
    times.write(folder, rows[0].data["times"])
    for row in rows:
        if "measured" in row.data:
            campaign.draw_event(folder / "scale-campaign.svg", row.what, row.data)
        elif "size" in row.data:
            with figure(folder / f"scale-{row.data['size']}x.svg") as axes:
                axes.set_title(row.what)
                for number, (scenario, lines) in enumerate(row.data["lines"].items()):
                    for (what, line), style in zip(lines.items(), ("-", "--", ":"), strict=True):
                        axes.plot(*zip(*line, strict=True), style, color=f"C{number}", label=f"{scenario}: {what}")
                axes.set_xscale("log")
                axes.set_yscale("log")
                axes.set_xlabel("s since the opening")
                axes.set_ylabel("people, coupons, rows")
                axes.legend(fontsize=7)


# --- beside what was measured ----------------------------------------------------------------------------------------


def _beside(bench: Bench, found: list[Calibration], environments: int) -> list[Row]:
    """Simulate each round's loads with the same round's service times."""
    rates: dict[str, list[float]] = {}
    p99_ms: dict[str, list[float]] = {}
    drains: dict[str, list[float]] = {}

    def note(values: dict[str, list[float]], what: str, measured: float, simulated: float) -> None:
        values.setdefault(what, []).append(measured)
        values.setdefault(f"{what}, simulated", []).append(simulated)

    seconds = bench.pick(3, 1)
    for seed, one in enumerate(found):
        world = Local(connections=CONNECTIONS, environments=environments, seed=seed)
        for what, phase, here in (
            ("from memory", one.remembered, world),
            ("via Redis", one.lost, replace(world, memory=False)),
            ("accepted", one.won, replace(world, coupons=10**9, pollers=0)),
        ):
            seen = _ran(local(one.times, replace(here, beside=one.beside(phase))), seconds).seen
            note(rates, what, phase.rate, sum(people for _, people in seen.answers) / seconds)
            # What capacity.py counts with: as many as there is time for.
            cores = worlds.CORES - sum(one.beside(phase).values())
            rates.setdefault(f"{what}, by the model", []).append(cores / one.times.answered_s[what])
            note(p99_ms, what, phase.p99_ms, seen.percentile_s(0.99) * 1000)
        note(drains, "drain", one.drain.rate, _drain_rate(one, environments, seed, bench.pick(5, 1)))
    cores_s = asdict(Times.typical([one.times for one in found]))
    cpu = ", ".join(f"{name.removesuffix('_s')} {value * 1e6:,.0f}" for name, value in cores_s.items() if value)
    beside = median(sum(one.beside(one.lost).values()) for one in found)
    notes = [
        f"µs of a core, by /proc: {cpu}; beside them {beside:.2f} cores busy with something else",
        "nothing is fitted: rates, latencies and the drain follow from these and from the structure",
    ]
    wrong = [each for one in found for each in one.wrong]
    what = "simulation beside measurement"
    http = f"{what}: HTTP, {CONNECTIONS} connections"
    return [
        Row(http, "answers/s", rates, _bars(rates), wrong, notes),
        Row(f"{http}, p99", "ms", p99_ms, _bars(p99_ms, P99_WHY_NOT)),
        Row(f"{what}: drain of a backlog", "rows/s", drains, _bars(drains, DRAIN_WHY_NOT)),
    ]


def _drain_rate(one: Calibration, environments: int, seed: int, runs: int) -> float:
    """Return the median of several runs: one takes less than a second, of which a burst of something else is a part."""
    rates = []
    for number in range(runs):
        world = Local(environments=environments, beside=one.beside(one.drain), seed=10 * seed + number)
        pipeline = local(one.times, world)
        pipeline.stream.put(one.drain.count)
        rows = _summed(_ran(pipeline, one.drain.count / 1_000).seen.rows)
        rates.append(middle_rate(rows, one.drain.count))
    return median(rates)


def _campaign(held: Row, found: list[Calibration], environments: int) -> Row:
    """Simulate the event that the benchmark `campaign` has held."""
    coupons, people = held.data["coupons"], held.data["people"]
    each = replace(Times.typical([one.times for one in found]), client_s=median(one.generator_s for one in found))
    phases = [one.beside(phase) for one in found for phase in (one.remembered, one.lost, one.won)]
    beside = {burst_s: median(phase[burst_s] for phase in phases) for burst_s in phases[0]}
    world = Local(campaign.CONNECTIONS, people, coupons, environments=environments, beside=beside)
    seen = _ran(local(each, world), 3 * held.values["last row"][0] + 5).seen
    values = {
        "last answer": held.values["last answer"],
        "last answer, simulated": [seen.answers[-1][0]],
        "last row": held.values["last row"],
        "last row, simulated": [max(at for at, _ in seen.rows)],
    }
    simulated = {
        "answered": campaign.thinned(_summed(seen.answers)),
        "waiting": campaign.without_row(seen.accepted, seen.rows),
    }
    most = [max(people for _, people in line["waiting"]) for line in (held.data, simulated)]
    wrong = [] if sum(count for _, count in seen.rows) == coupons else [f"{seen.words} for {coupons} coupons"]
    note = f"at most {most[0]:,} waited for their row, simulated {most[1]:,}"
    what, bars = f"simulation beside measurement: {held.what}", _bars(values, CAMPAIGN_WHY_NOT)
    return Row(what, held.unit, values, bars, wrong, [note], {"measured": held.data, "simulated": simulated})


# --- what nobody can measure here ------------------------------------------------------------------------------------


def _packets(there: Aws, opening: Opening, admitted: float, packets: tuple[int, int]) -> Row:
    """Simulate one opening twice, with packets of two sizes."""
    deployment = advised(replace(opening, burst=admitted), Deployment(), there)
    fewer, more = (
        _figures(_ran(worlds.aws(opening, deployment, there, packet=packet, cached=True), SETTLED_S))
        for packet in packets
    )
    names = [f"packets of {people:,}" for people in packets]
    values = {
        f"{what}, {name}": [figures[what]]
        for name, figures in zip(names, (fewer, more), strict=True)
        for what in figures
    }
    bars = [bar for what in fewer for bar in _within(f"{what}, {names[1]}", f"{what}, {names[0]}", ALIKE)]
    return Row(f"simulation of {opening.people:,.0f} people on AWS, by packets", "s", values, bars)


def _as_large(there: Aws, size: int) -> Row:
    """Simulate the openings of one size."""
    opening = replace(CAMPAIGN, burst=CAMPAIGN.burst * size, coupons=CAMPAIGN.coupons * size)
    row = Row(f"simulation of {opening.people:,.0f} people on AWS", "s after the opening", {})
    row.data.update(size=size, lines={})
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
        row.values.update({f"{each.name}: {what}": [value] for what, value in _figures(pipeline).items()})
        if pipeline.issued != opening.coupons:
            row.wrong.append(f"{each.name}: {pipeline.issued:,} rows of {opening.coupons:,}")
        shares = (f"{people / opening.people:.1%} {word}" for word, people in seen.words.items() if word != "row")
        row.notes.append(f"{each.name}, packets of {each.packet:,}: {', '.join(shares)}")
        lines = {"answers": seen.answers, "tickets": seen.accepted, "rows": seen.rows}
        row.data["lines"][each.name] = {what: campaign.thinned(_summed(line)) for what, line in lines.items()}
    return row


def _figures(pipeline: Pipeline) -> dict[str, float]:
    """Return what people see of an opening, in seconds after it."""
    seen = pipeline.seen
    assert pipeline.sold_out_at is not None
    answered_at = max(at for at, _ in seen.answers)
    return {"sold out": pipeline.sold_out_at, "all answered": answered_at, "last row": seen.rows[-1][0]}


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
