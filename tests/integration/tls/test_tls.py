"""TLS with real servers: whoever cannot prove that it is the server hears nothing from us, least of all a password."""

from __future__ import annotations

import uuid
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from firstcome.gate.connect import redis_client
from firstcome.gate.gate import Gate
from firstcome.ledger.connect import mysql_connection
from firstcome.ledger.ledger import Ledger
from firstcome.ledger.migrate import migrate
from firstcome.rules import Ticket, Unavailable
from firstcome.stores import Stores
from firstcome.stream.producer import Sent, Stream
from firstcome.stream.reader import StreamReader
from firstcome.stream.topic import ensure_topic
from tests.integration.tls.conftest import NAME, PASSWORD, USER
from tests.patience import PATIENCE_MS
from tests.proxy import Proxy
from tests.world import World

if TYPE_CHECKING:
    from collections.abc import Callable

    from firstcome.settings import Settings
    from tests.integration.tls.conftest import Tls
    from tests.proxy import Pair

# Who is not believed is asked again until the time is up.
HASTY: dict[str, Any] = {
    "kafka_max_block_ms": 600,
    "kafka_read_timeout_ms": 600,
    "redis_timeout_ms": 300,
    "mysql_read_timeout_ms": 2_000,
}

TICKET = Ticket("E", "alice", 1, 1_700_000_000_000)


# --- one use of each server, which says "not now" where it cannot be had ---------------------------------------------


def ask_redis(settings: Settings) -> None:
    gate = Gate(redis_client(settings), settings)
    try:
        gate.show("E")
    finally:
        gate.close()


def ask_mysql(settings: Settings) -> None:
    ledger = Ledger(partial(mysql_connection, settings, settings.mysql_read_timeout_ms), settings)
    try:
        ledger.read(lambda connection: connection.query("SELECT 1"))
    finally:
        ledger.close()


def read_kafka(settings: Settings) -> None:
    StreamReader(settings).lag()


def write_kafka(settings: Settings) -> None:
    stream = Stream(settings)
    try:
        if stream.send(TICKET, 1, "") is Sent.REFUSED:
            raise Unavailable("stream", "refused")
    finally:
        stream.close()


def refuse(use: Callable[[Settings], None], settings: Settings) -> None:
    """Assert that nothing comes of it."""
    with pytest.raises(Unavailable):
        use(replace(settings, **HASTY))


USES = [ask_redis, ask_mysql, read_kafka, write_kafka]
every_use = pytest.mark.parametrize("use", USES, ids=lambda use: use.__name__)


@pytest.fixture(scope="module")
def right(tls: Tls) -> Settings:
    """Everything as it should be, with a schema and a topic."""
    settings = replace(tls.settings(), kafka_topic=f"topic-{uuid.uuid4().hex}", kafka_group=uuid.uuid4().hex)
    migrate(partial(mysql_connection, settings, PATIENCE_MS))
    ensure_topic(settings, partitions=1, replication=1)
    return settings


# --- who is let in ---------------------------------------------------------------------------------------------------


def test_a_coupon_goes_its_whole_way_over_tls(right: Settings, event_id: str) -> None:
    """Gate, stream, reader and ledger, each over a connection whose other end has proved its name."""
    ledger = Ledger(partial(mysql_connection, right, PATIENCE_MS), right)
    stores = Stores(ledger, Gate(redis_client(right), right), StreamReader(right), right)
    stream = Stream(right)
    world = World(stores, event_id)
    world.open()
    ticket = world.apply("alice")
    assert stream.send(ticket, 1, "") is Sent.DELIVERED
    assert stores.reader.unread(event_id) == [ticket]
    world.consume(ticket)
    assert ledger.standing(event_id, "alice").row is not None
    stream.close()
    stores.close()


def test_mysql_is_spoken_to_in_tls(right: Settings) -> None:
    """The server itself says so."""
    with mysql_connection(right, PATIENCE_MS) as connection, connection.cursor() as cursor:
        cursor.execute("SHOW STATUS LIKE 'Ssl_version'")
        assert str((cursor.fetchone() or ("", ""))[1]).startswith("TLSv1.")


