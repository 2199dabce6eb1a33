"""The least that could stand in consume's place: its clients, one insert, one call of the settle script."""

from __future__ import annotations

import base64
import json
import os
from typing import Any
from urllib.parse import urlsplit

import pymysql
from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import Metrics
from redis.client import Redis

INSERT = "INSERT INTO coupon (event_id, ticket, user_id, applied_at, issued_at) VALUES (%s, %s, %s, %s, %s)"

logger = Logger()
metrics = Metrics()
redis = Redis.from_url(os.environ["FIRSTCOME_REDIS_URL"], protocol=2, driver_info=None, decode_responses=True)
mysql = urlsplit(os.environ["FIRSTCOME_MYSQL_URL"])
sha, parts = os.environ["FLOOR_SHA"], os.environ["FLOOR_KEYS"].split()


def handler(event: dict[str, Any], context: object) -> dict[str, int]:
    """Insert the batch, commit, settle."""
    batch = [
        json.loads(base64.b64decode(record["value"])) for records in event["records"].values() for record in records
    ]
    connection = pymysql.connect(
        host=mysql.hostname, port=mysql.port or 0, user=mysql.username, password=mysql.password or "",
        database=mysql.path[1:], ssl_disabled=True,
    )  # fmt: skip
    with connection.cursor() as cursor:
        at = [one["applied_at"][:-1].replace("T", " ") for one in batch]
        rows = [
            (one["event_id"], one["ticket"], one["user_id"], when, when) for one, when in zip(batch, at, strict=True)
        ]
        cursor.executemany(INSERT, rows)
    connection.commit()
    keys = [f"coupon:{{{batch[0]['event_id']}}}:{part}" for part in parts]
    redis.evalsha(sha, len(keys), *keys, *(f"{one['ticket']} 0 {one['user_id']}" for one in batch))
    return {"records": len(batch)}
