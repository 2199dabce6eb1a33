"""docs/reliability.md has the tables of the two crash matrices as printed, and says what their columns count."""

from __future__ import annotations

import re
from pathlib import Path

from tests.faults.table import COLUMNS

REPORT = (Path(__file__).parents[2] / "docs" / "reliability.md").read_text()


def test_both_tables_have_the_columns_that_are_printed() -> None:
    """In their order, under the names of today."""
    heads = re.findall(r"^\| law \| fault \| (.+) \|$", REPORT, re.MULTILINE)
    assert heads == [" | ".join(COLUMNS.values())] * 2


def test_each_column_is_defined_once() -> None:
    """In one table, before the first matrix."""
    table = REPORT.partition("| column | what it counts |\n| --- | --- |\n")[2].partition("\n\n")[0]
    defined = [name for names in re.findall(r"^\| ([^|]+) \|", table, re.MULTILINE) for name in names.split(", ")]
    assert sorted(defined) == sorted(name.removesuffix(", s") for name in COLUMNS.values())
