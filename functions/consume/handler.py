"""Kafka batch → ledger → settle. Raises where the ledger cannot commit: the offsets stay, and Kafka keeps the batch."""

from firstcome.runtime import collector  # noqa: F401  before all other imports: it makes them quicker

# isort: split
import time
from functools import partial
from typing import Any

from firstcome.consume import kafka_event
from firstcome.gate.connect import redis_client
from firstcome.gate.gate import Gate
from firstcome.issue import issue
from firstcome.ledger.connect import mysql_connection
from firstcome.ledger.ledger import Ledger
from firstcome.runtime import snapstart
from firstcome.runtime.prime import prime
from firstcome.runtime.telemetry import count, invocation, measure
from firstcome.settings import Settings

settings = Settings.from_env()
gate = Gate(redis_client(settings), settings)
ledger = Ledger(partial(mysql_connection, settings, settings.mysql_read_timeout_ms), settings)
prime(settings, gate, ledger)
snapstart.register(gate, ledger)


@invocation
def handler(event: dict[str, Any], context: object) -> dict[str, int]:
    """Issue one batch; return how many records were read, rows written and failed rows noted."""
    claims, failures = kafka_event.read(event, settings.kafka_topic)
    if (oldest_ms := kafka_event.oldest_ms(claims, failures)) is not None:
        measure("iterator_age_ms", max(0, int(time.time() * 1000) - oldest_ms))  # also where the ledger is away
    issued = issue(ledger, gate, claims, failures)
    written = issued.written
    count("issued", written.issued)
    count("failed", written.stored)
    answer = {"records": len(claims) + len(failures), "issued": written.issued, "failed": written.stored}
    kafka_event.log(answer, claims, failures, issued)
    return answer
