"""Turns in the gate: an application before its turn changes nothing, and nothing moves a turn."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from firstcome.gate.answers import ApplyOutcome, Decision
from firstcome.gate.gate import Gate
from firstcome.gate.scripts import Scripts
from firstcome.rules import Ticket, Unavailable, turn_at_ms
from tests.turns import HOUR_MS, OPENED_AGO_MS, SECRET, SPREAD, due, early, offset
from tests.world import fields, outcome_of, row

if TYPE_CHECKING:
    from collections.abc import Sequence

    import redis

    from tests.world import World


def _turns(**changed: Any) -> dict[str, Any]:
    """Return the event hash of an event in the middle of its turns."""
    now = int(time.time() * 1000)
    return fields(**{"opens_at_ms": now - OPENED_AGO_MS, "closes_at_ms": now + HOUR_MS, **SPREAD, **changed})


@pytest.fixture
def turns(gate: Gate, event_id: str) -> str:
    """An open event of three coupons, in the middle of its turns, in the gate alone."""
    assert gate.configure(event_id, 1, _turns(), create=True) == "CREATED"
    return event_id


def _ask(gate: Gate, event: str, user_id: str) -> Decision:
    return gate.apply(event, user_id, "call")


def test_an_application_before_its_turn_changes_nothing(gate: Gate, client: redis.Redis, turns: str) -> None:
    """It is told when the turn is, by Redis's clock, and no key of the event differs from before."""
    before = {key: client.dump(key) for key in gate.keys(turns)}
    name = early(turns)
    told = _ask(gate, turns, name)
    assert (told.outcome, told.ticket, told.remember) == (ApplyOutcome.NOT_OPEN, None, "")
    assert told.turn_at_ms == told.opens_at_ms + offset(turns, name) > told.now_ms
    assert {key: client.dump(key) for key in gate.keys(turns)} == before
    assert _ask(gate, turns, due(turns)).ticket == 1, "whose turn has come is served"


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"state": "draft"}, ApplyOutcome.NOT_OPEN),
        ({"state": "paused"}, ApplyOutcome.PAUSED),
        ({"state": "closed"}, ApplyOutcome.CLOSED),
        ({"state": "ended"}, ApplyOutcome.CLOSED),
        ({"closes_at_ms": 1}, ApplyOutcome.CLOSED),
        ({"state": "paused", "closes_at_ms": 1}, ApplyOutcome.CLOSED),
        ({"capacity": 0}, ApplyOutcome.SOLD_OUT),
        ({}, ApplyOutcome.NOT_OPEN),
    ],
)
def test_every_other_word_comes_before_the_turn(
    gate: Gate, event_id: str, changed: dict[str, Any], word: ApplyOutcome
) -> None:
    """Whose turn is far off hears of a draft, a pause, the end and "sold out" first; a draft tells no turn."""
    gate.configure(event_id, 1, _turns(**changed), create=True)
    told = _ask(gate, event_id, early(event_id))
    assert told.outcome is word
    assert bool(told.turn_at_ms) == (changed.get("state") != "draft" and word in {"NOT_OPEN", "PAUSED"})


@pytest.mark.parametrize("held", ["ticket", "refusal"])
def test_who_is_known_is_told_so_before_their_turn(gate: Gate, turns: str, held: str) -> None:
    """A ticket, or a refusal, is the first thing that is looked at."""
    name = early(turns)
    if held == "ticket":
        gate.settle(turns, [row(turns, name, 1)])
    else:
        gate.release(Ticket(turns, name, 0, 0), None, has_row=False)
    expected = {"ticket": ApplyOutcome.ALREADY, "refusal": ApplyOutcome.REFUSED}[held]
    assert outcome_of(gate, turns, name) is expected


def test_a_gate_of_before_turns_serves_everybody(gate: Gate, client: redis.Redis, turns: str) -> None:
    """An older version has made it: it has neither a spread, nor a secret, nor the time of its last ticket."""
    client.hdel(gate.keys(turns).event, "spread_ms", "turn_secret", "given_ms", "timezone")
    assert outcome_of(gate, turns, early(turns)) is ApplyOutcome.ACCEPTED
    client.hdel(gate.keys(turns).event, "given_ms")
    for number in range(2):
        _ask(gate, turns, due(turns, which=number))
    client.hdel(gate.keys(turns).event, "given_ms")
    assert _ask(gate, turns, "dave").sold_out_at_ms == 0
    view = gate.show(turns)
    assert view is not None
    assert (view.timezone, view.spread_ms, view.turn_secret) == ("UTC", 0, None)


