"""The operator's door: {"action": …} → one action → its JSON answer. Invoked directly, guarded by IAM alone."""

from __future__ import annotations

from functools import partial
from typing import Any

from firstcome.connect import mysql_connection, redis_client
from firstcome.gate import Gate
from firstcome.ledger import Ledger
from firstcome.operations import act
from firstcome.retry import Stores
from firstcome.settings import Settings
from firstcome.tail import Tail
from firstcome.telemetry import logger

settings = Settings.from_env()
stores = Stores(
    ledger=Ledger(partial(mysql_connection, settings, settings.mysql_read_timeout_ms), settings),
    gate=Gate(redis_client(settings), settings),
    tail=Tail(settings),
    settings=settings,
)


def handler(event: object, context: object) -> dict[str, Any]:
    """Carry out one action."""
    answer = act(stores, event)
    logger.info("action", extra={"action": answer["action"]})
    return answer
