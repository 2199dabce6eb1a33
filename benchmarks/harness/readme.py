"""The figures of README.md: between two marks, from the runs that are kept, so that it says what the report says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.harness.report import RUNS_WANTED, Run, over, ratios, span, values
from benchmarks.harness.rows import markdown
from dev.cloud import ROOT

README = ROOT / "README.md"
BEGIN, END = "<!-- figures of make bench -->\n", "<!-- end of the figures -->\n"
# By benchmark, a word of the rows that it shows.
SHOWN = {"apply": "", "http": "", "gate": "gate script", "consume": " 500", "drain": "", "cold": "a winner", "peer": ""}
COSTS = ("CPU of the functions", "a million of each, by this CPU")


def write(runs: Sequence[Run], path: Path = README) -> None:
    """Write the figures of these runs where README.md has them."""
    before, _, rest = path.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    path.write_text(before + BEGIN + figures(runs) + end + after)


def figures(runs: Sequence[Run]) -> str:
    """Return the tables: each bar's range, and what a request takes."""
    days = sorted({run.when.partition(" ")[0] for run in runs})
    many = f"{len(runs)} whole run{'s' * (len(runs) > 1)}"
    said = f"`make bench`, {many}, {' to '.join(dict.fromkeys((days[0], days[-1])))}, {runs[-1].machine}"
    said += ":" if len(runs) >= RUNS_WANTED else f" (it takes {RUNS_WANTED} to be a range):"
    lines = []
    for name, word in SHOWN.items():
        for row, rows in over(runs, name):
            for bar in row.bars if word in row.what else ():
                found = ratios(rows, bar)
                missed = "" if bar.met(bar.worst(found)) else ", missed"
                lines.append([row.what, str(bar), span(bar, found) + missed])
    bars = markdown(["what", "bar", "range over the runs, the worst in bold"], lines)
    return f"{said}\n\n{bars}\n{_requests(runs)}"


def _requests(runs: Sequence[Run]) -> str:
    """Return the table of what requests take, by how they come about."""
    rows = {row.what: found for row, found in over(runs, "http")}
    rates = {name: found for what, found in rows.items() if what.startswith("HTTP") for name in found[-1].values}
    cpu, paid = (rows.get(what, []) for what in COSTS)
    lines = []
    for name in paid[-1].values if paid else ():
        rate = values(rates[name], name, min) if name in rates else ""
        lines.append([name, rate, values(cpu, name, max), values(paid, name, max)])
    head = ["HTTP through the local cloud", "answers/s", "µs of CPU of the function", "$ for a million"]
    return markdown(head, lines, right=3) if lines else ""