def test_without_the_secret_everybody_waits_for_the_last_turn(gate: Gate, client: redis.Redis, turns: str) -> None:
    """Nobody is told a turn that the gate does not know, and nobody is served before theirs."""
    client.hdel(gate.keys(turns).event, "turn_secret")
    told = _ask(gate, turns, due(turns))
    assert (told.outcome, told.turn_at_ms) == (ApplyOutcome.NOT_OPEN, 0)


def test_gate_and_code_compute_the_same_turn(gate: Gate, turns: str) -> None:
    """What the code tells while a gate is lost is what the gate decides by."""
    name = early(turns)
    told = _ask(gate, turns, name)
    assert turn_at_ms(turns, name, told.opens_at_ms, HOUR_MS, SECRET) == told.turn_at_ms
    assert turn_at_ms(turns, name, told.opens_at_ms, 0, SECRET) == told.opens_at_ms


# --- the secret's way ------------------------------------------------------------------------------------------------


def test_a_restored_gate_has_the_same_turns(world: World, event_id: str) -> None:
    """Pause, opening again, a loss and a restore move nobody's turn."""
    world.event_id = f"{event_id}-turns"
    world.create(opens_in_ms=-OPENED_AGO_MS, spread_ms=HOUR_MS)
    world.operate("open")
    gate = world.stores.gate
    secret = _secret(world)
    name = early(world.event_id, secret)
    first = _ask(gate, world.event_id, name)
    assert first.turn_at_ms == first.opens_at_ms + offset(world.event_id, name, secret=secret)
    for action in ("pause", "open", "close", "open"):
        world.operate(action)
    assert _ask(gate, world.event_id, name).turn_at_ms == first.turn_at_ms
    winner = world.apply(due(world.event_id, secret))
    world.consume(winner)
    world.lose_gate()
    assert outcome_of(gate, world.event_id, name) is ApplyOutcome.UNKNOWN
    world.with_settings(restore_wait_ms=0).operate("restore")
    again = _ask(gate, world.event_id, name)
    assert (again.outcome, again.turn_at_ms) == (ApplyOutcome.NOT_OPEN, first.turn_at_ms)
    view = gate.show(world.event_id)
    assert view is not None
    assert view.turn_secret == secret


def test_a_draft_has_no_secret_and_an_opening_makes_one_once(world: World, event_id: str) -> None:
    """Nobody can draw again until they like their turn."""
    world.event_id = f"{event_id}-turns"
    world.create(opens_in_ms=-OPENED_AGO_MS, spread_ms=HOUR_MS)
    told = _ask(world.stores.gate, world.event_id, "alice")
    assert (told.outcome, told.turn_at_ms) == (ApplyOutcome.NOT_OPEN, 0)
    event = world.stores.ledger.event(world.event_id)
    assert event is not None
    assert event.turn_secret is None
    world.operate("open")
    secret = _secret(world)
    world.operate("close")
    world.operate("open")
    assert _secret(world) == secret


