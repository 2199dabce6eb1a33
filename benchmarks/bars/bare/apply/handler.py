"""The floor of apply: the round trips that a winner needs, and nothing else. `/empty` lacks even these."""

from __future__ import annotations

import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pymysql  # noqa: F401  status asks the ledger
import redis
from aws_lambda_powertools.event_handler import api_gateway  # noqa: F401  what apply imports is no gain of this floor
from aws_lambda_powertools.logging import Logger  # noqa: F401
from aws_lambda_powertools.metrics import Metrics  # noqa: F401
from kafka import KafkaProducer

sys.path.append(str(Path(__file__).parents[4]))  # an environment sees the function and its layer alone

from benchmarks.harness.library import awaited_producer
from firstcome.gate.gate import Gate
from firstcome.rules import rfc3339
from firstcome.settings import Settings

settings = Settings.from_env()
client = redis.Redis.from_url(settings.redis_url)
gate = Gate(client, settings)  # for the names of its keys and the text of its script; it is not called
sha = client.script_load(gate.script("gate").script)
command: Any = client.execute_command


@cache
def producer() -> KafkaProducer:
    """Return the one of this environment, made for its first winner."""
    return awaited_producer(settings)


def handler(event: dict[str, Any], _: object) -> dict[str, Any]:
    """Take a ticket, have the record in the stream, say so."""
    if "pathParameters" not in event:
        return {"statusCode": 409, "body": "{}"}
    event_id, user_id = event["pathParameters"]["event_id"], json.loads(event["body"])["user_id"]
    keys = gate.keys(event_id)
    word, _, _, *more = command("EVALSHA", sha, len(keys), *keys, user_id, "0123abcd").split(b" ")
    if word != b"ACCEPTED":
        return {"statusCode": 409, "body": "{}"}
    ticket, applied_at_ms = int(more[0]), int(more[1])
    record = {
        "v": 1,
        "event_id": event_id,
        "user_id": user_id,
        "ticket": ticket,
        "applied_at": rfc3339(applied_at_ms),
        "restore_epoch": 0,
    }
    producer().send(settings.kafka_topic, key=user_id.encode(), value=json.dumps(record).encode()).get(timeout=10)
    return {"statusCode": 202, "body": "{}"}
