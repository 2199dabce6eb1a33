"""Logs and metrics of one execution environment: JSON lines and CloudWatch's embedded metric format, both on stdout.

Neither needs a connection: Lambda ships stdout. Bodies, tokens and secrets are never logged; ids of people are, as
they are or hashed (`redaction`).
"""

import logging
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from types import TracebackType
from typing import Any, Self, TextIO, TypeVar, cast

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import Metrics

from firstcome.runtime.redaction import Formatter, conceal

C = TypeVar("C")
R = TypeVar("R")

NAMESPACE = "firstcome"
SERVICE = os.environ.get("POWERTOOLS_SERVICE_NAME", NAMESPACE)

# A line per request would be the largest part of a loser's request, in time and in price. What may wait is written
# with the next line, and no later than the first request after this.
HOLD_S = 1.0
VALUES_MAX = 100  # of one metric in one line: the format's limit

_formatter = Formatter(utc=True)
logger = Logger(service=SERVICE, utc=True, logger_formatter=_formatter)
_handler = cast("logging.StreamHandler[TextIO]", logger.registered_handler)
if os.environ.get("AWS_LAMBDA_LOG_FORMAT") == "JSON":
    # With this format Lambda gives the root our own level: libraries would tell all that they do, at a price. From
    # WARNING on, as without it.
    logging.root.setLevel(max(logging.root.level, logging.WARNING))
metrics = Metrics(namespace=NAMESPACE, service=SERVICE)


@dataclass(slots=True)
class _Line:
    """What was counted and measured since the last line."""

    values: dict[str, list[float]] = field(default_factory=dict)
    since: float = 0.0  # when the first of it was added; wall clock, because a frozen environment's other one stands
    written: float = 0.0
    due: bool = False  # some of it may not wait

    def add(self, name: str, value: float, *, summed: bool, may_wait: bool) -> None:
        now = time.time()
        if self.values and now - self.since >= HOLD_S:
            self.write()  # of before the environment was frozen: it belongs to that time
            self.written = 0.0
        if not self.values:
            self.since = now
        held = self.values.setdefault(name, [])
        if summed and held:
            held[0] += value
        else:
            held.append(value)
        self.due = self.due or not may_wait
        if len(held) >= VALUES_MAX:
            self.write()

    def flush(self) -> None:
        """Write what was counted as one line, unless all of it may wait. Nothing counted writes nothing."""
        if self.values and (self.due or time.time() - self.written >= HOLD_S):
            self.write()

    def write(self) -> None:
        # Powertools' own form of what add_metric collects, without its checks of every single value.
        metrics.metric_set.update({
            name: {"Unit": "Milliseconds" if name.endswith("_ms") else "Count", "StorageResolution": 60, "Value": held}
            for name, held in self.values.items()
        })  # fmt: skip
        metrics.set_timestamp(int(self.since * 1000))
        metrics.flush_metrics()
        self.values, self.due, self.written = {}, False, time.time()


_line = _Line()


def count(name: str, value: float = 1, *, may_wait: bool = False) -> None:
    """Add `value` to the metric `name`.

    Where it `may_wait`, it may be written with a later line, and is lost with an environment that ends before that.
    """
    _line.add(name, value, summed=True, may_wait=may_wait)


def measure(name: str, value: float, *, may_wait: bool = False) -> None:
    """Note one value of the metric `name`, whose unit is milliseconds where it ends in `_ms`; otherwise as `count`."""
    _line.add(name, value, summed=False, may_wait=may_wait)


class timed:  # noqa: N801  reads as the verb that it is
    """Measure how long the block takes, also where it raises."""

    __slots__ = ("_began", "_may_wait", "_name")

    def __init__(self, name: str, *, may_wait: bool = False) -> None:
        self._name = name
        self._may_wait = may_wait

    def __enter__(self) -> Self:
        self._began = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        measure(self._name, round((time.perf_counter() - self._began) * 1000, 2), may_wait=self._may_wait)


def info(message: str, fields: Mapping[str, object]) -> None:
    """Write the line of `logger.info(message, extra=fields)` without a LogRecord: every winner has one."""
    if logger.log_level <= logging.INFO:
        caller = sys._getframe(1)  # noqa: SLF001  as logging finds it
        stream = _handler.stream
        stream.write(_formatter.line(message, f"{caller.f_code.co_name}:{caller.f_lineno}", fields) + "\n")
        stream.flush()


def invocation(handler: Callable[[Any, C], R]) -> Callable[[Any, C], R]:
    """Make a handler write its metrics however it ends, and raise nothing that names a person whom logs must not name.

    Lambda logs what a handler raises.
    """

    @wraps(handler)
    def invoke(event: Any, context: C) -> R:
        try:
            return handler(event, context)
        except Exception as error:
            conceal(error)
            raise
        finally:
            _line.flush()

    return invoke
