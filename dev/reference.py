"""Writes docs/reference.md: settings, metrics and tables, as the code, the template and the schema have them.

python -m dev.reference
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from samcli.yamlhelper import yaml_parse

from firstcome.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
LAYER = ROOT / "layers" / "common" / "python" / "firstcome"
DOCUMENT = ROOT / "docs" / "reference.md"
NAMESPACE = "firstcome"

BEGINNING = """\
# Reference

`make reference` writes this page: the settings from [settings.py](../layers/common/python/firstcome/settings.py), the
metrics from [template.observability.yaml](../template.observability.yaml), the tables from
[schema.sql](../layers/common/python/firstcome/ledger/schema.sql). Others of this kind: the
[applicants' and back ends' API](openapi.json), the [operators' API](openapi-operators.json), the
[command line](cli.md), the [actions](actions.md), the [bill of materials](sbom.json).
"""
SETTINGS = """\
## Settings

Environment variables of the functions. `make up` hands on those that are set in its environment; on AWS they are
parameters of the template, or stand in its `Globals`.
"""
METRICS = """\
## Metrics

In the namespace `firstcome`, as lines in CloudWatch's embedded metric format: those that dashboard or alarms look at.
What ends in `_ms` is in milliseconds, the others are counts.
"""
TABLES = """\
## Tables

The ledger, in MySQL. Times are UTC, in milliseconds.
"""


def document() -> str:
    """Return the page."""
    return "\n".join([BEGINNING, SETTINGS, *_settings(), METRICS, _metrics(), TABLES, *_tables()])


def _settings() -> Iterator[str]:
    """Yield a heading and a table for each group; a comment above a setting belongs to it, or ends in it."""
    defaults = Settings()
    source = (LAYER / "settings.py").read_text().partition("class Settings:\n")[2].partition("\n    def ")[0]
    for title, group in re.findall(r"# --- (.+?) -+\n(.*?)(?=\n    # ---|\Z)", source, re.DOTALL):
        lines, above = ["| variable | default | |", "| --- | --- | --- |"], []
        for line in group.splitlines():
            if said := re.fullmatch(r" +# (.+)", line):
                above.append(said[1])
            elif found := re.fullmatch(r" +(\w+): [^=]+ = .+?(?:  # (.+))?", line):
                name, behind = found.groups()
                said_all = " ".join([*above, behind or ""]).strip()
                lines.append(
                    f"| `FIRSTCOME_{name.upper()}` | {_default(getattr(defaults, name))} | {_cell(said_all)} |"
                )
                above = []
        yield f"### {title[0].upper()}{title[1:]}\n\n" + "\n".join(lines) + "\n"


def _default(value: object) -> str:
    return "" if value == "" else f"`{value}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _metrics() -> str:
    resources = yaml_parse((ROOT / "template.observability.yaml").read_text())["Resources"]
    watched: dict[str, dict[str, set[str]]] = defaultdict(lambda: {"dashboard": set(), "alarms": set()})
    for name, resource in resources.items():
        if resource["Type"] == "AWS::CloudWatch::Alarm":
            for metric in _of_alarm(resource["Properties"]):
                watched[metric]["alarms"].add(name)
    for widget in _widgets(*resources["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]):
        for metric in _of_widget(widget["properties"]):
            watched[metric]["dashboard"].add(widget["properties"]["title"])
    lines = ["| metric | on the dashboard | alarms |", "| --- | --- | --- |"]
    for name, where in sorted(watched.items()):
        alarms = ", ".join(f"`{alarm}`" for alarm in sorted(where["alarms"]))
        lines.append(f"| `{name}` | {_cell(', '.join(sorted(where['dashboard'])))} | {alarms} |")
    return "\n".join(lines) + "\n"


def _widgets(body: str, puts: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the dashboard's widgets, with those of a stack that has operators."""
    for name, put in puts.items():
        if "Fn::If" in put:
            body = body.replace(f"${{{name}}}", put["Fn::If"][1]["Fn::Sub"])
    found: list[dict[str, Any]] = json.loads(body)["widgets"]
    return found


def _of_alarm(properties: dict[str, Any]) -> Iterator[str]:
    stats = [each["MetricStat"] for each in properties.get("Metrics", []) if "MetricStat" in each]
    asked = [properties, *(each["Metric"] for each in stats)]
    yield from (each["MetricName"] for each in asked if each.get("Namespace") == NAMESPACE)


def _of_widget(properties: dict[str, Any]) -> Iterator[str]:
    """Yield the names of our metrics; `.` repeats what stands in the same place of the line above."""
    last: list[Any] = []
    for line in properties.get("metrics", []):
        words = [last[place] if word == "." and place < len(last) else word for place, word in enumerate(line)]
        last = words
        if words[0] == NAMESPACE:
            yield words[1]


def _tables() -> Iterator[str]:
    schema = (LAYER / "ledger" / "schema.sql").read_text()
    found = re.findall(r"((?:^-- [^\n]+\n)*)^CREATE TABLE (\w+) \(\n(.*?)^\) ENGINE", schema, re.DOTALL | re.MULTILINE)
    for about, name, body in found:
        lines, keys, above = ["| column | type | |", "| --- | --- | --- |"], [], []
        for line in re.sub(r"\(\n\s+(.*?)\n\s+\)", r"(\1)", body, flags=re.DOTALL).splitlines():
            if said := re.fullmatch(r"\s+-- (.+)", line):
                above.append(said[1])
                continue
            column = re.match(r"\s+([a-z_]+) ([A-Z]+(?:\([^)]*\))?)", line)
            if column is None:
                keys.append(line.strip().rstrip(","))
            else:
                comment = re.search(r"COMMENT '((?:[^']|'')+)'", line)
                nullable = "" if "NOT NULL" in line else ", may be NULL"
                said_all = " ".join([*above, comment[1].replace("''", "'") if comment else ""]).strip()
                lines.append(f"| `{column[1]}` | {_cell(column[2])}{nullable} | {_cell(said_all)} |")
            above = []
        spoken = " ".join(re.findall(r"-- (.+)", about))
        rules = "\n".join(f"- `{' '.join(key.split())}`" for key in keys)
        yield f"### {name}\n\n" + (f"{spoken}\n\n" if spoken else "") + "\n".join(lines) + f"\n\n{rules}\n"


def main() -> None:
    """Write the page."""
    DOCUMENT.write_text(document())


if __name__ == "__main__":
    main()
