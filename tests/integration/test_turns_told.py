"""What people are told of turns and receipts over HTTP, and that nobody is told the secret before the end."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from firstcome.operate.actions import act
from firstcome.rules import rfc3339
from tests.api import BACK_END, jwt
from tests.turns import HOUR_MS, MARGIN_MS, OPENED_AGO_MS, due, early, offset

if TYPE_CHECKING:
    from collections.abc import Callable

    import redis

    from tests.api import Api, Reply
    from tests.world import World

DOCUMENT = Path(__file__).parents[2] / "docs" / "turns.md"
CORRELATED = {"content-type": "application/json", "x-correlation-id": "order-4711"}
LIFE_MS = 600_000  # longer than any test
PATIENCE_OF_FORTY_S = 60  # forty requests take less


@pytest.fixture
def turns(world: World, event_id: str) -> World:
    """An open event of three coupons, in the middle of its turns."""
    world.event_id = f"{event_id}-turns"
    world.create(opens_in_ms=-OPENED_AGO_MS, spread_ms=HOUR_MS, timezone="Asia/Seoul")
    world.operate("open")
    return world


def _secret(world: World) -> bytes:
    event = world.stores.ledger.event(world.event_id)
    assert event is not None
    assert event.turn_secret is not None
    return event.turn_secret


def _ms(time: str) -> int:
    return int(datetime.fromisoformat(time).timestamp() * 1000)


def _wait_s(reply: Reply) -> int:
    return int(reply.headers["retry-after"])


# --- not open --------------------------------------------------------------------------------------------------------


def test_a_person_is_told_their_own_turn_at_the_same_path(turns: World, api: Api) -> None:
    """Two people, one path, one environment: each reads when it is their turn, and Retry-After ends then."""
    for which in (0, 1, 0):
        name = early(turns.event_id, _secret(turns), which)
        reply = api.post(turns.event_id, {"user_id": name})
        assert reply.code == (409, "not_open")
        turn_at = _ms(reply.body["opens_at"]) + offset(turns.event_id, name, secret=_secret(turns))
        assert reply.body["turn_at"] == rfc3339(turn_at)
        left_ms = turn_at - _ms(reply.body["now"])
        assert left_ms <= _wait_s(reply) * 1000 < left_ms + 1000
        assert reply.headers["cache-control"] == "no-store"


def test_a_draft_tells_nobody_a_turn(world: World, event_id: str, api: Api) -> None:
    """It has none yet: there is neither a time to come back at, nor a commitment."""
    world.event_id = f"{event_id}-turns"
    world.create(opens_in_ms=-OPENED_AGO_MS, spread_ms=HOUR_MS)
    reply = api.post(world.event_id, {"user_id": "alice"})
    assert reply.code == (409, "not_open")
    assert {"now", "opens_at"} <= reply.body.keys()
    assert "turn_at" not in reply.body
    assert "retry-after" not in reply.headers
    assert "turn_commitment" not in api.event(world.event_id).body


def test_without_a_spread_everybodys_turn_is_the_opening(world: World, event_id: str, api: Api) -> None:
    """Whoever asks before it hears how long it is until then."""
    world.event_id = f"{event_id}-later"
    world.create(opens_in_ms=HOUR_MS)
    world.operate("open")
    reply = api.post(world.event_id, {"user_id": "alice"})
    assert reply.body["turn_at"] == reply.body["opens_at"]
    assert HOUR_MS // 2000 < _wait_s(reply) <= HOUR_MS // 1000


def test_a_client_that_does_as_it_is_told_is_served_in_its_turn(
    world: World, event_id: str, api: Api, wait_until: Callable[..., None]
) -> None:
    """It asks from ten seconds before the opening on, gets nothing before its turn, and the coupon then."""
    world.event_id = f"{event_id}-soon"
    world.create(opens_in_ms=10_000, spread_ms=2_000)
    world.operate("open")
    replies: list[Reply] = []
    redis, keys = world.stores.gate.redis, world.stores.gate.keys(world.event_id)

    def served() -> bool:
        replies.append(api.post(world.event_id, {"user_id": "alice"}))
        if replies[-1].status == 409:
            # Time passes: nine seconds at once, then as it does.
            redis.hset(keys.event, "opens_at_ms", _ms(replies[0].body["opens_at"]) - 9_000)
        return replies[-1].status == 202

    wait_until(served, "the turn has come")
    *before, last = replies
    turn_at = _ms(before[0].body["turn_at"]) - 9_000
    assert {reply.code for reply in before} == {(409, "not_open")}
    assert all(_ms(reply.body["now"]) < turn_at for reply in before[1:])
    assert {reply.body["turn_at"] for reply in before[1:]} <= {rfc3339(turn_at)}, "a turn does not move"
    assert _ms(last.body["applied_at"]) >= turn_at


# --- after a pause, and with a lost gate -----------------------------------------------------------------------------


def _waits(ask: Callable[[], Reply], code: tuple[int, str]) -> list[int]:
    replies = [ask() for _ in range(40)]
    assert {reply.code for reply in replies} == {code}
    return [_wait_s(reply) for reply in replies]


def test_a_pause_spreads_those_whose_turn_has_passed(turns: World, api: Api) -> None:
    """Over as long as their turns took, or all of them would come at once; the others come at their turn."""
    turns.operate("pause")
    secret, paused = _secret(turns), (409, "paused")
    waits = _waits(lambda: api.post(turns.event_id, {"user_id": due(turns.event_id, secret)}), paused)
    assert max(waits) > 60, "1 to 1,800 seconds: forty draws below 61 are nearly impossible"
    assert min(waits) >= 1
    name = early(turns.event_id, secret)
    waits = _waits(lambda: api.post(turns.event_id, {"user_id": name}), paused)
    assert min(waits) * 1000 > MARGIN_MS - 1000
    assert max(waits) - min(waits) <= 1 + PATIENCE_OF_FORTY_S


def test_a_lost_gate_spreads_those_whose_turn_has_passed(turns: World, api: Api) -> None:
    """The ledger's events say which turns there are; the restored gate has the same."""
    secret, lost = _secret(turns), (503, "gate_lost")
    name = early(turns.event_id, secret)
    told = api.post(turns.event_id, {"user_id": name})
    turns.lose_gate()
    waits = _waits(lambda: api.post(turns.event_id, {"user_id": due(turns.event_id, secret)}), lost)
    assert max(waits) > 60
    waits = _waits(lambda: api.post(turns.event_id, {"user_id": name}), lost)
    assert _wait_s(told) - PATIENCE_OF_FORTY_S <= min(waits) <= max(waits) <= _wait_s(told) + 1


