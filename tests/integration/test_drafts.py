"""functions/operate: drafts are edited and deleted; an event is rescheduled once its gate has said so."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from firstcome.operate.actions import act
from firstcome.rules import BadInput, Unavailable, parse_time, rfc3339

if TYPE_CHECKING:
    from tests.world import World

WINDOW = {"opens_at": "2030-01-01T00:00:00Z", "closes_at": "2031-01-01T00:00:00Z"}
MINUTE_MS = 60_000


def draft(world: World, **fields: Any) -> World:
    """Return a world with a draft of its own."""
    fresh = type(world)(world.stores, f"{world.event_id[:40]}-draft")
    fresh.operate("create", **{"name": "Draft", "capacity": 5, **WINDOW, **fields})
    return fresh


def test_a_draft_is_edited(world: World) -> None:
    """Every field, each alone or together; ledger and gate have the new ones, and nothing else has changed."""
    fresh = draft(world)
    before = fresh.operate("show")["event"]
    wanted = {"name": "New", "capacity": 2, "timezone": "Asia/Seoul", "spread_ms": 5_000}
    edited = fresh.operate("edit", **wanted)
    assert edited["gate"] == "UPDATED"
    assert edited["event"] == before | wanted | {"config_version": 2}
    assert fresh.operate("show")["gate"]["capacity"] == 2
    later = fresh.operate("edit", opens_at="2030-06-01T00:00:00Z", closes_at="2030-07-01T00:00:00Z")["event"]
    assert (later["opens_at"], later["name"]) == ("2030-06-01T00:00:00.000Z", "New")
    unchanged = fresh.operate("edit", name="New")
    assert (unchanged["event"]["config_version"], unchanged["gate"]) == (3, "UNCHANGED")


def test_a_draft_keeps_a_window(world: World) -> None:
    """An edit that would leave no moment after the last turn is refused."""
    fresh = draft(world)
    for wanted in ({"opens_at": "2032-01-01T00:00:00Z"}, {"closes_at": "2029-01-01T00:00:00Z"}):
        with pytest.raises(BadInput) as told:
            fresh.operate("edit", **wanted)
        assert told.value.code == "bad_window"
    with pytest.raises(BadInput, match="last turn"):
        fresh.operate("edit", closes_at="2030-01-01T00:00:10Z", spread_ms=10_000)


def test_only_a_draft_is_edited_or_deleted(world: World) -> None:
    """An event that people may have met keeps what they were told."""
    for action, fields, code in (("edit", {"capacity": 2}, "not_draft"), ("delete", {}, "bad_transition")):
        with pytest.raises(BadInput) as told:
            world.operate(action, **fields)
        assert told.value.code == code


def test_a_deleted_draft_leaves_a_tombstone(world: World) -> None:
    """Nobody meets it any more, its gate is gone, and its id is never used again."""
    fresh = draft(world)
    assert fresh.operate("delete", request_id="d")["event"]["state"] == "deleted"
    assert not world.stores.gate.exists(fresh.event_id)
    with pytest.raises(BadInput, match="there is no event"):
        fresh.operate("show")
    with pytest.raises(BadInput, match="an id is never used again"):
        fresh.operate("create", name="Draft", capacity=5, **WINDOW)
    assert fresh.operate("delete", request_id="d")["repeated"] is True
    [row] = [row for row in act(world.stores, {"action": "history"})["rows"] if row["action"] == "delete"]
    assert (row["version_before"], row["version_after"], row["status"]) == (1, 2, "done")


def test_a_draft_is_deleted_with_its_gate_or_not_at_all(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Redis is away, the draft stays; otherwise its gate would stay for ever."""
    fresh = draft(world)

    def away(event_id: str) -> None:
        raise Unavailable("redis", f"cut by the test: {event_id}")

    with monkeypatch.context() as cut:
        cut.setattr(fresh.stores.gate, "delete", away)
        with pytest.raises(Unavailable):
            fresh.operate("delete")
    assert fresh.operate("show")["event"]["state"] == "draft"


def test_create_deletes_what_an_id_has_left_behind(world: World) -> None:
    """A released ticket of a former event would be handed out, and its gate would answer for the new one."""
    fresh = type(world)(world.stores, f"{world.event_id[:40]}-again")
    keys = world.stores.gate.keys(fresh.event_id)
    redis = world.stores.gate.redis
    redis.hset(keys.event, mapping={"config_version": 99, "capacity": 100, "state": "open"})
    fresh.plant("old", 1)
    redis.zadd(keys.released, {"77": 77})
    assert fresh.operate("create", name="Again", capacity=3, **WINDOW)["gate"] == "CREATED"
    assert fresh.operate("show")["gate"]["capacity"] == 3
    assert not redis.exists(keys.applied_user, keys.released)


