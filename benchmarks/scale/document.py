"""What docs/scale.md shows of the simulation and of `make capacity`: its tables.

    python -m benchmarks.scale.document

simulates with the service times of the report, and writes them anew; a whole `make bench` does the same at its end.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.scale import times, turns
from benchmarks.scale.capacity import sizes_table
from benchmarks.scale.times import Times
from dev.cloud import ROOT

PAGE = ROOT / "docs" / "scale.md"
END = "<!-- end -->\n"
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
    "requests in all": lambda found: f"{found.requests:,.0f}",
    "most in a second": lambda found: f"{found.peak:,.0f}",
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


def _markdown(table: Table) -> str:
    """Return a table of `make capacity` as the page has it: short, because the page explains it."""
    said = io.StringIO()
    Console(file=said, width=10_000).print(table)
    text = said.getvalue()
    for long, short in SHORTER.items():
        text = re.sub(long, short, text)
    return "".join(f"{line}\n" for line in map(str.strip, text.splitlines()) if line)


def renew(measured: Times) -> None:
    """Simulate with these service times, and write the page."""
    write(measured, turns.all_of(measured))


if __name__ == "__main__":
    renew(times.read())
