"""How long a test lets a real server take where its slowness is not the law: a busy machine is no dead server."""

from __future__ import annotations

from typing import Any

from dev.process import PATIENCE_S

__all__ = ["PATIENCE_MS", "PATIENCE_S", "PATIENT"]

PATIENCE_MS = int(PATIENCE_S * 1000)

# Of `Settings`: every limit within which a server that works must answer. A test overrides the one that is its law.
PATIENT: dict[str, Any] = {
    "redis_timeout_ms": PATIENCE_MS,
    "kafka_max_block_ms": PATIENCE_MS,
    "kafka_request_timeout_ms": PATIENCE_MS // 2,  # kafka-python: less than the delivery, and than an idle connection
    "kafka_delivery_timeout_ms": PATIENCE_MS,
    "kafka_read_timeout_ms": PATIENCE_MS,
    "kafka_unread_timeout_ms": PATIENCE_MS,
    "mysql_connect_timeout_ms": PATIENCE_MS,
    "mysql_read_timeout_ms": PATIENCE_MS,
    "mysql_status_timeout_ms": PATIENCE_MS,
}
