"""The least that could stand in apply's place: its clients, and the round trips of one request, as bare as they are."""

from __future__ import annotations

import json
import os
from typing import Any

import pymysql  # noqa: F401  status asks the ledger
from aws_lambda_powertools.event_handler.api_gateway import APIGatewayHttpResolver, Response
from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import Metrics
from kafka.producer import KafkaProducer
from redis.client import Redis

app = APIGatewayHttpResolver()
logger = Logger()
metrics = Metrics()
redis = Redis.from_url(os.environ["FIRSTCOME_REDIS_URL"], protocol=2, driver_info=None, decode_responses=True)
sha, parts = os.environ["FLOOR_SHA"], os.environ["FLOOR_KEYS"].split()


@app.post("/events/<event_id>/applications")
def apply(event_id: str) -> Response[str]:
    """Run the script; where it has a ticket, produce a record and wait for the broker."""
    user_id = json.loads(app.current_event.raw_event["body"])["user_id"]
    keys = [f"coupon:{{{event_id}}}:{part}" for part in parts]
    word, ticket, applied_at_ms, *_ = redis.evalsha(sha, len(keys), *keys, user_id, "0123abcd")
    if word != "ACCEPTED":
        return Response(409, "application/problem+json", json.dumps({"code": word}))
    record = {"v": 1, "event_id": event_id, "user_id": user_id, "ticket": ticket, "applied_at": applied_at_ms}
    producer = KafkaProducer(
        bootstrap_servers=os.environ["FIRSTCOME_KAFKA_BOOTSTRAP"], api_version=(2, 8), acks="all", linger_ms=0
    )
    topic = os.environ["FIRSTCOME_KAFKA_TOPIC"]
    producer.send(topic, key=user_id.encode(), value=json.dumps(record).encode()).get(timeout=5)
    return Response(202, "application/json", json.dumps(record))


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Return one HTTP request."""
    return app.resolve(event, context)
