"""Service times, measured; the rates that follow from them, beside those measured; and openings on AWS, simulated.

Service times are what each process spends of the cores (scale/calibration.py). `make capacity` counts with them, and
the simulation is made of them (scale/turns.py). What the benchmark `gate` has found is taken from the same run; where
it was not part of it, it runs first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from statistics import median

from benchmarks.bars import gate
from benchmarks.harness.bench import Bench
from benchmarks.harness.rows import Bar, Row
from benchmarks.harness.tools import CONNECTIONS
from benchmarks.scale import document, times, turns
from benchmarks.scale.calibration import CORES, Calibration, calibrate
from benchmarks.scale.times import Times, with_redis_alone

WITHIN = 0.25  # the model is held to what was measured, so much more or less


def run(bench: Bench) -> list[Row]:
    """Measure, hold the model to it, and simulate what nobody can measure here."""
    redis = bench.found["gate"] if "gate" in bench.found else gate.run(bench)
    with bench.cloud("scale") as ours:
        found = []
        for number in range(bench.pick(2, 1)):
            bench.say(f"measuring service times, round {number + 1}")
            found.append(calibrate(bench, ours))
    row, measured = _beside(found), with_redis_alone(Times.typical([each.times for each in found]), redis[-1].values)
    bench.say("simulating AWS")
    row.data.update(times=measured, turns=turns.all_of(measured))
    return [row, *_simulated(row.data["turns"])]


def draw(folder: Path, rows: list[Row]) -> None:
    """Keep the service times, and draw the openings."""
    times.write(folder, rows[0].data["times"])
    document.draw(folder / "scale.svg", rows[0].data["turns"])


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


def _simulated(found: list[turns.Found]) -> Iterator[Row]:
    """Yield one line of the report for each crowd."""
    for people in dict.fromkeys(each.people for each in found):
        row = Row(f"simulation of {people:,} people on AWS", "s after the opening", {})
        for each in found:
            if each.people == people:
                name = f"turns over {each.spread_s} s"
                row.values.update({f"{name}: sold out": [each.sold_out_s], f"{name}: everybody knows": [each.known_s]})
                if each.issued != each.coupons:
                    row.wrong.append(f"{name}: {each.issued:,} rows of {each.coupons:,}")
        yield row
