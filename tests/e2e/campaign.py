"""One event of the running cloud, and what people, the operator and the schedule do to it: all of it from outside."""

from __future__ import annotations

import json
import time
import uuid
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from kafka import KafkaProducer

from dev.process import wait_until
from firstcome.gate.answers import ApplyOutcome
from firstcome.gate.connect import redis_client
from firstcome.gate.gate import Gate
from firstcome.ledger.connect import mysql_connection
from firstcome.rules import Ticket, rfc3339
from firstcome.settings import Settings
from firstcome.stream.reader import StreamReader
from firstcome.stream.record import encode
from tests.api import JSON, Reply, conforms
from tests.patience import PATIENCE_MS, PATIENCE_S, PATIENT
from tests.promise import assert_promise
from tests.world import HOUR_MS, holders, lose_keys

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from dev.cloud import Cloud

# Errors of the ledger's server: what a trigger signals that names no other, and a server without memory.
UNTHOUGHT_OF = 1644
OUT_OF_RESOURCES = 1041


@dataclass
class Campaign:
    """An event, and the doors to it: HTTP for people, Invoke for the operator and the schedule, SQL for the proof."""

    cloud: Cloud
    http: httpx.Client
    event_id: str
    capacity: int = 0  # of an event that does not exist yet

    # --- people -------------------------------------------------------------------------------------------------

    def apply(self, user_id: str) -> Reply:
        """Let this person apply."""
        return self.post({"user_id": user_id})

    def post(
        self, body: object, headers: dict[str, str] = JSON, event_id: str | None = None, to: str = "applications"
    ) -> Reply:
        """Send an application, or a redemption; a body that is not bytes travels as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.call("POST", f"/events/{quote(event_id or self.event_id)}/{to}", content, headers)

    def win(self, *people: str) -> None:
        """Let these people apply in this order; each is given a ticket."""
        for user_id in people:
            assert self.apply(user_id).status == 202, user_id

    def redeem(self, key: object, **coupon: object) -> Reply:
        """Let a back end redeem a coupon: its `code`, or in an event without codes its `user_id`."""
        return self.post({**coupon, "key": key}, to="redemptions")

    def take_back(self, key: str, event_id: str | None = None) -> Reply:
        """Let a back end take its redemption back."""
        return self.call("DELETE", f"/events/{quote(event_id or self.event_id)}/redemptions/{quote(key)}")

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
        event = {} if action == "migrate" else {"event_id": self.event_id}
        answer: dict[str, Any] = self.cloud.invoke("operate", {"action": action, **event, **payload})
        return answer

    def create(self, capacity: int, opens_in_ms: int = -HOUR_MS, closes_in_ms: int = HOUR_MS, **more: Any) -> None:
        """Make the event, as a draft; `more` are other fields of the action."""
        now = int(time.time() * 1000)
        window = {"opens_at": rfc3339(now + opens_in_ms), "closes_at": rfc3339(now + closes_in_ms)}
        self.operate("create", **{"name": "A campaign", "capacity": capacity, **window, **more})
        self.capacity = capacity

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

    def rows(self) -> list[Ticket]:
        """Return the coupon rows, by ticket."""
        select = "SELECT user_id, ticket, CAST(ROUND(UNIX_TIMESTAMP(applied_at) * 1000) AS SIGNED) FROM coupon"
        found = self.sql(f"{select} WHERE event_id = %s ORDER BY ticket", self.event_id)
        return [Ticket(self.event_id, user_id, ticket, applied_at_ms) for user_id, ticket, applied_at_ms in found]

    def holders(self) -> dict[str, int]:
        """Return who has which ticket."""
        return holders(self.rows())

    def records(self) -> list[Ticket]:
        """Return what the stream ever carried of this event."""
        return StreamReader(self.settings).history(self.event_id, PATIENCE_MS)

    def assert_promise(self, rows: int | None = None) -> dict[str, Any]:
        """See `tests.promise.assert_promise`."""
        return assert_promise(self, rows)

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
        with self.signalled("coupon", UNTHOUGHT_OF, f"AND NEW.user_id = '{user_id}'"):
            yield

    @contextmanager
    def signalled(self, table: str, error: int, of: str = "") -> Iterator[None]:
        """Let the ledger answer each new row of the event in this table with this error meanwhile."""
        name = f"signalled_{uuid.uuid4().hex}"
        self.sql(
            f"CREATE TRIGGER {name} BEFORE INSERT ON {table} FOR EACH ROW IF NEW.event_id = '{self.event_id}' {of} "
            f"THEN SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = {error}, MESSAGE_TEXT = 'not this one'; END IF"
        )
        try:
            yield
        finally:
            self.sql(f"DROP TRIGGER {name}")

    def lose_gate(self, *parts: str) -> None:
        """Let Redis lose the event's keys, or only some of them."""
        with self.gate() as gate:
            lose_keys(gate, self.event_id, *parts)

    def die_after_gate(self, user_id: str) -> None:
        """Let this person apply, and the process that serves them die between gate and stream."""
        with self.gate() as gate:
            assert gate.apply(self.event_id, user_id, "call").outcome is ApplyOutcome.ACCEPTED

    def ticket(self, user_id: str, number: int) -> Ticket:
        """Return a ticket that no gate has handed out."""
        return Ticket(self.event_id, user_id, number, int(time.time() * 1000))

    def send(self, *tickets: Ticket) -> None:
        """Write the tickets' records into the stream, past the functions, in this order."""
        producer = KafkaProducer(bootstrap_servers=self.settings.kafka_bootstrap, acks="all")
        try:
            sent = [
                producer.send(self.settings.kafka_topic, encode(ticket, 1), key=ticket.user_id.encode())
                for ticket in tickets
            ]
            for future in sent:
                future.get(PATIENCE_S)
        finally:
            producer.close()

    @contextmanager
    def without_redis(self) -> Iterator[None]:
        """Let Redis answer no script meanwhile: its connections stay open, as behind a hung host."""
        with self.gate() as gate:
            gate.redis.client_pause(60_000, all=False)
            try:
                yield
            finally:
                gate.redis.client_unpause()

    @contextmanager
    def garbled(self) -> Iterator[None]:
        """Let the gate's own key be of another type meanwhile: a fault of ours, and nobody's answer."""
        with self.gate() as gate:
            key = gate.keys(self.event_id).event
            gate.redis.rename(key, f"{key}:kept")
            gate.redis.set(key, "garbled")
            try:
                yield
            finally:
                gate.redis.rename(f"{key}:kept", key)

    # --- the servers, past the functions ------------------------------------------------------------------------

    @property
    def settings(self) -> Settings:
        """Where the servers are, without any proxy; slowness is no trouble."""
        return replace(Settings.from_env(self.cloud.servers.environ), **PATIENT)

    @contextmanager
    def gate(self) -> Iterator[Gate]:
        """Lend the event's gate."""
        with closing(redis_client(self.settings)) as redis:  # a cluster's is no context manager
            yield Gate(redis, self.settings)

    def sql(self, statement: str, *arguments: object) -> list[tuple[Any, ...]]:
        """Return what the ledger's server says to one statement."""
        with mysql_connection(self.settings, PATIENCE_MS) as connection, connection.cursor() as cursor:
            cursor.execute(statement, arguments or None)
            return list(cursor.fetchall())
