"""Priming: what init makes ready, so that the first request need not.

Who waits for init decides how much that is. Provisioned concurrency makes environments ahead of their requests: nobody
waits, so each asks the servers too, and is left with its secrets and a connection. Everywhere else a person waits for
the same init: it does what costs CPU, which init has more of, and asks nobody, because a server that is away would be
waited for twice. The same does for a snapshot, which must not hold what a server has said, and for a type that is new.
"""

import os
import random
import time
from collections.abc import Callable
from typing import Protocol

from firstcome.runtime import credentials, redaction
from firstcome.runtime.telemetry import logger
from firstcome.settings import Settings

TYPE = "AWS_LAMBDA_INITIALIZATION_TYPE"  # on-demand, provisioned-concurrency, snap-start, lambda-managed-instances
AHEAD = "provisioned-concurrency"


class Part(Protocol):
    """A client of one server."""

    def prime(self, *, ask: bool) -> None:
        """Make ready what its first use will need; without `ask`, ask no server."""


def prime(
    settings: Settings,
    *parts: Part,
    draw: Callable[[float, float], float] = random.uniform,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Make these parts ready, as far as this environment has the time; call it before init ends.

    It raises nothing: what is not ready is made by the first request, which has an answer where that fails. A server
    that is away costs the time that one request gives it, and a thousand environments that are made at once ask within
    `prime_spread_ms`.
    """
    ask = os.environ.get(TYPE) == AHEAD
    "primed".encode("idna")  # the first look-up of a host name imports the codec
    if ask:
        sleep(draw(0, settings.prime_spread_ms / 1000))
    for part in (_KeyOfLogs(settings), *parts):
        try:
            part.prime(ask=ask)
        except Exception as error:  # noqa: BLE001  an init that raises answers nobody; the first request meets the same
            logger.warning("not primed", extra={"reason": repr(error)})


class _KeyOfLogs:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def prime(self, *, ask: bool) -> None:
        if self._settings.log_key_secret_arn:
            credentials.prime_secrets()
        if ask:
            redaction.mark("")  # finds the key, or makes one up
