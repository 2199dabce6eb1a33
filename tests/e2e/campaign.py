"""One event of the running cloud, and what people, the operator and the schedule do to it: all of it from outside."""

from __future__ import annotations

import json
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from kafka import KafkaProducer

from dev.process import wait_until
from firstcome.gate.answers import ApplyOutcome
from firstcome.gate.connect import redis_client
from firstcome.gate.gate import Gate
from firstcome.gate.keys import keys_of
from firstcome.ledger.connect import mysql_connection
from firstcome.rules import Ticket, rfc3339
from firstcome.settings import Settings
from firstcome.stream.reader import StreamReader
from firstcome.stream.record import encode
from tests.api import JSON, Reply, conforms
from tests.patience import PATIENCE_MS, PATIENCE_S, PATIENT

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from dev.cloud import Cloud

HOUR_MS = 3_600_000


@dataclass
class Campaign:
    """An event, and the doors to it: HTTP for people, Invoke for the operator and the schedule, SQL for the proof."""

    cloud: Cloud
    http: httpx.Client
    event_id: str

    # --- people -------------------------------------------------------------------------------------------------

    def apply(self, user_id: str) -> Reply:
        """Let this person apply."""
        return self.post({"user_id": user_id})

    def post(self, body: object, headers: dict[str, str] = JSON, event_id: str | None = None) -> Reply:
        """Send an application; a body that is not bytes travels as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.call("POST", f"/events/{quote(event_id or self.event_id)}/applications", content, headers)

    def win(self, *people: str) -> None:
        """Let these people apply in this order; each is given a ticket."""
        for user_id in people:
            assert self.apply(user_id).status == 202, user_id

    def status(self, user_id: str, event_id: str | None = None) -> Reply:
        """Let somebody ask how far this person's application has come."""
        return self.call("GET", f"/events/{quote(event_id or self.event_id)}/applications/{quote(user_id)}")

    def event(self, event_id: str | None = None) -> Reply:
        """Let somebody look at the event."""
        return self.call("GET", f"/events/{quote(event_id or self.event_id)}")

    def call(self, method: str, path: str, content: bytes = b"", headers: dict[str, str] | None = None) -> Reply:
        """Make one HTTP request, and hold the answer to the OpenAPI document."""
        response = self.http.request(method, path, content=content, headers=headers)
        reply = Reply(response.status_code, dict(response.headers), response.json())
        conforms(method, unquote(path), reply)
        return reply

    # --- the operator and the schedule --------------------------------------------------------------------------

    def operate(self, action: str, **payload: Any) -> dict[str, Any]:
        """Let the operator act on this event."""
        answer: dict[str, Any] = self.cloud.invoke("operate", {"action": action, "event_id": self.event_id, **payload})
        return answer

    def create(self, capacity: int, opens_in_ms: int = -HOUR_MS, closes_in_ms: int = HOUR_MS) -> None:
        """Make the event, as a draft."""
        now = int(time.time() * 1000)
        window = {"opens_at": rfc3339(now + opens_in_ms), "closes_at": rfc3339(now + closes_in_ms)}
        self.operate("create", name="A campaign", capacity=capacity, **window)

    def open(self, capacity: int = 3) -> None:
        """Make the event, and open it."""
        self.create(capacity)
        self.operate("open")

    def retry(self) -> dict[str, Any]:
        """Do one scheduled run."""
        answer: dict[str, Any] = self.cloud.invoke("retry", {})
        return answer

    def failed(self, status: str | None = None) -> list[dict[str, Any]]:
        """Return the event's failed rows, as the operator sees them."""
        rows: list[dict[str, Any]] = self.operate("list_failed", status=status)["rows"]
        return rows

    # --- what becomes of it -------------------------------------------------------------------------------------

    def wait_consumed(self) -> None:
        """Return when every ticket has its row or its failed row, and every record is read."""

        def consumed() -> bool:
            shown = self.operate("show")
            return bool(shown["gate"]["pending"] == 0 and shown["unread"] == 0)

        wait_until(consumed, f"no ticket of {self.event_id} is pending, and no record is unread")

    def rows(self) -> list[tuple[int, str]]:
        """Return the coupon rows: ticket and person, by ticket."""
        return [
            (ticket, user_id)
            for ticket, user_id in self.sql(
                "SELECT ticket, user_id FROM coupon WHERE event_id = %s ORDER BY ticket", self.event_id
            )
        ]

    def records(self) -> list[Ticket]:
        """Return what the stream ever carried of this event."""
        return StreamReader(Settings(kafka_bootstrap=self.cloud.servers.kafka_bootstrap, **PATIENT)).history(
            self.event_id
        )

    def assert_promise(self, rows: int) -> None:
        """Assert that the audit finds nothing, that nothing is on its way, and that there are so many rows."""
        found = self.operate("audit")
        assert found["ok"], found["findings"]
        assert found["quiet"], found
        assert found["stable"], found
        assert found["invariants"]["I1"]["figures"]["rows"] == rows, found["invariants"]

    # --- faults -------------------------------------------------------------------------------------------------

    @contextmanager
    def unconsumed(self) -> Iterator[None]:
        """Let the records stay in the stream meanwhile."""
        self.cloud.poller.stop()
        try:
            yield
        finally:
            self.cloud.poller.start()

    @contextmanager
    def rejected(self, user_id: str) -> Iterator[None]:
        """Let the ledger reject this person's row meanwhile, as a constraint would that nobody had thought of."""
        name = f"rejected_{uuid.uuid4().hex}"
        self.sql(
            f"CREATE TRIGGER {name} BEFORE INSERT ON coupon FOR EACH ROW "
            f"IF NEW.event_id = '{self.event_id}' AND NEW.user_id = '{user_id}' "
            "THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not this one'; END IF"
        )
        try:
            yield
        finally:
            self.sql(f"DROP TRIGGER {name}")

    def lose_gate(self) -> None:
        """Let Redis lose every key of the event."""
        with self.redis() as redis:
            redis.delete(*keys_of(self.event_id))

    def die_after_gate(self, user_id: str) -> None:
        """Let this person apply, and the process that serves them die between gate and stream."""
        settings = Settings(redis_url=self.cloud.servers.redis_url, **PATIENT)
        gate = Gate(redis_client(settings), settings)
        assert gate.apply(self.event_id, user_id, "call").outcome is ApplyOutcome.ACCEPTED
        gate.redis.close()

    def produce(self, user_id: str, ticket: int) -> None:
        """Write a record into the stream that no gate has a part in, as one that a failover forgot."""
        settings = Settings()
        record = encode(Ticket(self.event_id, user_id, ticket, int(time.time() * 1000)), 1)
        producer = KafkaProducer(bootstrap_servers=self.cloud.servers.kafka_bootstrap)
        try:
            producer.send(settings.kafka_topic, record, key=user_id.encode()).get(PATIENCE_S)
        finally:
            producer.close()

    @contextmanager
    def without_redis(self) -> Iterator[None]:
        """Let Redis answer no script meanwhile: its connections stay open, as behind a hung host."""
        with self.redis() as redis:
            redis.client_pause(60_000, all=False)
            try:
                yield
            finally:
                redis.client_unpause()

    @contextmanager
    def garbled(self) -> Iterator[None]:
        """Let the gate's own key be of another type meanwhile: a fault of ours, and nobody's answer."""
        key = keys_of(self.event_id).event
        with self.redis() as redis:
            redis.rename(key, f"{key}:kept")
            redis.set(key, "garbled")
            try:
                yield
            finally:
                redis.rename(f"{key}:kept", key)

    @contextmanager
    def redis(self) -> Iterator[Any]:
        """Lend a client of the gate's Redis."""
        from redis import Redis

        with Redis.from_url(self.cloud.servers.redis_url) as redis:
            yield redis

    def sql(self, statement: str, *arguments: object) -> list[tuple[Any, ...]]:
        """Return what the ledger's server says to one statement."""
        settings = Settings(mysql_url=self.cloud.servers.mysql_url, **PATIENT)
        with mysql_connection(settings, PATIENCE_MS) as connection, connection.cursor() as cursor:
            cursor.execute(statement, arguments or None)
            return list(cursor.fetchall())
