"""Rows of `operation`: who asked for what, what it came to, and what a repeat is answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from firstcome.ledger.failed_events import Failure
from firstcome.ledger.operations import Request
from firstcome.operate import changes, table
from firstcome.operate.actions import ACTIONS, act
from firstcome.operate.recorded import Decision, Long, Repeatable
from firstcome.operate.who import Who
from firstcome.rules import ActorKind, BadInput, EventState, OperationStatus, Reason, Unavailable

if TYPE_CHECKING:
    from firstcome.ledger.operations import Operation
    from tests.world import World

ANA = Who("ana", ActorKind.TOKEN, frozenset({"operator"}))


def rows(world: World) -> list[Operation]:
    """Return the event's history, the oldest first."""
    return world.stores.ledger.operations(world.event_id, 100)[::-1]


def row(world: World, request_id: str) -> Operation:
    """Return the row of a request, which there must be."""
    found = world.stores.ledger.operation(request_id)
    assert found is not None, f"{request_id} has no row"
    return found


def test_every_change_has_a_row(world: World) -> None:
    """Who asked for what, from which version to which, and what it came to."""
    act(world.stores, {"action": "pause", "event_id": world.event_id, "expect_version": 2, "request_id": "p"}, ANA)
    world.operate("open", actor="bob", request_id="o")
    world.operate("close", request_id="c")
    created, opened, *_ = rows(world)
    assert (created.action, created.version_before, created.version_after) == ("create", None, 1)
    assert (opened.action, opened.version_before, opened.version_after) == ("open", 1, 2)
    assert {len(one.request_id) for one in (created, opened)} == {32}
    paused = row(world, "p")
    assert (paused.actor, paused.actor_kind, paused.status) == ("ana", "token", "done")
    assert (paused.version_before, paused.version_after) == (2, 3)
    assert paused.what == {"event_id": world.event_id, "expect_version": 2}
    assert paused.answer is not None
    assert (paused.answer["gate"], paused.answer["event"]["state"]) == ("UPDATED", "paused")
    assert [(one.actor, one.actor_kind) for one in (row(world, "o"), row(world, "c"))] == [
        ("bob", "claimed"),
        ("unknown", "claimed"),
    ]


def test_looking_writes_no_row(world: World) -> None:
    """What changes nothing has no row; what changes something is a decision, or made to be repeated."""
    before = len(rows(world))
    for action in ("show", "list_failed", "audit"):
        world.operate(action)
    assert len(rows(world)) == before
    for name, rule in table.ACTIONS.items():
        work = ACTIONS[name]
        at_once = work.at_once if isinstance(work, Long) else work
        assert rule.changes == isinstance(at_once, Decision | Repeatable), name


def test_a_repeat_is_answered_what_was_answered_first(world: World) -> None:
    """Whatever has happened since: the repeat of a pause does not pause again."""
    first = world.operate("pause", request_id="p")
    world.operate("open")
    again = world.operate("pause", request_id="p")
    assert again == first | {"repeated": True}
    assert world.outcome("alice") == "ACCEPTED"
    assert world.operate("show")["event"]["state"] == "open"


def test_a_request_id_is_one_request(world: World) -> None:
    """The same id with other fields, or for another action, is refused."""
    world.operate("raise_capacity", capacity=5, request_id="r")
    for action, fields in (("raise_capacity", {"capacity": 6}), ("pause", {})):
        with pytest.raises(BadInput) as told:
            world.operate(action, request_id="r", **fields)
        assert told.value.code == "request_id_used"
    assert world.operate("show")["event"]["capacity"] == 5


def test_who_saw_an_older_version_decides_nothing(world: World) -> None:
    """Two operators change one event with one version: one succeeds, one reads `changed`, the history has both."""
    seen = world.operate("show")["event"]["config_version"]
    order = {"event_id": world.event_id, "expect_version": seen}
    bob = Who("bob", ActorKind.TOKEN, frozenset({"operator"}))
    act(world.stores, {"action": "raise_capacity", "capacity": 5, "request_id": "a", **order}, ANA)
    with pytest.raises(BadInput, match=f"is at version {seen + 1} by now, not {seen}") as told:
        act(world.stores, {"action": "pause", "request_id": "b", **order}, bob)
    assert told.value.code == "changed"
    assert world.operate("show")["event"]["state"] == "open"
    assert [(one.actor, one.status) for one in rows(world)[-2:]] == [("ana", "done"), ("bob", "refused")]
    assert row(world, "b").version_before == seen + 1


