"""Schedule → restore, redrive, sweep, reconcile. Answers counts of each."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from firstcome.connect import mysql_connection, redis_client
from firstcome.gate import Gate
from firstcome.ledger import Ledger
from firstcome.retry import Stores, run
from firstcome.settings import Settings
from firstcome.tail import Tail
from firstcome.telemetry import count, flush, logger

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

settings = Settings.from_env()
stores = Stores(
    ledger=Ledger(partial(mysql_connection, settings, settings.mysql_read_timeout_ms), settings),
    gate=Gate(redis_client(settings), settings),
    tail=Tail(settings),
    settings=settings,
)


def handler(event: object, context: LambdaContext) -> dict[str, Any]:
    """Do one run; `event` carries nothing that it needs."""
    done = run(stores, context.get_remaining_time_in_millis)
    for name in ("swept", "restored", "fenced", "released", "reconciled"):
        count(name, done[name])
    for outcome, number in done["redriven"].items():
        count(f"redriven_{outcome}", number)
    logger.info("run", extra={"done": done})
    flush()
    return done
