"""A world for one test: one event in a real gate, a real ledger and a topic of its own, and people to apply."""

from __future__ import annotations

import base64
import ssl
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pymysql
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.structs import OffsetAndMetadata

from firstcome import issue
from firstcome.gate.entry import entry_of
from firstcome.ledger.coupons import Claim
from firstcome.operate import actions
from firstcome.retry import run as retry
from firstcome.rules import Ticket, rfc3339
from firstcome.stream.record import encode
from tests.patience import PATIENCE_S
from tests.promise import assert_promise

if TYPE_CHECKING:
    from collections.abc import Iterable

    from firstcome.gate.answers import ApplyOutcome
    from firstcome.gate.gate import Gate
    from firstcome.stores import Stores

HOUR_MS = 3_600_000
FAR = 2**53  # later than any time, and still exact to Redis
PLENTY_MS = 600_000
NEVER_REPEATED = "call"
# Settings under which everything is overdue and due at once.
AT_ONCE: dict[str, Any] = {
    "sweep_overdue_ms": 0,
    "released_rest_ms": 0,
    "restore_wait_ms": 0,
    "failed_backoff_base_ms": 0,
    "failed_backoff_cap_ms": 0,
}


@dataclass
class World:
    """Steps that a test takes, one at a time, with the real code over real servers."""

    stores: Stores
    event_id: str

    def open(self, capacity: int = 3) -> None:
        """Make the event, and open it."""
        self.create(capacity)
        self.operate("open")

    def create(self, capacity: int = 3, opens_in_ms: int = -HOUR_MS, **fields: Any) -> None:
        """Make the event, as a draft; with turns where the fields say so."""
        opens_at = int(time.time() * 1000) + opens_in_ms
        window = {"opens_at": rfc3339(opens_at), "closes_at": rfc3339(opens_at + 2 * HOUR_MS)}
        self.operate("create", name="Test", capacity=capacity, **window, **fields)

    def operate(self, action: str, **payload: Any) -> dict[str, Any]:
        """Let the operator act on this event."""
        event = {} if action == "migrate" else {"event_id": self.event_id}
        return actions.act(self.stores, {"action": action, **event, **payload})

    def outcome(self, user_id: str) -> ApplyOutcome:
        """Return what the gate tells this person."""
        return self.stores.gate.apply(self.event_id, user_id, NEVER_REPEATED + user_id).outcome

    def apply(self, user_id: str) -> Ticket:
        """Let this person apply; nothing is sent. Answers the ticket, which there must be."""
        decision = self.stores.gate.apply(self.event_id, user_id, NEVER_REPEATED + user_id)
        assert decision.ticket is not None, f"{user_id} was told {decision.outcome}"
        assert decision.applied_at_ms is not None
        return Ticket(self.event_id, user_id, decision.ticket, decision.applied_at_ms)

    def ticket(self, user_id: str, number: int) -> Ticket:
        """Return a ticket that no gate has handed out."""
        return Ticket(self.event_id, user_id, number, int(time.time() * 1000))

    def send(self, *tickets: Ticket, values: Iterable[bytes] = ()) -> None:
        """Produce the tickets' records, and raw ones, and wait for the broker."""
        settings = self.stores.settings
        producer = KafkaProducer(bootstrap_servers=settings.kafka_bootstrap)
        try:
            for value in [*(encode(ticket, 1) for ticket in tickets), *values]:
                producer.send(settings.kafka_topic, value, partition=0).get(PATIENCE_S)
        finally:
            producer.close()

    def commit(self, offset: int) -> None:
        """Commit the group's offset, as the event source mapping does after a success."""
        settings = self.stores.settings
        consumer = KafkaConsumer(
            bootstrap_servers=settings.kafka_bootstrap, group_id=settings.kafka_group, enable_auto_commit=False
        )
        partition = TopicPartition(settings.kafka_topic, 0)
        consumer.assign([partition])
        consumer.commit({partition: OffsetAndMetadata(offset, "", -1)})
        consumer.close(autocommit=False)

    def consume(self, *tickets: Ticket) -> issue.Issued:
        """Issue the tickets as one batch."""
        return issue.issue(self.stores.ledger, self.stores.gate, [Claim(ticket) for ticket in tickets])

    def retry(self, remaining_ms: int = PLENTY_MS) -> dict[str, Any]:
        """Do one scheduled run of a function that may run for so long."""
        deadline = time.monotonic() + remaining_ms / 1000
        return retry.run(self.stores, lambda: int((deadline - time.monotonic()) * 1000))

    def rows(self) -> list[Ticket]:
        """Return the coupon rows, by ticket."""
        return list(self.stores.ledger.coupons(self.event_id))

    def holders(self) -> dict[str, int]:
        """Return who has which ticket."""
        return holders(self.rows())

    def pending(self) -> set[str]:
        """Return the people whose rows are not known to exist."""
        key = self.stores.gate.keys(self.event_id).pending
        return {str(user_id) for user_id in self.stores.gate.redis.zrange(key, 0, -1)}

    def lose_gate(self, *parts: str) -> None:
        """Let Redis lose the event's keys, or only some of them."""
        lose_keys(self.stores.gate, self.event_id, *parts)

    def adopt(self) -> None:
        """Let what a test has written into the gate count as an older version's: the next script adopts the sizes."""
        self.stores.gate.redis.hdel(self.stores.gate.keys(self.event_id).event, "sizes")

    def plant(self, user_id: str, number: int, applied_at_ms: int = 1, call: str = "call") -> None:
        """Write past the scripts that this person holds the ticket, as a fault may leave it."""
        gate, ticket = self.stores.gate, Ticket(self.event_id, user_id, number, applied_at_ms)
        gate.redis.hset(gate.keys(self.event_id).applied_user, user_id, entry_of(ticket, call))

    def mark(self, user_id: str, at_ms: int) -> None:
        """Write past the scripts that this person's ticket is pending since then."""
        self.stores.gate.redis.zadd(self.stores.gate.keys(self.event_id).pending, {user_id: at_ms})

    def snapshot(self) -> dict[str, Any]:
        """Return the gate as a replica has it now."""
        redis = self.stores.gate.redis
        return {key: redis.dump(key) for key in self.stores.gate.keys(self.event_id)}

    def fail_over(self, replica: dict[str, Any]) -> None:
        """Let an older replica take over: the writes since are forgotten, and the Redis is another one."""
        redis = self.stores.gate.redis
        for key, value in replica.items():
            redis.delete(key)
            if value is not None:
                redis.restore(key, 0, value)
        redis.hset(self.stores.gate.keys(self.event_id).event, "replid", "the old primary's")

    def audit(self) -> dict[str, Any]:
        """Return what `audit` finds."""
        return self.operate("audit")

    def assert_promise(self, rows: int | None = None) -> None:
        """See `tests.promise.assert_promise`."""
        assert_promise(self, rows)

    def with_settings(self, **changed: Any) -> World:
        """Return the same world under other settings."""
        settings = replace(self.stores.settings, **changed)
        gate = type(self.stores.gate)(self.stores.gate.redis, settings)
        reader = type(self.stores.reader)(settings, self.stores.ledger.outcomes)
        self.stores.ledger.settings = settings
        return World(replace(self.stores, settings=settings, gate=gate, reader=reader), self.event_id)


