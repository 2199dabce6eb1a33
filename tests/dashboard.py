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
        yield from of_alarm(alarm)


def of_alarm(alarm: dict[str, Any]) -> Iterator[Metric]:
    """Yield every metric that one alarm names."""
    metrics = alarm.get("Metrics", [])
    yield from (_queried(each["Expression"]["Fn::Sub"]) for each in metrics if "Period" in each)
    for metric in [each["MetricStat"]["Metric"] for each in metrics if "MetricStat" in each] or [alarm]:
        if "Namespace" in metric:
            dimensions = frozenset((each["Name"], str(each["Value"])) for each in metric.get("Dimensions", []))
            yield metric["Namespace"], metric["MetricName"], dimensions


def _queried(query: str) -> Metric:
    """Return the metric of a query, with the dimensions of its schema; what one of them must be stands behind it."""
    found = re.fullmatch(r"""SELECT \w+\((\w+)\) FROM SCHEMA\("(.+?)", (.+?)\) WHERE "(.+?)" = '(.+?)'""", query)
    assert found, query
    name, namespace, dimensions, where, value = found.groups()
    return (
        namespace,
        name,
        frozenset((each, value if each == where else "") for each in re.findall('"(.+?)"', dimensions)),
    )


def _of_widgets() -> Iterator[Metric]:
    for widget in widgets():
        for line in widget["properties"].get("metrics", []):
            namespace, name, *rest = [each for each in line if not isinstance(each, dict)]
            yield namespace, name, frozenset(zip(rest[::2], rest[1::2], strict=True))
