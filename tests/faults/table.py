"""The table of `docs/reliability.md`: what each fault of the last run came to.

python -m tests.faults.table
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FIGURES = Path(__file__).parents[2] / ".local" / "faults" / "figures.jsonl"

COLUMNS = {
    "told_accepted": "told accepted",
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


def note(test: str, figures: dict[str, Any]) -> None:
    """Add the figures of one test to the file that the table is made of."""
    FIGURES.parent.mkdir(parents=True, exist_ok=True)
    with FIGURES.open("a") as file:
        file.write(json.dumps({"test": test, **figures}) + "\n")


def main() -> None:
    """Print the table as Markdown; a test that ran twice shows its last run. Read from docs/."""
    runs = {(run := json.loads(line))["test"]: run for line in FIGURES.read_text().splitlines()}
    print("| law | fault |", " | ".join(COLUMNS.values()), "|")
    print("| --- | --- |", " | ".join("--:" for _ in COLUMNS), "|")
    for test, run in runs.items():
        file, _, name = test.partition("::test_")
        law, _, fault = name.rstrip("]").replace("_", " ").partition("[")
        print(f"| [{law}](../tests/faults/{file}) | {fault} |", " | ".join(str(run[column]) for column in COLUMNS), "|")


if __name__ == "__main__":
    main()
