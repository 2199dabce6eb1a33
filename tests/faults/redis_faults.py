"""What Redis does to us: each fault lasts as long as its `with`, and is over, the server whole again, at its end."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.faults.servers import lasting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.faults.town import Town

REDIS_AWAY_S = 10.0  # the connections there were have ended, and every environment has found out
ANSWERS_BEFORE = 20  # of a rush: the fault comes in the middle of it


@contextmanager
def redis_is_away(town: Town) -> Iterator[None]:
    """Connections are cut and refused; the gate itself is whole."""
    with _through(town.through.redis.refuse, town.through.redis.start, lasts_s=REDIS_AWAY_S):
        yield


@contextmanager
def redis_hears_nothing(town: Town) -> Iterator[None]:
    """Connections and requests are taken; what was asked meanwhile reaches Redis when nobody waits any more."""
    with _through(town.through.redis.deafen, town.through.redis.start):
        yield


@contextmanager
def redis_answers_are_lost(town: Town) -> Iterator[None]:
    """The gate decides, and nobody is told."""
    with _through(town.through.redis.swallow, town.through.redis.start):
        yield


@contextmanager
def redis_restarts_empty(town: Town) -> Iterator[None]:
    """Killed in the middle of a rush, and back at once without a memory."""
    with town.once(ANSWERS_BEFORE, lambda: restart_redis(town)):
        yield


@contextmanager
def redis_restarts_with_an_older_snapshot(town: Town) -> Iterator[None]:
    """As a failover to a replica that lacks the last writes: whoever came since is forgotten, their records are not."""
    with town.gate() as gate:
        gate.redis.save()
    try:
        with town.once(ANSWERS_BEFORE, lambda: restart_redis(town)):
            yield
    finally:
        (town.servers.redis.folder / "data" / "dump.rdb").unlink()


@contextmanager
def redis_forgets_its_scripts(town: Town) -> Iterator[None]:
    """SCRIPT FLUSH, and again in the middle of a rush."""

    def flush() -> None:
        with town.gate() as gate:
            gate.redis.script_flush()

    flush()
    with town.once(ANSWERS_BEFORE, flush):
        yield


@contextmanager
def redis_is_out_of_memory(town: Town) -> Iterator[None]:
    """Every write that needs memory is refused."""
    with redis_configured(town, "maxmemory", "1"):
        yield


@contextmanager
def redis_configured(town: Town, name: str, value: str) -> Iterator[None]:
    """Run Redis under another setting meanwhile."""
    with town.gate() as gate:
        usual = str(gate.redis.config_get(name)[name])
        gate.redis.config_set(name, value)
        try:
            yield
        finally:
            gate.redis.config_set(name, usual)


def restart_redis(town: Town) -> None:
    """Kill Redis and start it again; it reads what was saved, if anything was."""
    town.servers.redis.stop(kill=True)
    town.servers.redis.start()


@contextmanager
def _through(begin: Callable[[], None], end: Callable[[], None], lasts_s: float = 0) -> Iterator[None]:
    begin()
    began = time.monotonic()
    try:
        yield
        lasting(max(0, lasts_s - (time.monotonic() - began)), "the outage")
    finally:
        end()
