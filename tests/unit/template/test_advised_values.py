"""What `make capacity` and the documents advise is what the templates take: CloudFormation refuses everything else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from benchmarks.scale import capacity, times
from benchmarks.scale.advice import advised, recommended
from benchmarks.scale.deployment import Deployment
from benchmarks.scale.times import Aws, Opening
from tests.templates import ROOT, application, infrastructure

DECLARED = application.parameters | infrastructure.parameters
DEFAULT = Deployment()
BURSTS = (*capacity.SIZES, 500, 5_000, 40_000)
PAGES = [ROOT / "README.md", ROOT / "README.ko.md", *sorted((ROOT / "docs").rglob("*.md"))]
VALUE = re.compile(r"\b([A-Z][A-Za-z]+)=([^\s`'\",;)]+)")


def refused(name: str, value: Any) -> str:
    """Return why CloudFormation would not take the value, by the template's own limits; empty: it takes it."""
    what, said = DECLARED[name], str(value)
    if what["Type"] == "Number":
        number = int(said.replace(",", ""))
        if not what.get("MinValue", number) <= number <= what.get("MaxValue", number):
            return f"{name}={said} is not within {what.get('MinValue')} to {what.get('MaxValue')}"
    if said not in map(str, what.get("AllowedValues", [said])):
        return f"{name}={said} is none of {what['AllowedValues']}"
    if not re.search(what.get("AllowedPattern", ""), said):
        return f"{name}={said} does not match {what['AllowedPattern']}"
    return ""


def measured() -> Aws:
    return Aws(times.read())


@pytest.mark.parametrize("burst", BURSTS)
@pytest.mark.parametrize("coupons", [100, 10_000, 1_000_000])
@pytest.mark.parametrize("events", [1, 5])
def test_the_templates_take_all_that_capacity_recommends(burst: float, coupons: int, events: int) -> None:
    """By name, for small and large openings, one event and several."""
    found = recommended(Opening(burst, 10, coupons, events), DEFAULT, measured())
    assert found is not None
    assert not [why for name, value in found.each.parameters.items() if (why := refused(name, value))]
    # What is no parameter is a quota, for which the account asks.
    words = capacity.changes(DEFAULT, found.each).split(", ")
    named = {word.partition("=")[0] for word in words if word and not word.startswith("quota L-")}
    assert named <= DECLARED.keys()


@pytest.mark.parametrize("burst", BURSTS)
def test_the_throttle_lets_in_no_more_than_the_account(burst: float) -> None:
    """Above the quota a limit is void, and above ten requests an environment it only turns 429 into 503."""
    better = advised(Opening(burst, 10, 1_000), DEFAULT, measured())
    assert burst <= better["ApiRateLimit"] <= better.api_quota or better["ApiRateLimit"] == DEFAULT["ApiRateLimit"]
    assert better["ApiRateLimit"] <= 10 * better["ApplyConcurrency"]
    assert better["ApiBurstLimit"] * 2 <= better["ApiRateLimit"]


@pytest.mark.parametrize("burst", [2_000, 9_000])
def test_mysql_takes_the_connections_of_a_deployment(burst: float) -> None:
    """Those of the old environments, which are frozen, and those of the new ones."""
    found = recommended(Opening(burst, 10, 1_000), DEFAULT, measured())
    assert found is not None
    at_once = found.each["ApplyConcurrency"] + found.each["KafkaPartitions"] + found.each.connected_beside
    assert found.each["DatabaseConnections"] >= 2 * at_once


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(Path(page).relative_to(ROOT)))
def test_the_templates_take_every_value_that_a_page_names(page: Path) -> None:
    """Name=value of a parameter, in a command, a table or a sentence; and nobody is asked to change a limit."""
    said = [each for each in VALUE.findall(page.read_text()) if each[0] in DECLARED]
    written = [(name, value.rstrip(".:*")) for name, value in said if "…" not in value and value[0] not in "$/<"]
    assert not [why for name, value in written if (why := refused(name, value))]
    assert "MaxValue" not in page.read_text()


def test_the_table_of_sizes_names_parameters_and_quotas_alone() -> None:
    """Nothing that somebody would have to change in a template before an opening."""
    table = (ROOT / "docs" / "scale.md").read_text().partition("<!-- sizes -->")[2].partition("<!-- end -->")[0]
    settings = [cell for row in table.splitlines()[3:] for cell in row.split("|")[3:4]]
    words = [word.strip(" `") for cell in settings for word in cell.rpartition("in each ")[2].split(", ")]
    assert words
    assert all(not word or "=" in word or word.startswith("quota L-") for word in words), words
