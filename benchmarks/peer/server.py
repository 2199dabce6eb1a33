"""The course's chain behind a server: `SADD`, `INCR`, and a winner's record to Kafka.

    python -m benchmarks.peer.server SOCKET

One process. It serves the connections of its listening socket, each in a thread.
All threads share one client of Redis and one producer, which puts what they send at the same time into one batch. The
id of an event says how many coupons it has, and whether a winner waits until the broker has the record.
"""

from __future__ import annotations

import contextlib
import json
import socket
import sys
import threading
import uuid
from typing import Any

import redis
from kafka import KafkaProducer

from benchmarks.ladder.steps import SADD_INCR_TOPIC
from firstcome.settings import Settings

SENT_WITHIN_S = 10.0
RESPONSES = {
    status: b"HTTP/1.1 %d Said\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
    % (status, len(body), body)
    for status, body in ((202, b'{"status":"accepted"}'), (409, b'{"code":"sold_out"}'), (503, b'{"code":"failed"}'))
}


def new_event(capacity: int, *, waits: bool) -> str:
    """Return the id of a new event."""
    return f"peer-{capacity}-{int(waits)}-{uuid.uuid4().hex[:12]}"


class Chain:
    """What the course writes into one service."""

    def __init__(self, settings: Settings) -> None:
        self._redis: Any = redis.Redis.from_url(settings.redis_url)
        self._producer = KafkaProducer(bootstrap_servers=settings.kafka_bootstrap, metrics_enabled=False)

    def apply(self, event_id: str, user_id: str) -> int:
        """Return the status of the answer."""
        _, capacity, waits, _ = event_id.split("-")
        if not self._redis.sadd(f"applied_user:{event_id}", user_id):
            return 409
        if self._redis.incr(f"coupon_count:{event_id}") > int(capacity):
            return 409
        sent = self._producer.send(SADD_INCR_TOPIC, f"{event_id} {user_id}".encode())
        if waits == "1":
            sent.get(SENT_WITHIN_S)
        return 202


def talk(chain: Chain, connection: socket.socket) -> None:
    """Answer the requests of one connection, until its other end is closed."""
    with contextlib.suppress(ConnectionError), connection, connection.makefile("rb") as said:
        while asked := said.readline():
            length = 0
            while (line := said.readline()) not in (b"\r\n", b""):
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            event_id = asked.split(b"/", 3)[2].decode()  # of the path /events/{event_id}/applications
            user_id = json.loads(said.read(length))["user_id"]
            try:
                status = chain.apply(event_id, user_id)
            except Exception as error:  # noqa: BLE001  as a framework does: this person is told, the others go on
                print(f"{user_id}: {error!r}", file=sys.stderr)
                status = 503
            connection.sendall(RESPONSES[status])


def main() -> None:
    """Accept connections until the process is ended."""
    chain = Chain(Settings.from_env())
    with socket.socket(fileno=int(sys.argv[1])) as listener:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=talk, args=(chain, connection), daemon=True).start()


if __name__ == "__main__":
    main()
