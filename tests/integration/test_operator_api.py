"""The operator's API over real servers: the same actions, by whoever's groups allow them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from firstcome.ledger.failed_events import Failure
from firstcome.rules import Reason
from tests.operators import Door, token

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from tests.world import World

WINDOW = {"opens_at": "2026-01-01T00:00:00Z", "closes_at": "2036-01-01T00:00:00Z"}
ALICE = "alice-who-is-a-person"
SECRET = "what-the-record-says"


@pytest.fixture
def door(world: World, load_handler: Callable[..., ModuleType], monkeypatch: pytest.MonkeyPatch) -> Door:
    """An execution environment over the world's servers, asked by an admin."""
    for name in ("redis_url", "kafka_bootstrap", "kafka_topic", "kafka_group", "mysql_url"):
        monkeypatch.setenv(f"FIRSTCOME_{name.upper()}", str(getattr(world.stores.settings, name)))
    return Door(load_handler("operate", "web"), token("ada", "admin"))


@pytest.fixture
def failed(world: World) -> World:
    """An event with a failed row of a person."""
    ticket = world.apply(ALICE)
    known = (ticket.event_id, ticket.user_id, ticket.number, ticket.applied_at_ms)
    world.stores.ledger.write([], [Failure(Reason.LEDGER_REJECTED, f"E-{ALICE}", SECRET.encode(), *known)])
    return world


def version(door: Door, event_id: str) -> int:
    """Return the event's version as somebody sees it who looks."""
    seen: int = door.get(f"/events/{event_id}").body["event"]["config_version"]
    return seen


def test_an_event_is_made_opened_and_ended(door: Door, world: World) -> None:
    """As by a direct invoke, with the version that was seen."""
    event_id = f"{world.event_id[:40]}-new"
    ana = door.as_("ana", "operator")
    made = ana.act(event_id, "create", name="New", capacity=5, **WINDOW)
    assert (made.status, made.body["created"], made.body["gate"]) == (200, True, "CREATED")
    opened = ana.act(event_id, "open", expect_version=version(ana, event_id))
    assert opened.body["event"]["state"] == "open"
    assert ana.act(event_id, "end", expect_version=version(ana, event_id)).code == (403, "forbidden")
    assert door.act(event_id, "end", expect_version=version(door, event_id)).body["event"]["state"] == "ended"
    assert door.act(event_id, "open", expect_version=version(door, event_id)).status == 409


def test_of_two_operators_with_one_version_one_succeeds(door: Door, world: World) -> None:
    """The other reads `changed`, with the version that the event has by now; both have a row with their names."""
    seen = version(door, world.event_id)
    bob, carol = door.as_("bob", "operator"), door.as_("carol", "operator")
    assert bob.act(world.event_id, "pause", expect_version=seen, request_id="bobs").status == 200
    late = carol.act(world.event_id, "close", expect_version=seen, request_id="carols")
    assert late.code == (409, "changed")
    assert str(version(door, world.event_id)) in late.body["detail"]
    rows = [world.stores.ledger.operation(name) for name in ("bobs", "carols")]
    assert [(row.actor, row.actor_kind, row.status) for row in rows if row] == [
        ("bob", "token", "done"),
        ("carol", "token", "refused"),
    ]


def test_a_token_must_say_which_version_was_seen(door: Door, world: World) -> None:
    """Nobody changes what they have not looked at."""
    assert door.act(world.event_id, "pause").code == (400, "bad_expect_version")


def test_a_repeat_is_answered_by_the_row(door: Door, world: World) -> None:
    """Under one request id the answer is the first one; other words under it are a mistake."""
    seen = version(door, world.event_id)
    first = door.act(world.event_id, "pause", expect_version=seen, request_id="r-1")
    again = door.act(world.event_id, "pause", expect_version=seen, request_id="r-1")
    assert again.body == first.body | {"repeated": True}
    other = door.act(world.event_id, "close", expect_version=seen + 1, request_id="r-1")
    assert other.code == (409, "request_id_used")
    assert version(door, world.event_id) == seen + 1