def opening_in(world: World, ms: int, **fields: Any) -> World:
    """Return a world with an open event that opens in so many ms."""
    now = int(time.time() * 1000)
    window = {"opens_at": rfc3339(now + ms), "closes_at": rfc3339(now + 600 * MINUTE_MS)}
    fresh = draft(world, **window, **fields)
    fresh.operate("open")
    return fresh


def later(time_: str, ms: int) -> str:
    """Return the time so many ms later."""
    return rfc3339(parse_time("time", time_) + ms)


def test_an_event_is_rescheduled_to_later(world: World) -> None:
    """Both times, or one; the gate has said so, and neither is ever earlier."""
    fresh = opening_in(world, 60 * MINUTE_MS)
    event = fresh.operate("show")["event"]
    opens_at = later(event["opens_at"], MINUTE_MS)
    moved = fresh.operate("reschedule", opens_at=opens_at)
    assert (moved["gate"], moved["event"]["opens_at"], moved["event"]["closes_at"]) == (
        "UPDATED",
        opens_at,
        event["closes_at"],
    )
    view = fresh.stores.gate.show(fresh.event_id)
    assert view is not None
    assert rfc3339(view.opens_at_ms) == opens_at
    assert fresh.operate("reschedule", closes_at=later(event["closes_at"], 1))["gate"] == "UPDATED"
    assert fresh.operate("reschedule", opens_at=opens_at)["gate"] == "UNCHANGED"
    for field in ("opens_at", "closes_at"):
        with pytest.raises(BadInput) as told:
            fresh.operate("reschedule", **{field: event[field]})
        assert told.value.code == "earlier"


def test_a_rescheduled_event_keeps_a_window(world: World) -> None:
    """It closes after the last turn."""
    fresh = opening_in(world, 60 * MINUTE_MS, spread_ms=10_000)
    closes_at = fresh.operate("show")["event"]["closes_at"]
    with pytest.raises(BadInput, match="last turn"):
        fresh.operate("reschedule", opens_at=later(closes_at, -10_000))
    fresh.operate("reschedule", opens_at=later(closes_at, -10_001))


@pytest.mark.parametrize(
    ("opens_in_ms", "why"), [(MINUTE_MS, "opens at .* in the last 120 s before"), (-MINUTE_MS, "opened at")]
)
def test_an_opening_that_is_near_does_not_move(world: World, opens_in_ms: int, why: str) -> None:
    """In the last two minutes, and afterwards; its end still may."""
    fresh = opening_in(world, opens_in_ms)
    event = fresh.operate("show")["event"]
    with pytest.raises(BadInput, match=f"{why}.* pause it instead") as told:
        fresh.operate("reschedule", opens_at=later(event["opens_at"], 10 * MINUTE_MS))
    assert told.value.code == "too_late"
    assert fresh.operate("reschedule", closes_at=later(event["closes_at"], MINUTE_MS))["gate"] == "UPDATED"


def test_an_ended_event_is_not_rescheduled(world: World) -> None:
    """It is over for good."""
    world.operate("end")
    with pytest.raises(BadInput, match="has ended"):
        world.operate("reschedule", closes_at="2040-01-01T00:00:00Z")


def test_a_lost_gate_is_not_rescheduled(world: World) -> None:
    """Nothing is changed: nobody could say that the opening has moved."""
    fresh = opening_in(world, 60 * MINUTE_MS)
    fresh.lose_gate()
    with pytest.raises(Unavailable, match="lost"):
        fresh.operate("reschedule", closes_at="2040-01-01T00:00:00Z")
    assert fresh.operate("show")["event"]["config_version"] == 2


def test_a_reschedule_is_done_once_the_gate_has_said_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Redis falls silent in between, it is begun; a repeat of the request finishes it, as the schedule does."""
    fresh = opening_in(world, 60 * MINUTE_MS)
    order = {"closes_at": "2040-01-01T00:00:00Z", "request_id": "r"}

    def away(*_: Any, **__: Any) -> None:
        raise Unavailable("redis", "cut by the test")

    with monkeypatch.context() as cut:
        cut.setattr(fresh.stores.gate, "configure", away)
        with pytest.raises(Unavailable, match="the gate has not"):
            fresh.operate("reschedule", **order)
    found = fresh.stores.ledger.operation("r")
    assert found is not None
    assert found.status == "begun"
    fresh.retry()
    again = fresh.operate("reschedule", **order)
    assert (again["gate"], again["repeated"], again["event"]["closes_at"]) == (
        "UNCHANGED",
        True,
        "2040-01-01T00:00:00.000Z",
    )
    found = fresh.stores.ledger.operation("r")
    assert found is not None
    assert found.status == "done"
