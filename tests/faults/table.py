"""The tables of `docs/reliability.md`: what each fault of the last run came to.

python -m tests.faults.table [faults | topology]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parents[1]

COLUMNS = {
    "told_a_ticket": "told a ticket",
    "rows": "rows",
    "capacity": "of",
    "failed_rows": "failed rows",
    "refused": "refused",
    "lost": "lost",
    "over_issued": "over-issued",
    "duplicated": "duplicated",
    "requests": "requests",
    "slowest_s": "slowest answer, s",
    "whole_s": "whole again after, s",
}


def figures_of(matrix: str) -> Path:
    """Return the file that the table of these tests is made of; a matrix is known by its folder."""
    return TESTS.parent / ".local" / matrix / "figures.jsonl"


def note(test: str, figures: dict[str, Any]) -> None:
    """Add the figures of one test, which is named by its path below tests/, to the file of its matrix."""
    file_of_figures = figures_of(test.partition("/")[0])
    file_of_figures.parent.mkdir(parents=True, exist_ok=True)
    with file_of_figures.open("a") as file:
        file.write(json.dumps({"test": test, **figures}) + "\n")


def main(matrix: str = "faults") -> None:
    """Print the table as Markdown; a test that ran twice shows its last run. Read from docs/."""
    runs = {(run := json.loads(line))["test"]: run for line in figures_of(matrix).read_text().splitlines()}
    print("| law | fault |", " | ".join(COLUMNS.values()), "|")
    print("| --- | --- |", " | ".join("--:" for _ in COLUMNS), "|")
    for test, run in runs.items():
        file, _, name = test.partition("::test_")
        law, _, fault = name.rstrip("]").replace("_", " ").partition("[")
        print(f"| [{law}](../tests/{file}) | {fault} |", " | ".join(str(run[column]) for column in COLUMNS), "|")


if __name__ == "__main__":
    main(*sys.argv[1:])