def test_a_cluster_is_used_over_tls(tls: Tls) -> None:
    """The nodes are found by the cluster's own word, and each proves its name."""
    settings = tls.settings(tls.cluster_authority.host, tls.cluster_authority)
    url = settings.redis_url.replace(str(tls.redis.port), str(tls.redis_cluster.port))
    client = redis_client(replace(settings, redis_url=url, redis_cluster=True))
    assert client.set("coupon:{E}:test", "1")
    client.close()
    assert client.get("coupon:{E}:test") == "1", "a client that was closed connects again"
    client.close()


@pytest.mark.parametrize("use", [ask_redis, read_kafka, write_kafka], ids=lambda use: use.__name__)
def test_the_systems_cas_are_trusted_where_none_is_named(
    right: Settings, tls: Tls, use: Callable[[Settings], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """So it is with ElastiCache and MSK; our CA is not among the system's, until OpenSSL is told so."""
    settings = replace(right, redis_ca_file="", kafka_ca_file="")
    refuse(use, settings)
    monkeypatch.setenv("SSL_CERT_FILE", str(tls.authority.ca_file))
    use(settings)


# --- who is not ------------------------------------------------------------------------------------------------------


@every_use
def test_a_certificate_for_another_name_is_refused(right: Settings, use: Callable[[Settings], None]) -> None:
    """The server is the same, and the name by which we call it is not the one in its certificate."""
    use(right)
    refuse(use, called(right, "127.0.0.1"))


@every_use
def test_a_certificate_of_another_ca_is_refused(right: Settings, tls: Tls, use: Callable[[Settings], None]) -> None:
    """Even though it says the right name."""
    stranger = str(tls.stranger.ca_file)
    refuse(use, replace(right, redis_ca_file=stranger, kafka_ca_file=stranger, mysql_ca_file=stranger))


@every_use
def test_a_server_that_wants_tls_does_not_serve_plain_text(right: Settings, use: Callable[[Settings], None]) -> None:
    """A forgotten setting is an error, and not a connection that everybody may listen to."""
    plain = right.redis_url.replace("rediss:", "redis:")
    refuse(use, replace(right, redis_url=plain, redis_ca_file="", kafka_security="PLAINTEXT", mysql_ca_file=""))


def test_a_server_of_a_wrong_certificate_is_given_no_password(right: Settings, tls: Tls) -> None:
    """The handshake fails before Redis is told who asks."""
    with tls.redis_admin() as admin:

        def asked() -> int:
            return int(admin.info("commandstats").get("cmdstat_auth", {"calls": 0})["calls"])

        before = asked()
        for settings in (
            called(right, "127.0.0.1"),
            replace(right, redis_ca_file=str(tls.stranger.ca_file)),
        ):
            refuse(ask_redis, settings)
        assert asked() == before
        ask_redis(right)
        assert asked() == before + 1


class Recorder(Proxy):
    """A proxy that keeps what the client has said."""

    said = b""

    def request(self, data: bytes, pair: Pair) -> bytes:
        self.said += data
        return super().request(data, pair)


@every_use
def test_a_server_in_plain_text_is_refused_and_told_nothing(
    right: Settings,
    use: Callable[[Settings], None],
    redis_url: str,
    kafka_bootstrap: str,
    mysql_url: str,
) -> None:
    """No falling back to plain text: neither a name nor a password goes over the wire."""
    addresses = {"ask_redis": redis_url, "ask_mysql": mysql_url}
    with Recorder.to(addresses.get(use.__name__, kafka_bootstrap)) as recorder:
        settings = replace(
            right,
            redis_url=f"rediss://{USER}:{PASSWORD}@{NAME}:{recorder.port}/0",
            kafka_bootstrap=f"{NAME}:{recorder.port}",
            mysql_url=f"mysql://{USER}:{PASSWORD}@{NAME}:{recorder.port}/firstcome",
        )
        refuse(use, settings)
        assert USER.encode() not in recorder.said
        assert PASSWORD.encode() not in recorder.said


def called(settings: Settings, host: str) -> Settings:
    """Return the same servers, by another name."""
    named: dict[str, Any] = {
        name: getattr(settings, name).replace(NAME, host) for name in ("redis_url", "kafka_bootstrap", "mysql_url")
    }
    return replace(settings, **named)
