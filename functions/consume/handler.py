"""Kafka batch → ledger → settle. Raises where the ledger cannot commit: the offsets stay, and Kafka keeps the batch."""

from __future__ import annotations

from firstcome import start  # noqa: F401  before all other imports: it makes them quicker

# isort: split
import time
from functools import partial
from typing import Any

from firstcome import batch, snapshot
from firstcome.connect import mysql_connection, redis_client
from firstcome.gate import Gate
from firstcome.issue import issue
from firstcome.ledger import Ledger
from firstcome.settings import Settings
from firstcome.telemetry import count, invocation, measure

settings = Settings.from_env()
gate = Gate(redis_client(settings), settings)
ledger = Ledger(partial(mysql_connection, settings, settings.mysql_read_timeout_ms), settings)
snapshot.register(settings, gate, ledger)


@invocation
def handler(event: dict[str, Any], context: object) -> dict[str, int]:
    """Issue one batch; answer how many records were read, rows written and failed rows noted."""
    claims, failures = batch.read(event, settings.kafka_topic)
    if (oldest_ms := batch.oldest_ms(claims, failures)) is not None:
        measure("iterator_age_ms", max(0, int(time.time() * 1000) - oldest_ms))  # also where the ledger is away
    issued = issue(ledger, gate, claims, failures)
    written = issued.written
    count("issued", written.issued)
    count("failed", written.stored)
    answer = {"records": len(claims) + len(failures), "issued": written.issued, "failed": written.stored}
    batch.log(answer, claims, failures, issued)
    return answer
