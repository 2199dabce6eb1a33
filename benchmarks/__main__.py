"""The benchmarks.

python -m benchmarks [--quick] [NAME …]

Each measures on real servers that are started here and stopped again, and writes into benchmarks/report (`--quick`:
into .local/bench, and no bar is held against it, because its figures are of too little).
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks import report
from benchmarks.bench import Bench
from dev.cloud import ROOT
from dev.servers import Servers
from firstcome.operate.actions import act

if TYPE_CHECKING:
    from pathlib import Path

    from rich.progress import TaskID

    from benchmarks.measure import Row

# In the order in which they run and are reported.
BENCHMARKS = (
    "gate",
    "memory",
    "apply",
    "consume",
    "drain",
    "sweep",
    "cold",
    "http",
    "open_loop",
    "campaign",
    "scale",
    "ladder",
)
FOLDER = ROOT / ".local" / "bench"


def main() -> None:
    """Run those that are named, or all; exit with 1 where a result was wrong or a bar was missed without a reason."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--quick", action="store_true", help="one round of little load: shows that everything works")
    asked = parser.parse_args()
    if unknown := set(asked.names) - set(BENCHMARKS):
        parser.error(f"there is no {', '.join(sorted(unknown))}: {', '.join(BENCHMARKS)}")
    names = [name for name in BENCHMARKS if not asked.names or name in asked.names]
    folder = FOLDER / "report" if asked.quick else report.REPORT
    rows = run(names, quick=asked.quick, folder=folder)
    path = report.write(folder, BENCHMARKS)
    print(path.read_text())
    if bad := [row.what for row in rows if row.wrong or not (asked.quick or row.ok)]:
        sys.exit(f"wrong, or below the bar: {'; '.join(bad)}")


def run(names: list[str], *, quick: bool, folder: Path) -> list[Row]:
    """Run the benchmarks one after the other, over servers with nothing in them; answer their rows."""
    servers = Servers(FOLDER)
    servers.reset()
    console = Console(stderr=True)
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    rows: list[Row] = []
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("starting", total=len(names))
        try:
            servers.start(lambda step: progress.update(task, description=step), dies_with_us=True)
            with closing(Bench(servers, FOLDER, quick, print).stores()) as stores:
                act(stores, {"action": "migrate"})
            for name in names:
                rows += _run_one(name, servers, folder, progress, task, quick=quick)
        finally:
            servers.stop()
    return rows


def _run_one(name: str, servers: Servers, folder: Path, progress: Progress, task: TaskID, *, quick: bool) -> list[Row]:
    def say(step: str) -> None:
        progress.update(task, description=f"{name}: {step}")
        if not progress.console.is_terminal:
            progress.console.print(f"{name}: {step}")

    bench = Bench(servers, FOLDER, quick, say)
    say("begins")
    began = time.monotonic()
    benchmark = importlib.import_module(f"benchmarks.{name}")
    found: list[Row] = benchmark.run(bench)
    report.keep(folder, name, found, time.monotonic() - began, quick=quick)
    if hasattr(benchmark, "draw"):  # plots and tables of its own, from the rows alone
        benchmark.draw(folder, found)
    progress.advance(task)
    return found


if __name__ == "__main__":
    main()
