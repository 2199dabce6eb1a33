"""Lines of CloudWatch's embedded metric format, as CloudWatch reads them."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from firstcome.runtime import telemetry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Namespace, name and dimensions make a metric: each that differs is another one, and has its price.
Metric = tuple[str, str, frozenset[tuple[str, str]]]


def write_out() -> None:
    """Write what waits for the next line, as the first request of the next second does."""
    if telemetry._line.values:
        telemetry._line.write()


def read(output: str) -> dict[Metric, list[float]]:
    """Return the values of each metric in these lines of output; other lines are none."""
    found: dict[Metric, list[float]] = defaultdict(list)
    for line in output.splitlines():
        if '"_aws"' in line:
            for metric, values in _metrics(json.loads(line)):
                found[metric] += values
    return found


def named(output: str) -> dict[str, list[float]]:
    """Return the same by name alone."""
    return {name: values for (_, name, _), values in read(output).items()}


def _metrics(line: dict[str, Any]) -> Iterator[tuple[Metric, Iterable[float]]]:
    for directive in line["_aws"]["CloudWatchMetrics"]:
        for names in directive["Dimensions"]:
            dimensions = frozenset((name, line[name]) for name in names)
            for metric in directive["Metrics"]:
                value = line[metric["Name"]]
                values = value if isinstance(value, list) else [value]
                assert len(values) <= telemetry.VALUES_MAX, "CloudWatch drops the line"
                yield (directive["Namespace"], metric["Name"], dimensions), values
