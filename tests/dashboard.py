"""The alarms and the dashboard of template.observability.yaml, and the metrics that they name."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.emf import Metric

# A query of Metrics Insights over all brokers.
QUERY = re.compile(
    r'SELECT \w+\((?P<name>\w+)\) FROM SCHEMA\("(?P<namespace>.+)", "(?P<first>.+)", "(?P<second>.+)"\) '
)

yaml_parse = pytest.importorskip("samcli.yamlhelper").yaml_parse

template: dict[str, Any] = yaml_parse((Path(__file__).parents[1] / "template.observability.yaml").read_text())


def alarms() -> dict[str, dict[str, Any]]:
    """Return the properties of every alarm on a metric, by logical id."""
    return _of_type("AWS::CloudWatch::Alarm")


def composites() -> dict[str, dict[str, Any]]:
    """Return the properties of every alarm on other alarms, by logical id."""
    return _of_type("AWS::CloudWatch::CompositeAlarm")


def _of_type(kind: str) -> dict[str, dict[str, Any]]:
    return {name: each["Properties"] for name, each in template["Resources"].items() if each["Type"] == kind}


def widgets() -> list[dict[str, Any]]:
    """Return the dashboard's widgets; what CloudFormation puts in stands as `${…}`."""
    body, puts = template["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    for name, put in puts.items():
        if "Fn::If" in put:  # what is there with operators, or with our own servers
            body = body.replace(f"${{{name}}}", put["Fn::If"][1]["Fn::Sub"])
    found: list[dict[str, Any]] = json.loads(body)["widgets"]
    return found


def metrics() -> set[Metric]:
    """Return every metric that an alarm or the dashboard names."""
    return {*of_alarms(), *_of_widgets()}


def of_alarms() -> Iterator[Metric]:
    """Yield every metric that an alarm names."""
    for alarm in alarms().values():
        for asked in (QUERY.search(str(each.get("Expression"))) for each in alarm.get("Metrics", [])):
            if asked:  # each dimension that the query names, whatever its value
                yield asked["namespace"], asked["name"], frozenset((asked[each], "") for each in ("first", "second"))
        stats = [each["MetricStat"]["Metric"] for each in alarm.get("Metrics", []) if "MetricStat" in each]
        for metric in stats or [alarm] * ("Namespace" in alarm):
            dimensions = frozenset((each["Name"], str(each["Value"])) for each in metric.get("Dimensions", []))
            yield metric["Namespace"], metric["MetricName"], dimensions


def _of_widgets() -> Iterator[Metric]:
    for widget in widgets():
        for line in widget["properties"].get("metrics", []):
            namespace, name, *rest = [each for each in line if not isinstance(each, dict)]
            yield namespace, name, frozenset(zip(rest[::2], rest[1::2], strict=True))
