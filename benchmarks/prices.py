"""Prices, from the one place where they stand: the tables of docs/deploy.md."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

DEPLOY = Path(__file__).resolve().parent.parent / "docs" / "deploy.md"
HOURS_PER_MONTH = 730


@cache
def prices() -> dict[str, float]:
    """Return the $ of each line under "What it costs", by its first cell; `idle: …` what a line costs an hour."""
    section = DEPLOY.read_text().partition("\n## What it costs\n")[2].partition("\n## ")[0]
    found = {}
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) < 2:
            continue
        if price := re.search(r"([\d.]+) \$", cells[1]):
            found[cells[0]] = float(price[1])
        if len(cells) == 4 and re.fullmatch(r"[\d.]+", cells[3]):
            found[f"idle: {cells[0]}"] = float(cells[3])
    return found


def price(what: str) -> float:
    """Return the price of the one line that begins with this; raise `LookupError` where there is none, or several."""
    matches = {name: value for name, value in prices().items() if name.startswith(what)}
    if len(matches) != 1:
        raise LookupError(f"{DEPLOY.name} has {len(matches)} prices of {what!r}: {sorted(matches)}")
    return next(iter(matches.values()))


def assumed_on() -> str:
    """Return the date that deploy.md gives for its prices."""
    found = re.search(r"Prices as assumed on (\d{4}-\d{2}-\d{2})", DEPLOY.read_text())
    assert found
    return found[1]