def test_no_argument_of_a_script_is_the_secret(
    world: World, client: redis.Redis, event_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SLOWLOG keeps arguments of a script that took long: of an opening and a restore, none is the secret."""
    world.event_id = f"{event_id}-turns"
    world.create(opens_in_ms=-OPENED_AGO_MS, spread_ms=HOUR_MS)
    asked: list[tuple[Any, ...]] = []

    def run(gate: Gate, name: str, event: str, args: list[Any], keys: Sequence[str] = ()) -> Any:
        asked.append((name, args, keys))
        return Scripts.run(gate, name, event, args, keys)

    monkeypatch.setattr(Gate, "run", run)
    client.config_set("slowlog-log-slower-than", "0")
    client.config_set("slowlog-max-len", "1000")
    client.slowlog_reset()
    try:
        world.operate("open")
        world.lose_gate()
        world.with_settings(restore_wait_ms=0).operate("restore")
    finally:
        entries: Any = client.slowlog_get(1000)
        client.config_set("slowlog-log-slower-than", "10000")
    assert {"configure", "restore"} <= {name for name, *_ in asked}
    secret = _secret(world).hex()
    assert secret not in str(asked)
    scripts = [entry["command"] for entry in entries if entry["command"].upper().startswith(b"EVAL")]
    assert len(scripts) >= 2
    assert secret[:16].encode() not in b" ".join(scripts)


def test_a_configure_that_died_leaves_nothing_for_long(
    gate: Gate, client: redis.Redis, event_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The secret that its script did not take goes by itself, and the next configure brings one of its own."""
    gate.configure(event_id, 1, _turns(state="draft"), create=True)
    run = gate.run

    def die(*_: object, **__: object) -> None:
        raise Unavailable("redis", "died")

    monkeypatch.setattr(gate, "run", die)
    with pytest.raises(Unavailable):
        gate.configure(event_id, 2, _turns())
    left = list(client.scan_iter(f"coupon:{{{event_id}}}:secret:*"))
    assert len(left) == 1
    assert 0 < int(client.pttl(left[0])) <= 60_000
    monkeypatch.setattr(gate, "run", run)
    assert gate.configure(event_id, 2, _turns()) == "UPDATED"
    assert outcome_of(gate, event_id, early(event_id)) is ApplyOutcome.NOT_OPEN
    assert list(client.scan_iter(f"coupon:{{{event_id}}}:secret:*")) == left, "it has taken its own away"


def test_a_gate_is_told_all_or_nothing(
    gate: Gate, client: redis.Redis, event_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the secret has gone before the script ran, nothing is changed, and the schedule tells the gate again."""
    gate.configure(event_id, 1, _turns(state="draft"), create=True)
    before = client.hgetall(gate.keys(event_id).event)
    with monkeypatch.context() as patched:
        patched.setattr(gate.redis, "set", lambda *_, **__: True)
        with pytest.raises(Unavailable, match="secret"):
            gate.configure(event_id, 2, _turns())
    assert client.hgetall(gate.keys(event_id).event) == before
    assert gate.configure(event_id, 2, _turns()) == "UPDATED"


def _secret(world: World) -> bytes:
    event = world.stores.ledger.event(world.event_id)
    assert event is not None
    assert event.turn_secret is not None
    return event.turn_secret


# --- when the last ticket was given ----------------------------------------------------------------------------------


def test_sold_out_says_when_the_last_ticket_was_given(gate: Gate, impatient: Gate, event: str) -> None:
    """The time of the last one, also of a ticket that came free and was given again."""
    given = [_ask(gate, event, name).applied_at_ms for name in ("alice", "bob", "carol")]
    assert _ask(gate, event, "dave").sold_out_at_ms == given[-1]
    impatient.release(Ticket(event, "bob", 2, 0), None, has_row=False)
    again = _ask(gate, event, "erin")
    assert again.ticket == 2
    assert _ask(gate, event, "dave").sold_out_at_ms == again.applied_at_ms


def test_what_is_learned_raises_the_time_and_never_lowers_it(gate: Gate, client: redis.Redis, event: str) -> None:
    """The time is a maximum: of a row that a failover forgot, and beside a clock that is behind."""
    given = _ask(gate, event, "alice").applied_at_ms
    assert given is not None
    gate.settle(event, [row(event, "bob", 2)])  # of long ago
    assert client.hget(gate.keys(event).event, "given_ms") == str(given)
    later = given + HOUR_MS
    gate.settle(event, [Ticket(event, "carol", 3, later)])
    assert _ask(gate, event, "dave").sold_out_at_ms == later
    gate.configure(event, 2, fields(capacity=4))
    gate.reassign(event, "zoe", 2)
    client.hdel(gate.keys(event).event, "fresh_from_ms")
    assert _ask(gate, event, "dave").sold_out_at_ms == later


def test_restore_rebuilds_the_time_of_the_last_ticket(world: World) -> None:
    """It is the latest of all that the sources tell of: rows, and what is owed."""
    tickets = [world.apply(name) for name in ("alice", "bob", "carol")]
    world.consume(*tickets[:2])
    world.send(tickets[2])
    world.lose_gate()
    world.with_settings(restore_wait_ms=0).operate("restore")
    told = _ask(world.stores.gate, world.event_id, "dave")
    assert (told.outcome, told.sold_out_at_ms) == (ApplyOutcome.SOLD_OUT, tickets[2].applied_at_ms)
