"""docs/compared.md has the figures that the benchmark has written."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
# The ways, by the steps of the ladder.
STEPS = {
    "count, then insert": "1 count rows, insert",
    "a lock in the database (`FOR UPDATE`)": "2a the same, FOR UPDATE",
    "a unique key": "2b the same, unique key",
    "the tutorial's chain: `INCR`, Kafka": "4 INCR, Kafka",
    "the same, with `SADD`": "5 SADD, INCR, Kafka",
    "firstcome": "6 firstcome",
}


def table(text: str, first: str) -> dict[str, dict[str, str]]:
    """Return the rows of the table whose first column is called `first`, each by its first cell."""
    block = re.search(rf"^\| {first} \|.*\n\|[- |]+\n((?:\|.*\n)+)", text, re.MULTILINE)
    assert block
    heads, *_ = (cells(line) for line in block[0].splitlines())
    return {row[0]: dict(zip(heads[1:], row[1:], strict=True)) for row in map(cells, block[1].splitlines())}


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def test_the_figures_are_those_of_the_benchmark() -> None:
    """After a whole run of `make bench`: write what it has measured."""
    measured = table((ROOT / "benchmarks" / "report" / "ladder.md").read_text(), "step")
    compared = table((ROOT / "docs" / "compared.md").read_text(), "way")
    assert compared.keys() == STEPS.keys()
    for way, figures in compared.items():
        assert figures == {head: measured[STEPS[way]][head] for head in figures}


def test_the_same_columns_of_every_fault_are_shown() -> None:
    """What speaks against firstcome is shown as well: rate and p99."""
    compared = table((ROOT / "docs" / "compared.md").read_text(), "way")
    assert {"requests/s", "p99, ms", "lost, processes killed"} <= compared["firstcome"].keys()
