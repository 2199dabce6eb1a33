"""The benchmarks.

python -m benchmarks [--quick] [NAME …]

Each measures on real servers that are started here and stopped again. A whole run is kept in benchmarks/report, whose
report has the ranges of the last ones, and so has README.md. A part of them, or `--quick`, is reported in
.local/bench/report only; no bar is held against what is quick, because its figures are of too little.
"""

from __future__ import annotations

import argparse
import importlib
import shutil
import sys
import time
from contextlib import closing
from dataclasses import replace
from functools import partial

from benchmarks.harness import readme, report
from benchmarks.harness.bench import Bench
from benchmarks.scale import document, times
from dev.cloud import ROOT
from dev.servers import Servers
from firstcome.operate.actions import act

# In the order in which they run and are reported; each is a module of benchmarks/bars. After `peer` come records in a
# topic of the ladder's that nobody reads.
BENCHMARKS = ("gate", "apply", "consume", "drain", "cold", "http", "ladder", "peer")
FOLDER = ROOT / ".local" / "bench"


def main() -> None:
    """Run those that are named, or all; exit with 1 where a result was wrong or a bar was missed without a reason."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--quick", action="store_true", help="one round of little load: shows that everything works")
    asked = parser.parse_args()
    if unknown := set(asked.names) - set(BENCHMARKS):
        parser.error(f"there is no {', '.join(sorted(unknown))}: {', '.join(BENCHMARKS)}")
    bench = Bench(Servers(FOLDER), FOLDER, asked.quick, partial(print, file=sys.stderr))
    found = run(bench, [name for name in BENCHMARKS if not asked.names or name in asked.names]).found
    rows = [row for each in found.values() for row in each]
    if bad := [row.what for row in rows if row.wrong or not (asked.quick or row.ok)]:
        sys.exit(f"wrong, or below the bar: {'; '.join(bad)}")


def run(bench: Bench, names: list[str]) -> report.Run:
    """Run the benchmarks one after the other, over servers with nothing in them, and print the report."""

    def say(name: str, step: str) -> None:
        bench.say(f"{name}: {step}")

    bench.servers.reset()
    this, folder = report.Run.begin(), FOLDER / "report"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        bench.servers.start(bench.say, dies_with_us=True)
        with closing(bench.stores()) as stores:
            act(stores, {"action": "migrate"})
        if not bench.quick:
            bench.say("warming up Kafka")
            bench.warm_broker()
        for name in names:
            began, benchmark = time.monotonic(), importlib.import_module(f"benchmarks.bars.{name}")
            this.found[name] = benchmark.run(replace(bench, say=partial(say, name)))
            this.seconds[name] = time.monotonic() - began
            if hasattr(benchmark, "draw"):  # a table of its own, from the rows alone
                benchmark.draw(folder, this.found[name])
            report.write(folder, [this], part=True)  # what was found stays, if the next one fails
    finally:
        bench.servers.stop()
    if not bench.quick and names == list(BENCHMARKS):
        report.keep(report.REPORT, this, folder)
        readme.write(report.read())
        times.write(times.of(this.found))
        document.renew(times.read())
        folder = report.REPORT
    print((folder / "report.md").read_text())
    return this


if __name__ == "__main__":
    main()
