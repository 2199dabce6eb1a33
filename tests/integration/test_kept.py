"""The short way of an application to Redis: the library's bytes and guarantees, at less of its cost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from redis.connection import Connection

from firstcome.gate.answers import ApplyOutcome
from firstcome.gate.connect import redis_client
from firstcome.gate.gate import Gate
from firstcome.gate.kept import KeptClient
from firstcome.rules import Unavailable
from firstcome.settings import Settings
from tests.patience import PATIENT
from tests.world import World, outcome_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import redis

CALL = "0123abcd"


@pytest.fixture
def gate(redis_url: str) -> Iterator[Gate]:
    """A gate through a client of its own."""
    settings = Settings(redis_url=redis_url, **PATIENT)
    gate = Gate(redis_client(settings), settings)
    yield gate
    gate.close()


def kept_of(gate: Gate) -> Connection:
    """Return the one connection that the gate keeps."""
    assert isinstance(gate.redis, KeptClient)
    [connection] = gate.redis._kept
    assert isinstance(connection, Connection)
    return connection


def kill(client: redis.Redis, connection: Connection) -> None:
    """Have Redis close the connection, as a restart or a load balancer does."""
    sock: Any = connection._sock
    host, port = sock.getsockname()
    assert client.client_kill_filter(addr=f"{host}:{port}") == 1


def test_applications_share_one_connection(world: World, gate: Gate) -> None:
    """The second is asked where the first was."""
    outcome_of(gate, world.event_id, "ann")
    kept = kept_of(gate)
    outcome_of(gate, world.event_id, "ben")
    assert kept_of(gate) is kept


def test_a_connection_that_died_idle_serves_at_once(world: World, gate: Gate, client: redis.Redis) -> None:
    """It is made anew within the one repetition, and the application is decided once."""
    first = gate.apply(world.event_id, "ann", CALL)
    kill(client, kept_of(gate))
    again = gate.apply(world.event_id, "ann", CALL)
    assert (again.outcome, again.ticket) == (ApplyOutcome.ACCEPTED, first.ticket)


def test_an_interrupted_call_leaves_no_answer_to_the_next(
    world: World, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection whose answer nobody has read is never used again as it is."""
    gate.apply(world.event_id, "ann", CALL)
    with monkeypatch.context() as cut:

        def interrupted(*_: object, **__: object) -> object:
            raise KeyboardInterrupt

        cut.setattr(kept_of(gate), "read_response", interrupted)
        with pytest.raises(KeyboardInterrupt):
            gate.apply(world.event_id, "ben", CALL)
    assert gate.apply(world.event_id, "ann", CALL).ticket == 1


def test_a_script_that_is_gone_is_loaded_again(world: World, gate: Gate, client: redis.Redis) -> None:
    """A restarted Redis knows no script."""
    client.script_flush()
    assert outcome_of(gate, world.event_id, "ann") is ApplyOutcome.ACCEPTED
    client.script_flush()
    assert outcome_of(gate, world.event_id, "ben") is ApplyOutcome.ACCEPTED


def test_a_connection_is_kept_through_an_error_of_the_script(world: World, gate: Gate, client: redis.Redis) -> None:
    """Redis out of memory answers all the same: connecting anew would only add to its troubles."""
    outcome_of(gate, world.event_id, "ann")
    kept = kept_of(gate)
    client.config_set("maxmemory", 1)
    try:
        with pytest.raises(Unavailable):
            gate.apply(world.event_id, "ben", CALL)
    finally:
        client.config_set("maxmemory", 0)
    assert kept_of(gate) is kept
    assert kept.is_connected


def test_closing_closes_what_is_kept(world: World, gate: Gate) -> None:
    """A snapshot takes no connection with it, and the next application opens one."""
    outcome_of(gate, world.event_id, "ann")
    kept = kept_of(gate)
    gate.close()
    assert not kept.is_connected
    assert outcome_of(gate, world.event_id, "ben") is ApplyOutcome.ACCEPTED


def test_threads_have_connections_of_their_own(world: World, gate: Gate) -> None:
    """Everybody hears the answer to what they have asked themselves."""
    people = [f"person-{number}" for number in range(400)]
    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(lambda user: gate.apply(world.event_id, user, CALL), people))
        again = list(pool.map(lambda user: gate.apply(world.event_id, user, CALL), people))
    winners = {user: one.ticket for user, one in zip(people, said, strict=True) if one.ticket}
    assert winners == {user: one.ticket for user, one in zip(people, again, strict=True) if one.ticket}
    assert sorted(winners.values()) == list(range(1, len(winners) + 1))
