"""The report: the last whole runs of all benchmarks on a machine of this kind, and the range of each ratio over them.

`runs.json` keeps the runs, and `report.md` is made from it. A part of the benchmarks is a run that is not kept.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Self

from benchmarks.harness.rows import Bar, Row, markdown
from dev.install import kafka_jars, programs

REPORT = Path(__file__).parent.parent / "report"
RUNS = "runs.json"
RUNS_KEPT = 5
RUNS_WANTED = 3  # of a range: at different times, on a quiet machine
DIGITS = 5  # of a figure that is kept
HEAD = """# Benchmarks

Every ratio is of two contenders that are measured in turn, round by round; a run's figure is the median of its rounds.
"""
OVER = """The range is over the whole runs of `make bench` that are listed here, and **bold** is the worst of them.
"""
FEW = f"""It takes {RUNS_WANTED} of them, at different times, to be a range.
"""
PART = """This is a part of the benchmarks, run once: its rounds' range, and no line of the report that is kept.
"""


@dataclass(frozen=True, slots=True)
class Run:
    """One run: when and where, in which state the machine was, and what each benchmark has found in how long."""

    when: str  # UTC
    load: float  # the average of the minute before
    machine: str
    software: str
    seconds: dict[str, float] = field(default_factory=dict)
    found: dict[str, list[Row]] = field(default_factory=dict)

    @classmethod
    def begin(cls) -> Self:
        """Return a run that begins now, here."""
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M")
        return cls(now, round(os.getloadavg()[0], 2), machine(), software())


def keep(folder: Path, run: Run, drawn: Path) -> None:
    """Add a whole run to those in `folder`, with what it has drawn and kept beside its report, and write the report."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in drawn.iterdir():
        if path.name != "report.md":
            shutil.copyfile(path, folder / path.name)
    runs = [*[each for each in read(folder) if each.machine == run.machine][1 - RUNS_KEPT :], run]
    lines = ",\n".join(json.dumps(asdict(each), ensure_ascii=False, default=str) for each in map(_short, runs))
    (folder / RUNS).write_text(f"[\n{lines}\n]\n")
    write(folder, runs)


def read(folder: Path = REPORT) -> list[Run]:
    """Return the runs that are kept, the last one last."""
    path = folder / RUNS
    runs = json.loads(path.read_text()) if path.exists() else []
    for run in runs:
        run["found"] = {
            name: [Row(**row | {"bars": [Bar(**bar) for bar in row["bars"]]}) for row in rows]
            for name, rows in run["found"].items()
        }
    return [Run(**run) for run in runs]


def write(folder: Path, runs: Sequence[Run], *, part: bool = False) -> Path:
    """Write `report.md` of these runs: the rows that the last one has, in its order. Return its path."""
    last = runs[-1]
    about = PART if part else OVER + FEW * (len(runs) < RUNS_WANTED)
    began = ([r.when, f"{r.load:g}", f"{sum(r.seconds.values()) / 60:.1f} min", r.software] for r in runs)
    text = HEAD + about + f"\n{last.machine}; servers, functions and clients share the cores.\n\n"
    text += markdown(["run, UTC", "load before", "took", "with"], began)
    for name in last.found:
        text += f"\n## {name}\n\n{last.seconds[name]:.0f} s.\n\n{_table(runs, name)}"
    path = folder / "report.md"
    path.write_text(text)
    return path


def machine() -> str:
    """Describe the kind of machine: cores, processor, memory. Runs on another kind are not compared with its own."""
    cpus = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    model = cpus[0].partition(":")[2].strip() if cpus else platform.machine()
    memory_kb = int(Path("/proc/meminfo").read_text().split()[1])
    return f"{os.cpu_count()} cores ({model}), {memory_kb / 2**20:.0f} GiB"


