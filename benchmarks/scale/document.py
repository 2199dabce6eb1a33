"""What docs/scale.md shows of the simulation and of `make capacity`: its tables, and the plot.

    python -m benchmarks.scale.document [FOLDER]

simulates with the service times of the report, and writes all of it anew; a whole `make bench` does the same at its
end. With the folder of a run that was not kept (.local/bench/report), its service times become the report's before.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.harness.report import REPORT, figure
from benchmarks.scale import times, turns
from benchmarks.scale.capacity import sizes_table
from benchmarks.scale.times import Times
from dev.cloud import ROOT

PAGE = ROOT / "docs" / "scale.md"
END = "<!-- end -->\n"
POINTS = 100  # of a plotted line
# What `make capacity` says at length, as the page says it.
SHORTER = {
    r", each in an account of its own with its share \(docs/scale.md\)": "",
    r"(\w+=[\w.]+)": r"`\1`",
    r"-{3,}": "---",
    r" +\|": " |",
    r"\| +": "| ",
}
COLUMNS: dict[str, Callable[[turns.Found], str]] = {
    "people": lambda found: f"{found.people:,}",
    "`spread_ms`": lambda found: f"{found.spread_s * 1_000:,}",
    "requests in all": lambda found: f"{found.requests:,}",
    "most in a second": lambda found: f"{found.peak:,}",
    "sold out": lambda found: f"{found.sold_out_s:.1f} s",
    "only `reserved`": lambda found: f"{found.reserved / found.coupons:.1%}",
    "everybody knows": lambda found: f"{found.known_s:.0f} s",
    "last row": lambda found: f"{found.last_row_s:.0f} s",
    "$ for the requests": lambda found: f"{found.cost:,.2f}",
}


def write(measured: Times, found: list[turns.Found], page: Path = PAGE) -> None:
    """Write the tables into the page, each between its marks."""
    text = page.read_text()
    for name, table in (("sizes", _markdown(sizes_table(measured))), ("turns", turns_table(found))):
        before, mark, rest = text.partition(f"<!-- {name} -->\n")
        text = before + mark + table + END + rest.partition(END)[2]
    page.write_text(text)


def turns_table(found: list[turns.Found]) -> str:
    """Return the simulated openings as a table."""
    lines = [list(COLUMNS), ["---:"] * len(COLUMNS), *([cell(each) for cell in COLUMNS.values()] for each in found)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def draw(path: Path, found: list[turns.Found]) -> None:
    """Draw how many know, by the time after the opening."""
    with figure(path) as axes:
        for each in found:
            color = f"C{turns.SPREADS_S.index(each.spread_s)}"
            style = "-" if each.people == turns.PEOPLE[0] else "--"
            label = f"{each.people:,} people, turns over {each.spread_s} s"
            axes.plot(*zip(*_summed(each.told), strict=True), style, color=color, label=label)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("s since the opening")
        axes.set_ylabel("people who know")
        axes.legend(fontsize=7)


def _summed(line: list[tuple[float, int]]) -> list[tuple[float, int]]:
    """Return how many there were altogether, at as many times as can be seen, the first and the last among them."""
    at, counts = zip(*line, strict=True)
    summed = list(zip(at, accumulate(counts), strict=True))
    return [*summed[: -1 : max(1, len(summed) // POINTS)], summed[-1]]


def _markdown(table: Table) -> str:
    """Return a table of `make capacity` as the page has it: short, because the page explains it."""
    said = io.StringIO()
    Console(file=said, width=10_000).print(table)
    text = said.getvalue()
    for long, short in SHORTER.items():
        text = re.sub(long, short, text)
    return "".join(f"{line}\n" for line in map(str.strip, text.splitlines()) if line)


def main() -> None:
    """Write page and plot by the report's service times, or by those of another folder, which are kept then."""
    measured = times.read(Path(sys.argv[1])) if len(sys.argv) > 1 else times.read()
    renew(measured)


def renew(measured: Times) -> None:
    """Simulate, and write page and plot; keep the service times that they were made with."""
    times.write(REPORT, measured)
    found = turns.all_of(measured)
    write(measured, found)
    draw(REPORT / "scale.svg", found)


if __name__ == "__main__":
    main()