def test_a_viewer_sees_no_personal_data(door: Door, failed: World) -> None:
    """In no answer that a viewer can get is there a person's id, or a record; an operator sees both."""
    failed.consume(failed.apply("bob-who-is-another"))
    vera, ana = door.as_("vera", "viewer"), door.as_("ana", "operator")
    door.act(failed.event_id, "refuse", user_id=ALICE, reason=SECRET)
    paths = [f"/events/{failed.event_id}{more}" for more in ("", "/failed", "/issued", "/history")]
    paths += ["/events", "/failed", "/history", "/me"]
    shown = "".join(str(vera.get(path).body) for path in paths)
    shown += str(vera.act(failed.event_id, "audit").body)
    for personal in (ALICE, "bob-who-is-another", SECRET):
        assert personal not in shown
    for path in ("/winners", f"/people/{ALICE}"):
        assert vera.get(f"/events/{failed.event_id}{path}").code == (403, "forbidden")
    [row] = ana.get(f"/events/{failed.event_id}/failed").body["rows"]
    assert (row["user_id"], row["payload"]) == (ALICE, SECRET)
    [masked] = vera.get("/failed", id=row["id"]).body["rows"]
    assert SECRET not in str(masked)


def test_what_is_unknown_is_not_found(door: Door, world: World) -> None:
    """An event, by every way of asking for it."""
    for path in ("/events/nothing", "/events/nothing/issued"):
        assert door.get(path).code == (404, "unknown_event")
    for action, more in (("open", {"expect_version": 1}), ("restore", {}), ("audit", {})):
        assert door.act("nothing", action, **more).code == (404, "unknown_event")
    assert version(door, world.event_id)


def test_issued_counts_by_the_second(door: Door, world: World) -> None:
    """Every coupon once, whatever the page; the seconds are those of the ledger's clock."""
    with world.stores.ledger.connect() as connection, connection.cursor() as cursor:
        for number, at in enumerate(("12:00:00.000", "12:00:00.999", "12:00:07.500"), 1):
            cursor.execute(
                "INSERT INTO coupon VALUES (%s, %s, %s, '2030-01-01', %s)",
                (world.event_id, number, f"u{number}", f"2030-01-01 {at}"),
            )
    noon, later = ["2030-01-01T12:00:00.000Z", 2], ["2030-01-01T12:00:07.000Z", 1]
    whole = door.get(f"/events/{world.event_id}/issued").body
    assert (whole["rows"], whole["next"]) == ([noon, later], None)
    rest = door.get(f"/events/{world.event_id}/issued", after=noon[0]).body
    assert (rest["rows"], rest["next"]) == ([later], None)


def test_a_server_that_is_away_is_answered_503(door: Door, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """503 with a time to come back; the change may have been made, and its request id says so later."""
    monkeypatch.setenv("FIRSTCOME_MYSQL_URL", "mysql://root@127.0.0.1:1/firstcome")
    module = door.module
    away = type(module.stores).from_env()
    monkeypatch.setattr(module, "stores", away)
    answer = door.get(f"/events/{world.event_id}")
    assert answer.code == (503, "try_again")
    away.close()


def test_a_server_that_is_not_set_up_for_it_is_told_by_name(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    """To repeat it does not help: 409 names what somebody has to change, and the log has it, as it is no mistake."""
    answer = door.post("/actions/migrate", replication=3)
    assert answer.code == (409, "unsuitable")
    assert answer.body["detail"].endswith("replication is 1, expected 3: add replicas")
    [line] = [record for record in caplog.records if record.message == "operator_api"]
    assert "Unsuitable" in line.reason  # type: ignore[attr-defined]


def test_redrive_and_refuse_by_row(failed: World, door: Door) -> None:
    """What has no event in its path is asked for without one."""
    [row] = door.get("/failed", status="waiting").body["rows"]
    assert door.post("/actions/redrive", id=row["id"]).body["due"] == 1
    assert door.post("/actions/refuse", id=row["id"]).body["gate"] == "RELEASED"
    assert door.post("/actions/redrive", id=row["id"]).status == 400


def test_codes_are_uploaded_and_a_coupon_is_revoked(door: Door, world: World) -> None:
    """What is refused of it is said by its code; each answer is one that the document has."""
    world.consume(world.apply(ALICE))
    done = door.act(world.event_id, "upload_codes", codes=["A", "B", "C"]).body
    assert (done["new"], done["unchanged"]) == (3, 0)
    assert door.act(world.event_id, "upload_codes", codes=["A", "D"]).code == (409, "has_code")
    assert door.act(world.event_id, "upload_codes", codes=["A", "A"]).code == (409, "duplicate_codes")
    assert door.act(world.event_id, "revoke", user_id="nobody").code == (409, "no_coupon")
    revoked = door.act(world.event_id, "revoke", user_id=ALICE).body
    assert (revoked["ticket"], revoked["code_spent"], revoked["gate"]) == (1, True, "RELEASED")
