"""The least that could stand in retry's place, or operate's: their clients, and one question to each server."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import urlsplit

import pymysql
from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import Metrics
from kafka.admin import KafkaAdminClient
from kafka.consumer import KafkaConsumer
from kafka.structs import TopicPartition
from redis.client import Redis

logger = Logger()
metrics = Metrics()
redis = Redis.from_url(os.environ["FIRSTCOME_REDIS_URL"], protocol=2, driver_info=None, decode_responses=True)
mysql = urlsplit(os.environ["FIRSTCOME_MYSQL_URL"])
kafka: dict[str, Any] = {"bootstrap_servers": os.environ["FIRSTCOME_KAFKA_BOOTSTRAP"], "api_version": (2, 8)}
topic = os.environ["FIRSTCOME_KAFKA_TOPIC"]


def handler(event: object, context: object) -> dict[str, Any]:
    """Ask for an event's row, for its gate, and for what the consumer group has still to read."""
    connection = pymysql.connect(
        host=mysql.hostname, port=mysql.port or 0, user=mysql.username, password=mysql.password or "",
        database=mysql.path[1:], ssl_disabled=True,
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM coupon_event")
        events = cursor.fetchall()
    gate = redis.hgetall(os.environ["FLOOR_EVENT"])
    admin = KafkaAdminClient(**kafka)
    [described] = admin.describe_topics([topic])
    group = os.environ["FIRSTCOME_KAFKA_GROUP"]
    committed = admin.list_group_offsets([group])[group]
    admin.close()
    partitions = [TopicPartition(topic, each["partition_index"]) for each in described["partitions"]]
    consumer = KafkaConsumer(**kafka, group_id=None, enable_auto_commit=False)
    consumer.assign(partitions)
    begins, ends = consumer.beginning_offsets(partitions), consumer.end_offsets(partitions)
    consumer.close(autocommit=False)
    return {"events": len(events), "gate": bool(gate), "offsets": len(committed) + len(begins) + len(ends)}
