"""functions/operate: each action of the operator, and what it answers to a mistake."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from firstcome.ledger.failed_events import Failure
from firstcome.operate import table
from firstcome.operate.actions import ACTIONS, act
from firstcome.rules import BadInput, Reason

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from tests.world import World

WINDOW = {"opens_at": "2026-01-01T00:00:00Z", "closes_at": "2036-01-01T00:00:00Z"}


def test_migrate_may_be_repeated(world: World) -> None:
    """Everything is there already: nothing is applied, and no topic is made."""
    answer = world.operate("migrate", partitions=1, replication=1)
    assert (answer["migrations"], answer["topic_created"]) == ([], False)


def test_create_makes_an_event_once(world: World) -> None:
    """The same words again answer the same event; other words under the same name are a mistake."""
    fresh = type(world)(world.stores, f"{world.event_id[:40]}-new")
    made = fresh.operate("create", name="New", capacity=5, **WINDOW)
    assert (made["created"], made["gate"], made["event"]["state"]) == (True, "CREATED", "draft")
    again = fresh.operate("create", name="New", capacity=5, **WINDOW)
    assert (again["created"], again["event"]) == (False, made["event"])
    with pytest.raises(
        BadInput, match=r"exists already, and is another one: name is New, not Newer; capacity is 5, not 6"
    ):
        fresh.operate("create", name="Newer", capacity=6, **WINDOW)
    with pytest.raises(BadInput, match=r"another one: closes_at is 2036-01-01T00:00:00.000Z, not 2037-01-01"):
        fresh.operate("create", name="New", capacity=5, **WINDOW | {"closes_at": "2037-01-01T00:00:00Z"})
    assert fresh.outcome("alice") == "NOT_OPEN"


def test_an_event_goes_through_its_states(world: World) -> None:
    """Pause, open, close and end are heard by the gate at once; an ended event stays ended."""
    for action, word in [("pause", "PAUSED"), ("open", "SOLD_OUT"), ("close", "CLOSED"), ("open", "SOLD_OUT")]:
        for name in ("a", "b", "c"):
            world.outcome(name)
        assert world.operate(action)["gate"] == "UPDATED"
        assert world.outcome("dave") == word
    assert world.operate("end")["event"]["ended_at"]
    with pytest.raises(BadInput, match="ended"):
        world.operate("open")


def test_capacity_is_raised_and_never_lowered(world: World) -> None:
    """A loser may win later, when a ticket comes free."""
    world = world.with_settings(released_rest_ms=0)
    for name in ("a", "b", "c"):
        world.apply(name)
    assert world.outcome("dave") == "SOLD_OUT"
    assert world.operate("raise_capacity", capacity=4)["event"]["capacity"] == 4
    assert world.apply("dave").number == 4
    with pytest.raises(BadInput, match="never lowered"):
        world.operate("raise_capacity", capacity=3)


def test_show_tells_what_each_server_knows(world: World) -> None:
    """Ledger, gate and stream side by side."""
    world.apply("alice")
    world.consume(world.apply("bob"))
    shown = world.operate("show")
    assert (shown["coupons"], shown["unread"], shown["refused"]) == (1, 0, 0)
    assert shown["gate"] | {"pending": 1, "coupon_count": 2, "remaining": 1} == shown["gate"]
    world.lose_gate()
    assert world.operate("show")["gate"] is None


def test_failed_rows_are_listed_redriven_and_refused(world: World) -> None:
    """By event, by status and one by one."""
    alice = world.apply("alice")
    known = (alice.event_id, alice.user_id, alice.number, alice.applied_at_ms)
    world.stores.ledger.write([], [Failure(Reason.LEDGER_REJECTED, "full", b"raw", *known)])
    [row] = world.operate("list_failed", status="waiting")["rows"]
    assert (row["user_id"], row["reason"], row["payload"]) == ("alice", "ledger_rejected", "raw")
    assert world.operate("list_failed", status="dead")["rows"] == []
    assert world.operate("redrive", id=row["id"])["due"] == 1
    assert world.operate("redrive", all=True)["due"] == 1
    assert world.operate("refuse", id=row["id"])["gate"] == "RELEASED"
    assert world.operate("list_failed")["rows"][0]["status"] == "refused"
    assert world.outcome("alice") == "REFUSED"


def test_refuse_releases_the_ticket(world: World) -> None:
    """The next who asks gets it, once it has rested; a person with a coupon is not refused."""
    world = world.with_settings(released_rest_ms=0)
    world.apply("alice")
    world.operate("refuse", user_id="alice", reason="a bot")
    assert world.apply("bob").number == 1
    world.consume(world.apply("carol"))
    with pytest.raises(BadInput, match="has a coupon"):
        world.operate("refuse", user_id="carol")


def test_refuse_frees_no_ticket_that_has_a_row(world: World) -> None:
    """After a failover two people hold one ticket: the one without the row loses it, and nobody is given it anew."""
    world = world.with_settings(released_rest_ms=0)
    replica = world.snapshot()
    alice = world.apply("alice")
    world.fail_over(replica)
    assert world.apply("bob").number == alice.number
    world.consume(alice)
    assert world.operate("refuse", user_id="bob")["gate"] == "RELEASED"
    assert world.apply("carol").number == 2
    assert world.outcome("bob") == "REFUSED"


def test_expire_waits_for_the_end(world: World) -> None:
    """A live event's gate never goes by itself."""
    with pytest.raises(BadInput, match="end the event first"):
        world.operate("expire")
    world.operate("end")
    assert world.operate("expire")["gate"] == "EXPIRING"