def software() -> str:
    """Name what ran: kernel, Python and how it was built, and the servers."""
    options = str(sysconfig.get_config_var("CONFIG_ARGS"))
    built = (("PGO", "--enable-optimizations"), ("LTO", "--with-lto"))
    how = ", ".join(f"{'with' if option in options else 'without'} {name}" for name, option in built)
    python = f"Python {platform.python_version()} ({platform.python_compiler()}, {how})"
    asked = (("Redis", "redis-server", "-v"), ("MariaDB", "mariadbd", "--version"), ("HAProxy", "haproxy", "-v"))
    versions = [f"{name} {_version([programs([program])[program], option])}" for name, program, option in asked]
    kafka = next((jar.stem.rpartition("-")[2] for jar in kafka_jars().glob("kafka_*.jar")), "?")
    return ", ".join((f"Linux {platform.release().split('-')[0]}", python, *versions, f"Kafka {kafka}"))


def _version(command: list[str]) -> str:
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    found = re.search(r"\d+(\.\d+)+", said)
    return found[0] if found else "?"


def _short(run: Run) -> Run:
    """Return the run as it is kept: figures of some digits, and nothing that is only drawn."""

    def short(row: Row) -> Row:
        rounded = {name: [float(f"{value:.{DIGITS}g}") for value in values] for name, values in row.values.items()}
        return replace(row, values=rounded, data={})

    found = {name: list(map(short, rows)) for name, rows in run.found.items()}
    return replace(run, seconds={name: round(value, 1) for name, value in run.seconds.items()}, found=found)


def _table(runs: Sequence[Run], name: str) -> str:
    lines, notes = list[list[str]](), list[str]()
    for row, rows in over(runs, name):
        lines += [[row.what, f"**wrong**: {what}", "", "", "✗"] for each in rows for what in each.wrong]
        first = [row.what, " · ".join(f"{each} {values(rows, each)}" for each in row.values) + f" {row.unit}"]
        for bar in row.bars:
            found, rounds = ratios(rows, bar), row.ratios(bar)
            spread = "" if len(found) > 1 else f" ({min(rounds):.2f} to {max(rounds):.2f})"
            met = bar.met(bar.worst(found))
            lines.append([*first, str(bar), span(bar, found) + spread, "✓" if met else "✗"])
            first = ["", ""]
            if not met and bar.why_not:
                notes.append(f"- **{row.what}**: {bar} is not reached: {bar.why_not}\n")
        lines += [] if row.bars else [[*first, "", "", ""]]
        notes += [f"- **{row.what}**: {note}\n" for note in row.notes]
    return markdown(["what", "measured", "bar", "ratio", ""], lines) + "\n" * bool(notes) + "".join(notes)


def over(runs: Sequence[Run], name: str) -> Iterator[tuple[Row, list[Row]]]:
    """Yield each row of the last run of one benchmark, and the same row of every run that has it."""
    for row in runs[-1].found.get(name, ()):
        yield row, [each for run in runs for each in run.found.get(name, ()) if each.what == row.what]


def ratios(rows: Sequence[Row], bar: Bar) -> list[float]:
    """Return what each run has reached of a bar."""
    return [each.ratio(bar) for each in rows if bar.of in each.values and bar.to in each.values]


def span(bar: Bar, found: Sequence[float]) -> str:
    """Return the range of the runs' ratios as it is written everywhere, the worst in bold."""
    return between(f"{min(found):.2f}", f"{max(found):.2f}", worst=max if bar.at_most else min)


def values(rows: Sequence[Row], contender: str, worst: Callable[[Any], Any] | None = None) -> str:
    """Return from which figure to which the runs go."""
    found = [median(row.values[contender]) for row in rows if contender in row.values]
    return between(_figure(min(found)), _figure(max(found)), worst=worst)


def between(low: str, high: str, worst: Callable[[Any], Any] | None) -> str:
    """Return a range, of which `min` or `max` is in bold."""
    if low == high:
        return f"**{low}**" if worst else low
    if worst is None:
        return f"{low} to {high}"
    return f"**{low}** to {high}" if worst is min else f"{low} to **{high}**"


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
