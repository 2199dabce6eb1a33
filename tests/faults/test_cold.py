"""An environment that starts into an outage: its init neither fails nor waits, and a request gets its usual answer."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from firstcome.settings import Settings
from firstcome.stream import GRACE_MS
from tests.faults.faults import nothing, under

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.faults.faults import Fault
    from tests.faults.town import Town

COUPONS = 10
INIT_S = 10.0  # Lambda's limit; an import takes one, several at a time on a busy machine a few

_settings = Settings()
REDIS_S = _settings.redis_timeout_ms * (_settings.redis_retries + 1) ** 2 / 1000
KAFKA_S = (_settings.kafka_max_block_ms + _settings.kafka_delivery_timeout_ms + GRACE_MS) / 1000
MYSQL_S = (_settings.mysql_connect_timeout_ms + _settings.mysql_status_timeout_ms) / 1000
BUSY_S = 1.0  # what a busy machine adds to the waiting


@contextmanager
def redis_is_away(town: Town) -> Iterator[None]:
    """Its port is closed."""
    town.proxies.redis.refuse()  # type: ignore[union-attr]
    yield


@contextmanager
def redis_is_deaf(town: Town) -> Iterator[None]:
    """It accepts, and never answers."""
    town.proxies.redis.swallow()  # type: ignore[union-attr]
    yield


@contextmanager
def kafka_is_away(town: Town) -> Iterator[None]:
    """Its port is closed."""
    town.proxies.kafka.refuse()  # type: ignore[union-attr]
    yield


@contextmanager
def kafka_is_deaf(town: Town) -> Iterator[None]:
    """It accepts, and never hears."""
    town.proxies.kafka.deafen()  # type: ignore[union-attr]
    yield


@contextmanager
def mysql_is_away(town: Town) -> Iterator[None]:
    """Its port is closed."""
    town.proxies.mariadb.refuse()  # type: ignore[union-attr]
    yield


@contextmanager
def mysql_is_deaf(town: Town) -> Iterator[None]:
    """It accepts, and never answers."""
    town.proxies.mariadb.swallow()  # type: ignore[union-attr]
    yield


# What an applicant is told, what their status is, and how long each may take.
EXPECTED: dict[Fault, tuple[str, set[object], float, float]] = {
    nothing: ("accepted", {"pending", "issued"}, 0.0, 0.0),
    redis_is_away: ("try_again", {503}, 0.0, 0.0),
    redis_is_deaf: ("try_again", {503}, REDIS_S, REDIS_S),
    kafka_is_away: ("reserved", {"pending"}, KAFKA_S, 0.0),
    kafka_is_deaf: ("reserved", {"pending"}, KAFKA_S, 0.0),
    mysql_is_away: ("accepted", {503}, 0.0, 0.0),
    mysql_is_deaf: ("accepted", {503}, 0.0, MYSQL_S),
}


@under(*EXPECTED)
def test_a_cold_start_into_an_outage_answers_within_its_bound(distant: Town, fault: Fault) -> None:
    """Nothing is asked of a server before a request needs it, and then no longer than the settings allow."""
    word, statuses, apply_s, status_s = EXPECTED[fault]
    distant.opening(COUPONS)
    with fault(distant):
        distant.kill("apply")
        told = distant.ask("early")
        assert told.answer.word == word
        assert told.answer.seconds < INIT_S + apply_s + BUSY_S
        began = time.monotonic()
        if word != "try_again":
            assert distant.status("early")[1]["status"] in statuses
        assert time.monotonic() - began < INIT_S + status_s + BUSY_S
    for proxy in distant.proxies.all:  # type: ignore[union-attr]
        proxy.start()
    distant.assert_promise(within_s=INIT_S + apply_s + BUSY_S)
