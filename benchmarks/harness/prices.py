"""What AWS asks for, in $, us-east-1, on demand. The prices stand in docs/deploy.md, with their date.

Those with a mark there were looked up in AWS's public price lists: aws.amazon.com/lambda/pricing,
aws.amazon.com/api-gateway/pricing. Lambda is that on arm64, as the template deploys it.
"""

from __future__ import annotations

import re
from functools import cache

from dev.cloud import ROOT

DEPLOY = ROOT / "docs" / "deploy.md"
MILLION = 10**6


@cache
def prices() -> dict[str, float]:
    """Return the $ of each line under "What it costs", by its first cell; `idle: …` what a line costs an hour."""
    section = DEPLOY.read_text().partition("\n## What it costs\n")[2].partition("\n## ")[0]
    found = {}
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) > 1 and (price := re.search(r"([\d.]+) \$", cells[1])):
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


HTTP_API_REQUEST = price("HTTP API") / MILLION
LAMBDA_REQUEST = price("Lambda, requests") / MILLION
LAMBDA_GB_S = price("Lambda, duration")