def holders(rows: list[Ticket]) -> dict[str, int]:
    """Return who has which ticket; nobody may have two."""
    found = {row.user_id: row.number for row in rows}
    assert len(found) == len(rows), f"somebody has two coupons: {rows}"
    return found


def lose_keys(gate: Gate, event_id: str, *parts: str) -> None:
    """Let Redis lose these keys of the event's gate, all of them where none is named."""
    keys = gate.keys(event_id)
    gate.redis.delete(*([getattr(keys, part) for part in parts] or keys))


def msk_event(topic: str, values: Iterable[bytes | None], *, partition: int = 0, start: int = 0) -> dict[str, Any]:
    """Return an `aws:kafka` event as the event source mapping sends it."""
    records = [
        {
            "topic": topic,
            "partition": partition,
            "offset": start + number,
            "timestamp": 1_700_000_000_000 + number,
            "timestampType": "CREATE_TIME",
            "key": base64.b64encode(b"user").decode(),
            **({} if value is None else {"value": base64.b64encode(value).decode()}),
            "headers": [],
        }
        for number, value in enumerate(values)
    ]
    return {
        "eventSource": "aws:kafka",
        "eventSourceArn": "arn:aws:kafka:eu-central-1:123456789012:cluster/firstcome/1",
        "bootstrapServers": "b-1:9098",
        "records": {f"{topic}-{partition}": records},
    }


def fields(**changed: Any) -> dict[str, Any]:
    """Return the event hash of an open event of three coupons, but for what is changed."""
    now = int(time.time() * 1000)
    window = {"opens_at_ms": now - HOUR_MS, "closes_at_ms": now + HOUR_MS}
    return {"name": "Spring", "capacity": 3, **window, "state": "open", "restore_epoch": 1, **changed}


def row(event_id: str, user_id: str, ticket: int) -> Ticket:
    """Return a coupon row of some time ago."""
    return Ticket(event_id, user_id, ticket, 1_700_000_000_000)


def outcome_of(gate: Gate, event_id: str, user_id: str, call: str = "call") -> ApplyOutcome:
    """Return what the gate tells this person."""
    return gate.apply(event_id, user_id, call).outcome


def write_seq_of(gate: Gate, event_id: str) -> int:
    """Return how often the gate has been written."""
    view = gate.show(event_id)
    assert view is not None
    return view.write_seq


def log_in_over_tls(mysql_url: str, user: str, password: str) -> None:
    """Log in once over TLS that verifies nobody: from then on a MySQL takes the password without TLS, too.

    MariaDB always does, and this one of the tests has no TLS.
    """
    at = urlsplit(mysql_url)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    login = {"host": at.hostname, "port": at.port or 3306, "user": user, "password": password.encode()}
    with pymysql.connect(host=at.hostname, port=at.port or 3306, user="root", password=at.password or "") as root:
        if "MariaDB" not in str(root.get_server_info()):  # type: ignore[no-untyped-call]
            pymysql.connect(**login, ssl=tls).close()  # type: ignore[call-overload]
