"""docs/reference.md says what the code, the template and the schema are."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

pytest.importorskip("samcli.yamlhelper")

from dev import reference
from firstcome.settings import Settings
from tests import dashboard

ROOT = Path(__file__).parents[2]


def test_the_reference_is_what_its_sources_say() -> None:
    """After a change of a setting, a metric or a table: `make reference`."""
    assert reference.DOCUMENT.read_text() == reference.document()


def test_every_setting_metric_and_table_is_in_it() -> None:
    """None is overlooked, however its line is written."""
    text = reference.document()
    fields = {f"FIRSTCOME_{field.name.upper()}" for field in dataclasses.fields(Settings)}
    assert set(re.findall(r"^\| `(FIRSTCOME_\w+)`", text, re.MULTILINE)) == fields
    ours = {name for namespace, name, *_ in dashboard.metrics() if namespace == reference.NAMESPACE}
    metrics = text.partition("## Metrics")[2].partition("## Tables")[0]
    assert set(re.findall(r"^\| `(\w+)`", metrics, re.MULTILINE)) == ours
    schema = (ROOT / "layers/common/python/firstcome/ledger/schema.sql").read_text()
    tables = text.partition("## Tables")[2]
    assert re.findall(r"^### (\w+)$", tables, re.MULTILINE) == re.findall(r"^CREATE TABLE (\w+)", schema, re.MULTILINE)
    columns = re.findall(r"^  ([a-z_]+) [A-Z]", schema, re.MULTILINE)
    assert re.findall(r"^\| `(\w+)`", tables, re.MULTILINE) == columns
