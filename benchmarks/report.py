"""The report: one JSON file a benchmark, and what is made of all of them: a table, and plots."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.measure import Row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.measure import Bar

REPORT = Path(__file__).parent / "report"
HOW = """Every ratio is of two contenders of the same round: the median of the rounds, and from the lowest to the
highest."""


def keep(folder: Path, benchmark: str, rows: Sequence[Row], seconds: float, *, quick: bool) -> None:
    """Write one benchmark's rows, with where and when they were measured."""
    folder.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    about = {"benchmark": benchmark, "date": now, "quick": quick, "seconds": round(seconds, 1), "machine": machine()}
    kept = {**about, "rows": [row.to_json() for row in rows]}
    (folder / f"{benchmark}.json").write_text(json.dumps(kept, indent=1) + "\n")


def kept(folder: Path, benchmark: str) -> dict[str, Any]:
    """Return what `keep` has written; raise `FileNotFoundError` where the benchmark was not run."""
    found: dict[str, Any] = json.loads((folder / f"{benchmark}.json").read_text())
    return found


def read(folder: Path, benchmark: str) -> list[Row]:
    """Return the rows that a benchmark has written; raise `FileNotFoundError` where it was not run."""
    return [Row.from_json(row) for row in kept(folder, benchmark)["rows"]]


def write(folder: Path, order: Sequence[str]) -> Path:
    """Write `report.md` from all that is in the folder, benchmarks in this order; return its path."""
    kept = [json.loads((folder / f"{name}.json").read_text()) for name in order if (folder / f"{name}.json").exists()]
    if not kept:
        raise FileNotFoundError(f"nothing in {folder}: run some first")
    days = sorted({one["date"][:10] for one in kept})
    command = "make bench-quick" if any(one["quick"] for one in kept) else "make bench"
    when = " to ".join(dict.fromkeys([days[0], days[-1]]))
    lines = ["# Benchmarks", "", f"{'; '.join(sorted({one['machine'] for one in kept}))}.", ""]
    lines += [f"`{command}`, {when}, {sum(one['seconds'] for one in kept):.0f} s in all. {HOW}", ""]
    lines += ["| what | measured | bar | ratio | |", "| --- | --- | --- | --- | --- |"]
    rows = [Row.from_json(row) for one in kept for row in one["rows"]]
    for row in rows:
        lines += _lines(row)
    notes = [f"- **{row.what}**: {note}" for row in rows for note in [*_reasons(row), *row.notes]]
    lines += ["", *notes] if notes else []
    lines += ["", *(f"![{plot.stem}]({plot.name})" for plot in sorted(folder.glob("*.svg")))]
    path = folder / "report.md"
    path.write_text("\n".join(lines).rstrip() + "\n")
    return path


def machine() -> str:
    """Describe the machine: processor, cores, memory, kernel, Python, and the servers' versions."""
    cpus = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    model = cpus[0].partition(":")[2].strip() if cpus else platform.machine()
    memory_kb = int(Path("/proc/meminfo").read_text().split()[1])
    where = f"{os.cpu_count()} cores ({model}), {memory_kb / 2**20:.0f} GiB, Linux {platform.release().split('-')[0]}"
    versions = [
        f"Python {platform.python_version()}",
        *filter(None, map(_version, ("redis-server", "mariadbd", "haproxy"))),
    ]
    return f"{where}; {', '.join(versions)}"


def measured(row: Row) -> str:
    """Return the median of each contender, largest first where more is better."""
    return " · ".join(f"{name} {_figure(median(values))}" for name, values in row.values.items()) + f" {row.unit}"


def _lines(row: Row) -> list[str]:
    first = f"{row.what} | {measured(row)}"
    wrong = [f"| {row.what} | **wrong**: {found} | | | ✗ |" for found in row.wrong]
    if not row.bars:
        return [*wrong, f"| {first} | | | |"]
    return [
        *wrong,
        *(f"| {first if not n else ' | '} | {_bar(bar)} | {_ratio(row, bar)} |" for n, bar in enumerate(row.bars)),
    ]


def _bar(bar: Bar) -> str:
    return f"{bar.of} {'≤' if bar.at_most else '≥'} {bar.limit:g} × {bar.to}"  # noqa: RUF001  it multiplies


def _ratio(row: Row, bar: Bar) -> str:
    ratios = row.ratios(bar)
    return (
        f"**{row.ratio(bar):.2f}** ({min(ratios):.2f} to {max(ratios):.2f}) | {'✓' if bar.met(row.ratio(bar)) else '✗'}"
    )


def _reasons(row: Row) -> list[str]:
    return [f"{_bar(bar)} is not reached: {bar.why_not}" for bar in row.bars if not bar.met(row.ratio(bar))]


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _version(program: str) -> str:
    path = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if path is None:
        return ""
    said: Any = subprocess.run(
        [path, "--version" if program == "mariadbd" else "-v"], capture_output=True, text=True, check=False
    ).stdout
    return " ".join(said.split()[:3])
