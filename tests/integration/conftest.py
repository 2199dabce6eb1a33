"""The ledger of the integration tests, on a real server."""

from __future__ import annotations

import socket
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

import boto3
import moto
import pytest
import redis

from firstcome.gate.connect import redis_client
from firstcome.gate.gate import Gate
from firstcome.ledger.connect import mysql_connection
from firstcome.ledger.ledger import Ledger
from firstcome.ledger.migrate import migrate
from firstcome.runtime import credentials
from firstcome.settings import Settings
from firstcome.stores import Stores
from firstcome.stream.reader import StreamReader
from firstcome.stream.topic import ensure_topic
from tests.api import Api, environments
from tests.integration.claims import AT_MS, CAPACITY
from tests.log import Log
from tests.patience import PATIENCE_MS, PATIENT
from tests.world import World, fields

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from firstcome.ledger.database import Connection


@pytest.fixture(scope="session")
def ledger_settings(mysql_url: str) -> Settings:
    """Settings that name a database with the schema in it."""
    settings = Settings(mysql_url=mysql_url, **PATIENT)
    migrate(partial(mysql_connection, settings, PATIENCE_MS))
    return settings


@pytest.fixture
def ledger(ledger_settings: Settings) -> Iterator[Ledger]:
    """An empty ledger; `ledger.connect()` opens one more connection to it."""
    ledger = Ledger(partial(mysql_connection, ledger_settings, PATIENCE_MS), ledger_settings)
    with ledger.connect() as connection, connection.cursor() as cursor:
        for table in ("coupon", "coupon_code", "redemption", "refusal", "failed_event", "coupon_event", "operation"):
            cursor.execute(f"DELETE FROM {table}")
    yield ledger
    ledger.close()


@pytest.fixture
def hasty(ledger: Ledger) -> Iterator[Ledger]:
    """A ledger that says `Unavailable` at the first lock that it would have to wait for."""

    def connect() -> Connection:
        connection = ledger.connect()
        with connection.cursor() as cursor:
            cursor.execute("SET innodb_lock_wait_timeout = 1")
        return connection

    with closing(Ledger(connect, Settings(mysql_deadlock_retries=0))) as hasty:
        yield hasty


@pytest.fixture
def world(redis_url: str, kafka_bootstrap: str, mysql_url: str, ledger: Ledger, event_id: str) -> World:
    """An open event of three coupons, in a gate, a ledger and a topic of its own."""
    settings = Settings(
        redis_url=redis_url,
        kafka_bootstrap=kafka_bootstrap,
        mysql_url=mysql_url,
        kafka_topic=event_id,
        kafka_group=f"group-{event_id}",
        **PATIENT,
    )
    ensure_topic(settings, partitions=1, replication=1)
    ledger.settings = settings
    gate = Gate(redis_client(settings), settings)
    world = World(Stores(ledger, gate, StreamReader(settings, ledger.outcomes), settings), event_id)
    world.open()
    return world


@pytest.fixture
def deaf() -> Iterator[socket.socket]:
    """A server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as listener:
        yield listener


@pytest.fixture
def log(kafka_bootstrap: str) -> Iterator[Log]:
    """A topic and a consumer group of their own."""
    log = Log.new(kafka_bootstrap)
    yield log
    log.close()


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    """A client of our own to the gate's Redis."""
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


@pytest.fixture
def gate(client: redis.Redis) -> Gate:
    """A gate whose released tickets rest for longer than any test."""
    return Gate(client, Settings(released_rest_ms=60_000))


@pytest.fixture
def impatient(client: redis.Redis) -> Gate:
    """A gate whose released tickets are free at once."""
    return Gate(client, Settings(released_rest_ms=0))


@pytest.fixture
def event(gate: Gate, event_id: str) -> str:
    """An open event of three coupons, in the gate alone."""
    assert gate.configure(event_id, 1, fields(), create=True) == "CREATED"
    return event_id


@pytest.fixture
def start(
    load_handler: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch, world: World
) -> Callable[..., Api]:
    """Make execution environments of apply with the world's servers, or others."""
    return environments(load_handler, monkeypatch, world.stores.settings)


@pytest.fixture
def api(start: Callable[..., Api]) -> Api:
    """An execution environment of apply with every server in reach."""
    return start()


@pytest.fixture
def event_e(ledger: Ledger) -> None:
    """Event `E` of three coupons, in the ledger alone: see claims.py."""
    ledger.create_event("E", "An event", CAPACITY, AT_MS, AT_MS + 1)


@pytest.fixture
def sold(world: World) -> World:
    """Alice and bob have a coupon, mallory was refused; nothing of it was ever in the stream."""
    world = world.with_settings(ledger_retention_days=0)
    world.consume(world.apply("alice"), world.apply("bob"))
    world.operate("refuse", user_id="mallory", reason="mallory is a bot")
    return world


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Secrets Manager; nothing is remembered from the test before."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    credentials.forget_all()
    with moto.mock_aws():
        yield boto3.client("secretsmanager")
