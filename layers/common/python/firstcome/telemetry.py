"""Logs and metrics of one execution environment: JSON lines and CloudWatch's embedded metric format, both on stdout.

Neither needs a connection: Lambda ships stdout. Bodies, tokens and secrets are never logged; ids are.
"""

from __future__ import annotations

import os

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import Metrics, MetricUnit, single_metric

NAMESPACE = "firstcome"
SERVICE = os.environ.get("POWERTOOLS_SERVICE_NAME", NAMESPACE)

logger = Logger(service=SERVICE, utc=True)
metrics = Metrics(namespace=NAMESPACE, service=SERVICE)


def count(name: str, value: float = 1, **dimensions: str) -> None:
    """Add `value` to the metric `name`; with dimensions it is written at once, without by `flush`.

    Dimensions belong to a whole line, so a count with dimensions of its own needs a line of its own.
    """
    if not dimensions:
        metrics.add_metric(name, MetricUnit.Count, value)
        return
    labels = {"service": SERVICE, **dimensions}
    with single_metric(name, MetricUnit.Count, value, namespace=NAMESPACE, default_dimensions=labels):
        pass


def flush() -> None:
    """Write what was counted as one line; a handler's last step. Nothing counted writes nothing."""
    if metrics.metric_set:
        metrics.flush_metrics()
