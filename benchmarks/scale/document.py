"""What docs/scale.md shows of the simulation and of `make capacity`: its tables.

    python -m benchmarks.scale.document

simulates with the service times of the report, and writes them anew; a whole `make bench` does the same at its end.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from benchmarks.harness.rows import markdown
from benchmarks.scale import times, turns
from benchmarks.scale.capacity import SIZES_HEAD, sizes
from benchmarks.scale.times import Times
from dev.cloud import ROOT

PAGE = ROOT / "docs" / "scale.md"
END = "<!-- end -->\n"
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
    cells = ([cell(each) for cell in COLUMNS.values()] for each in found)
    openings = markdown(list(COLUMNS), cells, right=len(COLUMNS))
    text = page.read_text()
    for name, table in (("sizes", markdown(SIZES_HEAD, map(_shorter, sizes(measured)))), ("turns", openings)):
        before, mark, rest = text.partition(f"<!-- {name} -->\n")
        text = before + mark + table + END + rest.partition(END)[2]
    page.write_text(text)


def _shorter(cells: list[str]) -> list[str]:
    """Return what `make capacity` says at length as the page has it, which explains it."""
    cells = [cell.replace(", each in an account of its own with its share (docs/scale.md)", "") for cell in cells]
    return [re.sub(r"(\w+=[\w.]+)", r"`\1`", cell) for cell in cells]


def renew(measured: Times) -> None:
    """Simulate with these service times, and write the page."""
    write(measured, turns.all_of(measured))


if __name__ == "__main__":
    renew(times.read())
