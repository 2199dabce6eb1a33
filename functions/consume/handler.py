"""Kafka batch → ledger → settle. Raises where the ledger cannot commit: the offsets stay, and Kafka keeps the batch."""

from __future__ import annotations

from functools import partial
from typing import Any

from firstcome import snapshot
from firstcome.batch import read
from firstcome.connect import mysql_connection, redis_client
from firstcome.gate import Gate
from firstcome.issue import issue
from firstcome.ledger import Ledger
from firstcome.settings import Settings
from firstcome.telemetry import count, flush, logger

settings = Settings.from_env()
gate = Gate(redis_client(settings), settings)
ledger = Ledger(partial(mysql_connection, settings, settings.mysql_read_timeout_ms), settings)
snapshot.register(settings, gate, ledger)


def handler(event: dict[str, Any], context: object) -> dict[str, int]:
    """Issue one batch; answer how many records were read, rows written and failed rows noted."""
    claims, failures = read(event, settings.kafka_topic)
    issued = issue(ledger, gate, claims, failures)
    written = issued.written
    count("issued", written.issued)
    count("failed", written.stored)
    answer = {"records": len(claims) + len(failures), "issued": written.issued, "failed": written.stored}
    logger.info("batch", extra={**answer, "told": issued.told})
    flush()
    return answer
