"""The floor of consume: each record's fields, one executemany a batch, its commit, and nothing else."""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[4]))  # an environment sees the function and its layer alone

from benchmarks.harness.rows import INSERT
from firstcome.ledger.connect import mysql_connection
from firstcome.settings import Settings

settings = Settings.from_env()
connection = mysql_connection(settings, settings.mysql_read_timeout_ms)


def handler(event: dict[str, Any], _: object) -> dict[str, int]:
    """Insert the batch's rows; a row that is there already fails all of them."""
    rows = []
    for records in event["records"].values():
        for record in records:
            one = json.loads(base64.b64decode(record["value"]))
            at = one["applied_at"].rstrip("Z")
            rows.append((one["event_id"], one["ticket"], one["user_id"], at, at))
    connection.begin()
    with connection.cursor() as cursor:
        cursor.executemany(INSERT, rows)
    connection.commit()
    return {"records": len(rows)}