def test_a_refusal_to_act_has_a_row(world: World) -> None:
    """Nothing else of it stays, and a repeat is refused in the same words, whatever has happened since."""
    world.operate("end")
    with pytest.raises(BadInput) as told:
        world.operate("open", request_id="o")
    refused = row(world, "o")
    assert (refused.status, refused.version_after) == ("refused", refused.version_before)
    assert refused.answer == {"code": "bad_transition", "detail": told.value.detail}
    with pytest.raises(BadInput, match=told.value.detail):
        world.operate("open", request_id="o")
    with pytest.raises(BadInput):
        act(world.stores, {"action": "open", "event_id": "nobody-made-this", "request_id": "n"})
    assert row(world, "n").status == "refused"


def test_a_malformed_payload_has_no_row(world: World) -> None:
    """It asks for nothing that could be told later; neither has what a group may not do."""
    before = len(rows(world))
    with pytest.raises(BadInput):
        world.operate("raise_capacity", capacity="ten")
    with pytest.raises(BadInput):
        act(world.stores, {"action": "end", "event_id": world.event_id, "expect_version": 2}, ANA)
    assert len(rows(world)) == before


def dies(*_: Any, **__: Any) -> Any:
    """The process ends here."""
    raise Unavailable("redis", "killed by the test")


