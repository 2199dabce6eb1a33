"""The report, one section for each benchmark: a run writes its own sections anew, and leaves the others alone."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.harness.rows import Row

REPORT = Path(__file__).parent.parent / "report"
HEAD = """# Benchmarks

Every ratio is of two contenders of the same round: the median of the rounds, and from the lowest to the highest.
"""
STYLE: dict[Any, Any] = {"svg.hashsalt": "firstcome", "svg.fonttype": "none", "font.size": 9}  # same data, same bytes


def write(folder: Path, order: Sequence[str], name: str, rows: Sequence[Row], seconds: float, *, quick: bool) -> Path:
    """Write one benchmark's section of `report.md`; sections stand in this order. Return the report's path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "report.md"
    parts = re.split(r"^## (\w+)\n", path.read_text() if path.exists() else "", flags=re.MULTILINE)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    command = f"make {'bench-quick' if quick else 'bench'} NAME={name}"
    plots = "".join(f"\n![{plot.stem}]({plot.name})\n" for plot in sorted(folder.glob(f"{name}*.svg")))
    when = datetime.now(UTC).date()
    sections[name] = f"\n`{command}`, {when}, {seconds:.0f} s. {machine()}.\n\n{_table(rows)}{plots}\n"
    text = HEAD + "".join(f"\n## {each}\n{sections[each].rstrip()}\n" for each in order if each in sections)
    path.write_text(text)
    return path


def machine() -> str:
    """Describe the machine: processor, cores, memory, kernel, Python, and the servers' versions."""
    cpus = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    model = cpus[0].partition(":")[2].strip() if cpus else platform.machine()
    memory_kb = int(Path("/proc/meminfo").read_text().split()[1])
    where = f"{os.cpu_count()} cores ({model}), {memory_kb / 2**20:.0f} GiB, Linux {platform.release().split('-')[0]}"
    versions = filter(None, map(_version, ("redis-server", "mariadbd", "haproxy")))
    return f"{where}; {', '.join((f'Python {platform.python_version()}', *versions))}"


@contextmanager
def figure(path: Path, columns: int = 1, size: tuple[float, float] = (8, 4)) -> Iterator[Any]:
    """Lend the axes of a plot, which is then written to `path`: one, or an array of several beside each other."""
    import matplotlib as mpl  # noqa: PLC0415  half a second, and only who draws needs it

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415  after the backend was chosen

    with mpl.rc_context(STYLE):
        drawn, axes = plt.subplots(1, columns, figsize=size, sharey=True, layout="constrained")
        if columns == 1:
            axes.grid(visible=True, alpha=0.3)
        try:
            yield axes
            drawn.savefig(path, metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
        finally:
            plt.close(drawn)


def _table(rows: Sequence[Row]) -> str:
    lines = ["| what | measured | bar | ratio | |", "| --- | --- | --- | --- | --- |"]
    notes = []
    for row in rows:
        lines += [f"| {row.what} | **wrong**: {found} | | | ✗ |" for found in row.wrong]
        first = f"{row.what} | {_measured(row)}"
        for bar in row.bars:
            ratios, ratio = row.ratios(bar), row.ratio(bar)
            spread = f"**{ratio:.2f}** ({min(ratios):.2f} to {max(ratios):.2f})"
            lines.append(f"| {first} | {bar} | {spread} | {'✓' if bar.met(ratio) else '✗'} |")
            first = " | "
            if not bar.met(ratio) and bar.why_not:
                notes.append(f"- **{row.what}**: {bar} is not reached: {bar.why_not}")
        if not row.bars:
            lines.append(f"| {first} | | | |")
        notes += [f"- **{row.what}**: {note}" for note in row.notes]
    return "\n".join([*lines, *([""] if notes else []), *notes, ""])


def _measured(row: Row) -> str:
    return " · ".join(f"{name} {_figure(median(values))}" for name, values in row.values.items()) + f" {row.unit}"


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _version(program: str) -> str:
    path = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if path is None:
        return ""
    option = "--version" if program == "mariadbd" else "-v"
    said: str = subprocess.run([path, option], capture_output=True, text=True, check=False).stdout
    return " ".join(said.split()[:3])
