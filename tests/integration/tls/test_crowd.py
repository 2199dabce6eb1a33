"""A thousand environments begin at once: what their connections ask of one Redis."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import redis
import redis.retry

from firstcome.gate.connect import redis_client
from firstcome.gate.kept import KeptClient
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    import socket

    from tests.integration.tls.conftest import Tls

ENVIRONMENTS = 1_000
PING = b"*1\r\n$4\r\nPING\r\n"


def connections_ever(tls: Tls) -> int:
    """How many Redis has accepted since it began, its own included."""
    with tls.redis_admin() as admin:
        return int(admin.info("stats")["total_connections_received"])


@pytest.fixture(autouse=True)
def few_authorities(tls: Tls, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have redis-py read a short list of CAs at every connection, in place of the system's: a fiftieth of the time."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tls.authority.ca_file))


def test_a_thousand_environments_connect_once_each(tls: Tls) -> None:
    """Over TLS, in the same instant: all are answered, and a server that is busy with it is not asked twice."""
    begin = threading.Barrier(ENVIRONMENTS)
    clients = [redis_client(tls.settings()) for _ in range(ENVIRONMENTS)]

    def ask(client: redis.Redis) -> object:
        assert isinstance(client, KeptClient)
        begin.wait(PATIENCE_S)
        return client.ask(PING)

    before = connections_ever(tls)
    with ThreadPoolExecutor(ENVIRONMENTS) as pool, ExitStack() as stack:
        for client in clients:
            stack.enter_context(closing(client))
        answers = list(pool.map(ask, clients))
        with tls.redis_admin() as admin:
            assert admin.info("clients")["connected_clients"] > ENVIRONMENTS, "each keeps its own"
    assert answers == ["PONG"] * ENVIRONMENTS
    assert connections_ever(tls) - before - 2 <= ENVIRONMENTS, "one each, beside the two that look"


def test_who_could_not_connect_comes_back_apart(tls: Tls, deaf: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Redis too busy for a handshake is asked once more by each, after a pause that differs, and then nobody asks."""
    url = f"rediss://127.0.0.1:{deaf.getsockname()[1]}/0"
    settings = replace(tls.settings(), redis_url=url, redis_timeout_ms=20)
    pauses: list[float] = []
    monkeypatch.setattr(redis.retry, "sleep", pauses.append)
    monkeypatch.setattr(random, "random", random.Random(1).random)
    for _ in range(20):
        client = redis_client(settings)
        assert isinstance(client, KeptClient)
        with pytest.raises((redis.ConnectionError, redis.TimeoutError)):
            client.ask(PING)
        client.close()
    assert len(pauses) == 20 * settings.redis_retries
    assert max(pauses) <= settings.redis_pause_ms / 1000
    assert max(pauses) - min(pauses) > settings.redis_pause_ms / 1000 / 2, "spread over the whole of it"