def test_only_an_event_with_turns_names_a_time_in_a_pause(world: World, api: Api) -> None:
    """Nobody knows how long it takes; a lost gate is asked again within three seconds, as ever."""
    world.operate("pause")
    assert "retry-after" not in api.post(world.event_id, {"user_id": "dave"}).headers
    world.lose_gate()
    assert max(_waits(lambda: api.post(world.event_id, {"user_id": "dave"}), (503, "gate_lost"))) <= 3


# --- receipts --------------------------------------------------------------------------------------------------------


def test_a_loser_reads_when_the_last_ticket_was_given(world: World, start: Callable[..., Api]) -> None:
    """From the gate and from memory: `sold_out_at`, the time now, and what to name in a complaint."""
    tickets = [world.apply(name) for name in ("alice", "bob", "carol")]
    api = start(sold_out_memory_ms=str(LIFE_MS), released_rest_ms=str(2 * LIFE_MS))
    by_gate, from_memory, again = (api.post(world.event_id, {"user_id": "dave"}, CORRELATED) for _ in range(3))
    for reply in (by_gate, from_memory):
        assert reply.code == (409, "sold_out")
        assert reply.body["sold_out_at"] == rfc3339(tickets[-1].applied_at_ms)
        assert reply.body["correlation_id"] == reply.headers["x-correlation-id"] == "order-4711"
    assert by_gate.body["sold_out_at"] <= by_gate.body["now"] <= from_memory.body["now"] <= again.body["now"]


def test_a_receipt_names_its_own_request(world: World, start: Callable[..., Api]) -> None:
    """What is the same for all losers is made once; the correlation id is not."""
    for name in ("alice", "bob", "carol"):
        world.apply(name)
    api = start(sold_out_memory_ms=str(LIFE_MS), released_rest_ms=str(2 * LIFE_MS))
    for number in range(3):
        reply = api.post(world.event_id, {"user_id": "dave"}, CORRELATED | {"x-correlation-id": f"order-{number}"})
        assert reply.body["correlation_id"] == f"order-{number}"


# --- what everybody may know -----------------------------------------------------------------------------------------