def test_wipe_is_for_the_local_cloud_only(world: World) -> None:
    """And there only once everything is read."""
    with pytest.raises(BadInput, match="local cloud only"):
        world.operate("wipe")
    local = world.with_settings(local_cloud=True)
    ticket = local.apply("alice")
    local.send(ticket)
    with pytest.raises(BadInput, match="unread"):
        local.operate("wipe")
    local.commit(1)
    local.consume(ticket)
    assert local.operate("wipe")["wiped"] == local.event_id
    assert local.stores.gate.show(local.event_id) is None
    with pytest.raises(BadInput, match="no event"):
        local.operate("show")


def test_a_change_reaches_the_ledger_while_the_gate_is_away(
    world: World, load_handler: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer says so, and the scheduled retry tells the gate later."""
    monkeypatch.setenv("FIRSTCOME_REDIS_URL", "redis://127.0.0.1:9/0")
    monkeypatch.setenv("FIRSTCOME_MYSQL_URL", world.stores.settings.mysql_url)
    handler = load_handler("operate")
    answer = handler.handler({"action": "pause", "event_id": world.event_id}, None)
    assert answer["gate"].startswith("away: redis")
    assert world.outcome("alice") == "ACCEPTED"
    assert world.retry()["configured"] == 1
    assert world.outcome("bob") == "PAUSED"


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({}, "bad_action"),
        ([], "bad_action"),
        ({"action": "explode"}, "bad_action"),
        ({"action": ["show"]}, "bad_action"),
        ({"action": "show"}, "bad_event_id"),
        ({"action": "show", "event_id": "no spaces"}, "bad_event_id"),
        ({"action": "show", "event_id": "nobody-made-this"}, "unknown_event"),
        ({"action": "create", "event_id": "e"}, "bad_name"),
        ({"action": "create", "event_id": "e", "name": "\ud800"}, "bad_name"),
        ({"action": "create", "event_id": "e", "name": "n", "capacity": 0, **WINDOW}, "bad_capacity"),
        ({"action": "create", "event_id": "e", "name": "n", "capacity": True, **WINDOW}, "bad_capacity"),
        ({"action": "create", "event_id": "e", "name": "n", "capacity": 1, "opens_at": "soon"}, "bad_time"),
        (
            {"action": "create", "event_id": "e", "name": "n", "capacity": 1}
            | {"opens_at": WINDOW["closes_at"], "closes_at": WINDOW["opens_at"]},
            "bad_window",
        ),
        ({"action": "list_failed", "status": "lost"}, "bad_status"),
        ({"action": "list_failed", "limit": 0}, "bad_limit"),
        ({"action": "list_failed", "id": 2**40}, "bad_id"),
        ({"action": "list_failed", "id": 1, "limit": 5}, "bad_id"),
        ({"action": "list_failed", "after_id": -1}, "bad_after_id"),
        ({"action": "redrive"}, "bad_id"),
        ({"action": "redrive", "id": 2**40}, "bad_id"),
        ({"action": "refuse", "id": 2**40}, "bad_id"),
        ({"action": "refuse", "event_id": "e", "user_id": ""}, "bad_user_id"),
        ({"action": "erase"}, "bad_user_id"),
        ({"action": "erase", "user_id": "erased#1"}, "bad_user_id"),
        ({"action": "erase", "user_id": "u", "event_id": "no spaces"}, "bad_event_id"),
        ({"action": "erase", "user_id": "u", "event_id": "nobody-made-this"}, "unknown_event"),
        ({"action": "purge", "event_id": "nobody-made-this"}, "unknown_event"),
        ({"action": "refuse", "event_id": "e", "user_id": "u", "reason": 5}, "bad_reason"),
    ],
)
def test_a_mistake_is_told_by_code_and_changes_nothing(world: World, payload: Any, code: str) -> None:
    """Each names the field and what it must be."""
    with pytest.raises(BadInput) as told:
        act(world.stores, payload)
    assert told.value.code == code


@pytest.mark.parametrize("action", list(table.ACTIONS))
def test_a_field_that_an_action_does_not_know_is_refused(world: World, action: str) -> None:
    """Whatever else is said, so that a typing error never widens what an action reaches."""
    form = table.ACTIONS[action].forms[-1]
    order = {"action": action} | {field.name: field.example for field in form}
    for wrong in ("event", "staus", "userId", "capcity"):
        with pytest.raises(BadInput, match=f'{action} has no field "{wrong}"') as told:
            act(world.stores, order | {wrong: world.event_id})
        assert told.value.code == "unknown_field"


def test_what_reaches_every_event_asks_for_all_events(world: World) -> None:
    """Alone, an action on failed rows or on people is refused; reading may list all."""
    alice = world.apply("alice")
    world.stores.ledger.write([], [Failure(Reason.LEDGER_REJECTED, "full", b"raw", *alice)])
    for order in ({"action": "purge"}, {"action": "erase", "user_id": "alice"}, {"action": "redrive", "all": True}):
        with pytest.raises(BadInput, match="all_events"):
            act(world.stores, order)
        with pytest.raises(BadInput, match="contradict"):
            act(world.stores, order | {"event_id": world.event_id, "all_events": True})
    assert act(world.stores, {"action": "redrive", "all_events": True})["due"] == 1
    assert act(world.stores, {"action": "redrive", "all": True, "all_events": True})["due"] == 1
    assert len(act(world.stores, {"action": "list_failed"})["rows"]) == 1


def test_a_row_is_worked_on_only_in_the_event_that_is_named(world: World) -> None:
    """An id and an event narrow each other; a row that is closed is not tried again."""
    alice = world.apply("alice")
    world.stores.ledger.write([], [Failure(Reason.LEDGER_REJECTED, "full", b"raw", *alice)])
    [row] = world.operate("list_failed")["rows"]
    for action in ("redrive", "refuse", "list_failed"):
        with pytest.raises(BadInput, match=f"failed row {row['id']} is not one of another"):
            world.operate(action, id=row["id"], event_id="another")
    assert world.operate("redrive", id=row["id"])["due"] == 1
    world.operate("refuse", id=row["id"])
    with pytest.raises(BadInput, match="is refused: there is nothing to try again"):
        world.operate("redrive", id=row["id"])


def test_the_answer_says_what_became_of_a_change_in_the_gate(world: World) -> None:
    """A harmless repeat, a person without a ticket and a lost gate are told apart."""
    assert (world.operate("open")["gate"], "note" in world.operate("open")) == ("UNCHANGED", True)
    world.apply("alice")
    assert world.operate("refuse", user_id="alice") == {
        "action": "refuse",
        "event_id": world.event_id,
        "user_id": "alice",
        "gate": "RELEASED",
    }
    assert world.operate("refuse", user_id="alice")["gate"] == "UNCHANGED"
    stranger = world.operate("refuse", user_id="bob")
    assert (stranger["gate"], "no ticket" in stranger["note"]) == ("REFUSED", True)
    world.lose_gate()
    lost = world.operate("pause")
    assert (lost["gate"], "restored" in lost["note"]) == ("LOST", True)
    world.operate("end")
    past = world.with_settings(retention_days=0)
    assert past.operate("end")["gate"] == "GONE"


def test_every_action_is_one_of_the_documented(world: World) -> None:
    """The table is the door: what is not in it cannot be done."""
    assert list(ACTIONS) == [
        *("migrate", "create", "open", "pause", "close", "end", "raise_capacity", "edit", "delete", "reschedule"),
        *("list", "show", "issued", "winners", "lookup", "history", "operation", "list_failed"),
        *("redrive", "refuse", "revoke", "upload_codes", "restore", "reconcile", "audit", "expire", "erase"),
        *("purge", "rewind", "drop_gate", "wipe"),
    ]
    assert list(ACTIONS) == list(table.ACTIONS)


def test_the_log_has_who_acts(
    world: World,
    load_handler: Callable[[str], ModuleType],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Every action may name its actor, and may leave it out."""
    monkeypatch.setenv("FIRSTCOME_REDIS_URL", world.stores.settings.redis_url)
    monkeypatch.setenv("FIRSTCOME_MYSQL_URL", world.stores.settings.mysql_url)
    handler = load_handler("operate")
    order = {"action": "pause", "event_id": world.event_id}
    handler.handler(order, None)
    handler.handler(order | {"actor": "ana"}, None)
    acted = [record.__dict__["actor"] for record in caplog.records if record.message == "action"]
    assert acted == ["unknown", "ana"]
