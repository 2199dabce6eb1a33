"""How long a test lets a real server take where its slowness is not the law: a busy machine is no dead server."""

from __future__ import annotations

from firstcome.settings import PREFIX

PATIENCE_S = 60.0  # nothing takes that long, on any machine that works at all
PATIENCE_MS = int(PATIENCE_S * 1000)

# Of `Settings`: every limit within which a server that works must answer. A test overrides the one that is its law.
PATIENT = {
    "redis_timeout_ms": PATIENCE_MS,
    "kafka_max_block_ms": PATIENCE_MS,
    "kafka_request_timeout_ms": PATIENCE_MS // 2,  # kafka-python: less than the delivery, and than an idle connection
    "kafka_delivery_timeout_ms": PATIENCE_MS,
    "kafka_read_timeout_ms": PATIENCE_MS,
    "kafka_tail_timeout_ms": PATIENCE_MS,
    "mysql_connect_timeout_ms": PATIENCE_MS,
    "mysql_read_timeout_ms": PATIENCE_MS,
    "mysql_status_timeout_ms": PATIENCE_MS,
}
# The same as the environment of a function.
PATIENT_ENVIRONMENT = {f"{PREFIX}{name.upper()}": str(limit) for name, limit in PATIENT.items()}