def test_the_secret_is_committed_to_at_once_and_told_at_the_end(turns: World, api: Api) -> None:
    """An event that is closed may be opened again: the secret is told once it has ended, by gate and ledger alike."""
    secret = _secret(turns)
    for action in (None, "pause", "close"):
        if action:
            turns.operate(action)
        body = api.event(turns.event_id).body
        assert (body["timezone"], body["spread_ms"]) == ("Asia/Seoul", HOUR_MS)
        assert body["turn_commitment"] == sha256(secret).hexdigest()
        assert "turn_secret" not in body
        shown = turns.operate("show")["event"]
        assert (shown["turn_commitment"], "turn_secret" in shown) == (body["turn_commitment"], False)
    turns.operate("end")
    ended = api.event(turns.event_id).body
    assert turns.operate("show")["event"]["turn_secret"] == ended["turn_secret"]
    assert sha256(bytes.fromhex(ended["turn_secret"])).hexdigest() == ended["turn_commitment"]
    turns.lose_gate()
    by_ledger = api.event(turns.event_id).body
    assert by_ledger | {"now": ""} == ended | {"now": ""}


def test_anybody_can_recompute_every_turn_after_the_end(turns: World, api: Api, tmp_path: Path) -> None:
    """The lines of docs/turns.md, run on the event's body, print what the gate had told each person."""
    told = {}
    for which in range(3):
        name = early(turns.event_id, _secret(turns), which)
        told[name] = api.post(turns.event_id, {"user_id": name}).body["turn_at"]
    turns.operate("end")
    body = tmp_path / "event.json"
    body.write_text(json.dumps(api.event(turns.event_id).body))
    script = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert len(script) == 1
    ran = subprocess.run(
        [sys.executable, "-c", script[0], body.as_uri(), *told], check=True, capture_output=True, text=True
    )
    printed = dict(line.split(" ") for line in ran.stdout.splitlines())
    assert {name: _ms(turn_at) for name, turn_at in printed.items()} == {name: _ms(at) for name, at in told.items()}


def test_nothing_that_is_said_before_the_end_has_the_secret(
    turns: World, api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    """No action, answer, log or metric: not even the beginning of it."""
    secret = _secret(turns)
    said: list[Any] = [turns.operate(action) for action in ("show", "audit", "pause", "open", "history")]
    said.append(act(turns.stores, {"action": "list"}))
    said += [turns.operate("lookup", user_id=name) for name in ("alice", early(turns.event_id, secret))]
    said.append(turns.operate("raise_capacity", capacity=4))
    names = (due(turns.event_id, secret), early(turns.event_id, secret))
    for identity in (BACK_END, jwt(names[0])):
        caller = api.as_(identity)
        said += [caller.post(turns.event_id, {"user_id": name}) for name in names]
        said += [caller.status(turns.event_id, name) for name in names]
    said.append(api.event(turns.event_id))
    turns.lose_gate()
    said += [api.post(turns.event_id, {"user_id": names[0]}), turns.with_settings(restore_wait_ms=0).retry()]
    view = turns.stores.gate.show(turns.event_id)
    assert view is not None
    assert view.turn_secret == secret
    said += [repr(view), repr(turns.stores.ledger.event(turns.event_id))]
    everything = json.dumps(said, default=str) + "".join(capsys.readouterr())
    assert secret.hex()[:12] not in everything.lower()
    assert repr(secret)[2:14] not in everything


# --- what it costs ---------------------------------------------------------------------------------------------------


def test_without_turns_an_acceptance_asks_redis_twice(
    world: World, client: redis.Redis, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For the decision, and to note the delivery; the ledger, which has the codes, is not asked at all."""
    asked: list[object] = []
    api.post(world.event_id, {"user_id": "ann"})  # connects, and loads the scripts
    for name in ("read", "transact"):
        monkeypatch.setattr(api.module.applications.ledger, name, asked.append)
    client.config_resetstat()
    assert api.post(world.event_id, {"user_id": "ben"}).word == (202, "accepted")
    stats: dict[str, dict[str, int]] = client.info("commandstats")
    assert {name: stats[f"cmdstat_{name}"]["calls"] for name in ("evalsha", "hmget")} == {"evalsha": 2, "hmget": 2}
    assert {"cmdstat_eval", "cmdstat_get", "cmdstat_script|load"} & stats.keys() == set()
    assert asked == []