def test_a_repeat_does_the_rest(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the process died before the gate was told, the repeat tells it, and decides nothing anew."""
    with monkeypatch.context() as broken:
        broken.setitem(ACTIONS, "pause", Decision(changes.into(EventState.PAUSED).decide, dies))
        with pytest.raises(Unavailable):
            world.operate("pause", request_id="p")
    assert (row(world, "p").status, world.outcome("alice")) == ("begun", "ACCEPTED")
    again = world.operate("pause", request_id="p")
    assert (again["gate"], again["repeated"], row(world, "p").status) == ("UPDATED", True, "done")
    assert world.outcome("bob") == "PAUSED"
    # One that was undone meanwhile stays undone.
    with monkeypatch.context() as broken:
        broken.setitem(ACTIONS, "close", Decision(changes.into(EventState.CLOSED).decide, dies))
        with pytest.raises(Unavailable):
            world.operate("close", request_id="c")
    world.operate("open")
    world.operate("close", request_id="c")
    assert world.operate("show")["event"]["state"] == "open"
    assert world.outcome("bob") == "ACCEPTED"


def test_a_change_and_its_row_are_one_transaction(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the row cannot be written, nothing is changed; where the change fails, the row does not stay."""
    with monkeypatch.context() as broken:
        broken.setattr(type(world.stores.ledger), "decide_operation", dies)
        with pytest.raises(Unavailable):
            world.operate("pause", request_id="p")
    assert world.stores.ledger.operation("p") is None
    assert world.operate("show")["event"]["state"] == "open"


def test_a_repeatable_action_is_begun_first(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was cut off stays begun, and its repeat does it again."""
    with monkeypatch.context() as broken:
        broken.setitem(ACTIONS, "restore", Repeatable(dies))
        with pytest.raises(Unavailable):
            world.operate("restore", request_id="r")
    assert row(world, "r").status == "begun"
    assert world.operate("restore", request_id="r") == {"action": "restore", "outcome": "alive", "repeated": True}
    assert row(world, "r").status == "done"
    with pytest.raises(BadInput):
        world.operate("expire", request_id="e")
    assert row(world, "e").status == "refused"


def test_migrate_has_its_row_afterwards(world: World) -> None:
    """Before it the table may not be there."""
    act(world.stores, {"action": "migrate", "partitions": 1, "replication": 1, "request_id": "m", "actor": "ci"})
    assert (row(world, "m").actor, row(world, "m").status) == ("ci", "done")
    assert row(world, "m").what == {"partitions": 1, "replication": 1}


def test_a_repeated_migrate_answers_what_it_answered_first(world: World) -> None:
    """It looks again, for the table may not have been there; another request's id is not taken for its own."""
    order = {"action": "migrate", "partitions": 1, "replication": 1, "request_id": "m"}
    world.stores.ledger.begin_operation(
        Request("m", "ci", ActorKind.CLAIMED, "migrate", None, None, {"partitions": 1, "replication": 1}),
        OperationStatus.DONE,
        {"migrations": ["the first"]},
    )
    assert act(world.stores, order) == {"action": "migrate", "migrations": ["the first"], "repeated": True}
    world.operate("pause", request_id="p")
    with pytest.raises(BadInput) as told:
        act(world.stores, order | {"request_id": "p"})
    assert told.value.code == "request_id_used"


def test_a_refused_person_is_named_by_column(world: World) -> None:
    """So an erasure finds them, by whichever name they were refused."""
    alice = world.apply("alice")
    world.stores.ledger.write([], [Failure(Reason.LEDGER_REJECTED, "full", b"raw", *alice)])
    [failed] = world.operate("list_failed")["rows"]
    world.operate("refuse", id=failed["id"], request_id="a")
    world.operate("refuse", user_id="bob", request_id="b")
    assert [row(world, name).user_id for name in "ab"] == ["alice", "bob"]


def over(world: World) -> World:
    """Return the world after its event has ended, and its retention is over."""
    world.operate("end")
    world.stores.gate.delete(world.event_id)
    return world.with_settings(retention_days=0)


def test_erase_never_writes_whom_it_erases(world: World) -> None:
    """Its row has no person; a repeat erases again, since the row cannot say whether it is the same one."""
    world.operate("refuse", user_id="alice", reason="alice is a bot", request_id="x")
    past = over(world)
    for _ in range(2):
        past.operate("erase", user_id="alice", request_id="e")
    with world.stores.ledger.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT * FROM operation")
        assert "alice" not in str(cursor.fetchall())
    assert row(world, "e").what == {"event_id": world.event_id}
    assert str(row(world, "x").user_id).startswith("erased#")
    past.operate("erase", user_id="bob", request_id="e")


def test_a_request_about_no_event_is_erased_too(world: World) -> None:
    """Somebody who was refused in an event that there never was."""
    with pytest.raises(BadInput):
        act(world.stores, {"action": "refuse", "event_id": "never-made", "user_id": "alice", "request_id": "x"})
    assert row(world, "x").user_id == "alice"
    act(world.stores, {"action": "erase", "user_id": "alice", "all_events": True})
    assert "alice" not in str(row(world, "x"))


def test_purge_takes_everybody_out_of_the_history(world: World) -> None:
    """In one event, and in all that ended long enough ago."""
    world.operate("refuse", user_id="alice", request_id="x")
    past = over(world).with_settings(retention_days=0, ledger_retention_days=0)
    act(past.stores, {"action": "purge", "all_events": True})
    assert "alice" not in str(rows(world))


def test_wipe_leaves_no_history(world: World) -> None:
    """Every trace goes, its own row as well."""
    world.with_settings(local_cloud=True).operate("wipe")
    assert rows(world) == []


def test_a_repeated_create_makes_no_gate(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """By then there may have been one that was lost with its tickets: only restore makes it anew."""
    fresh = type(world)(world.stores, f"{world.event_id[:40]}-new")
    order = {"name": "New", "capacity": 1, "opens_at": "2030-01-01T00:00:00Z", "closes_at": "2031-01-01T00:00:00Z"}
    with monkeypatch.context() as broken:
        broken.setitem(ACTIONS, "create", Decision(changes.create, dies))
        with pytest.raises(Unavailable):
            fresh.operate("create", request_id="c", **order)
    again = fresh.operate("create", request_id="c", **order)
    assert (again["created"], again["gate"], again["repeated"]) == (True, "LOST", True)
    assert not world.stores.gate.exists(fresh.event_id)
