"""functions/operate: what an operator looks at, page by page."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from firstcome.ledger.failed_events import Failure
from firstcome.operate import pages
from firstcome.operate.actions import act
from firstcome.operate.bounded import ANSWER_MAX_BYTES
from firstcome.operate.fields import WINNERS_LIMIT_MAX
from firstcome.operate.who import Who
from firstcome.rules import ActorKind, BadInput, Reason, Unavailable, rfc3339
from tests.integration.ended import outlive
from tests.world import HOUR_MS

if TYPE_CHECKING:
    from tests.api import Api
    from tests.world import World

WINDOW = {"opens_at": "2030-01-01T00:00:00Z", "closes_at": "2031-01-01T00:00:00Z"}


def all_pages(world: World, order: dict[str, Any]) -> list[Any]:
    """Return the rows of every page."""
    rows: list[Any] = []
    after: dict[str, Any] = {}
    while True:
        answer = act(world.stores, order | after)
        rows += answer["rows"]
        if answer["next"] is None:
            return rows
        after = {"after": answer["next"]}


def test_events_are_listed_page_by_page(world: World) -> None:
    """By id, each once, with state, window and counts; a deleted draft is none."""
    world.consume(world.apply("alice"))
    bob = world.apply("bob")
    world.stores.ledger.write([], [Failure(Reason.LEDGER_REJECTED, "full", b"raw", *bob)])
    for name in ("a-1", "a-2", "z-9"):
        act(world.stores, {"action": "create", "event_id": name, "name": name, "capacity": 1, **WINDOW})
    act(world.stores, {"action": "delete", "event_id": "a-2"})
    rows = all_pages(world, {"action": "list", "limit": 1})
    assert [row["event_id"] for row in rows] == ["a-1", world.event_id, "z-9"]
    mine = rows[1]
    assert (mine["state"], mine["highest_ticket"], mine["failed"]) == ("open", 1, {"waiting": 1, "dead": 0})
    assert mine["gate"] == {"remaining": 1, "pending": 1}
    drafts = act(world.stores, {"action": "list", "state": "draft"})
    assert ([row["event_id"] for row in drafts["rows"]], drafts["next"]) == (["a-1", "z-9"], None)
    assert "turn_secret" not in json.dumps(rows)


def test_a_list_names_a_redis_that_is_away(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once, and without asking it for every event."""
    asked = []

    def away(event_id: str) -> None:
        asked.append(event_id)
        raise Unavailable("redis", "cut by the test")

    act(world.stores, {"action": "create", "event_id": "a-1", "name": "a", "capacity": 1, **WINDOW})
    monkeypatch.setattr(world.stores.gate, "show", away)
    answer = act(world.stores, {"action": "list"})
    assert (answer["gate"][:5], [row["gate"] for row in answer["rows"]], len(asked)) == ("away:", [None, None], 1)


def test_winners_are_listed_by_ticket(world: World) -> None:
    """Each once, whatever the page; with times, and no further than the rows go."""
    world.operate("raise_capacity", capacity=25)
    people = [f"u{n}" for n in range(25)]
    world.consume(*(world.apply(name) for name in people))
    rows = all_pages(world, {"action": "winners", "event_id": world.event_id, "limit": 10})
    assert [(row["ticket"], row["user_id"]) for row in rows] == list(enumerate(people, 1))
    assert set(rows[0]) == {"ticket", "user_id", "applied_at", "issued_at", "has_code", "redeemed", "code"}


def test_a_page_of_the_longest_winners_fits(world: World) -> None:
    """A page is cut where it would be too long, and the next one goes on."""
    longest = {"ticket": 10**7, "user_id": "u" * 255, "applied_at": "x" * 24, "issued_at": "x" * 24, "code": "c" * 64}
    found = list(range(WINNERS_LIMIT_MAX + 1))
    whole = pages.page(found, WINNERS_LIMIT_MAX, lambda _: longest, lambda n: n)
    assert (len(json.dumps(whole)) < ANSWER_MAX_BYTES, len(whole["rows"])) == (True, WINNERS_LIMIT_MAX)
    cut = pages.page(found, WINNERS_LIMIT_MAX, lambda _: longest | {"more": "x" * 500}, lambda n: n)
    assert len(json.dumps(cut)) < ANSWER_MAX_BYTES
    assert cut["next"] == len(cut["rows"]) - 1


def test_what_was_issued_is_counted_by_second(world: World) -> None:
    """Every row is in one second; a page of a busy hour goes on with the next."""
    world.operate("raise_capacity", capacity=9)
    world.consume(*(world.apply(f"u{n}") for n in range(9)))
    with world.stores.ledger.connect() as connection, connection.cursor() as cursor:
        for ticket, at in ((1, "10:00:00.000"), (2, "10:00:00.999"), (3, "10:00:01.000")):
            cursor.execute(
                "UPDATE coupon SET issued_at = %s WHERE event_id = %s AND ticket = %s",
                (f"2026-01-01 {at}", world.event_id, ticket),
            )
    rows = world.operate("issued")["rows"]
    assert rows[:2] == [["2026-01-01T10:00:00.000Z", 2], ["2026-01-01T10:00:01.000Z", 1]]
    assert sum(count for _, count in rows) == 9
    assert world.operate("issued", after=rows[0][0])["rows"] == rows[1:]


def test_history_is_the_newest_first(world: World) -> None:
    """Page by page, of one event or of all; a viewer reads who did what, and not about whom."""
    world.operate("refuse", user_id="alice", reason="alice is a bot")
    with pytest.raises(BadInput):
        world.operate("raise_capacity", capacity=1)
    rows = all_pages(world, {"action": "history", "event_id": world.event_id, "limit": 2})
    assert [row["action"] for row in rows] == ["raise_capacity", "refuse", "open", "create"]
    assert (rows[0]["status"], rows[0]["code"]) == ("refused", "capacity_lowered")
    assert rows[1]["what"]["reason"] == "alice is a bot"
    assert len(all_pages(world, {"action": "history"})) == 4
    viewer = Who("eve", ActorKind.TOKEN, frozenset({"viewer"}))
    assert "alice" not in json.dumps(act(world.stores, {"action": "history"}, viewer))
    one = {"action": "operation", "id": rows[1]["id"]}
    assert "alice" not in json.dumps(act(world.stores, one, viewer))
    assert act(world.stores, one)["operation"]["answer"]["gate"] == "REFUSED"
    with pytest.raises(BadInput, match="there is no operation 9"):
        act(world.stores, {"action": "operation", "id": 999_999_999})


def reached(world: World, name: str, step: str) -> None:
    """Bring one person to a step."""
    if step == "refused":
        world.operate("refuse", user_id=name)
        return
    ticket = world.apply(name)
    if step == "issued":
        world.consume(ticket)
    if step == "failed":
        world.stores.ledger.write([], [Failure(Reason.LEDGER_REJECTED, "full", b"raw", *ticket)])


@pytest.mark.parametrize("step", ["refused", "pending", "issued", "failed"])
def test_lookup_says_what_they_are_told(world: World, api: Api, step: str) -> None:
    """The status and the application are those that the applicants' API answers."""
    reached(world, "alice", step)
    found = world.operate("lookup", user_id="alice")
    asked = api.status(world.event_id, "alice")
    assert found["told"]["status"] == asked.body["status"] == step
    applied = api.post(world.event_id, {"user_id": "alice"})
    word = "refused" if step == "refused" else "accepted"
    assert found["told"]["application"] == word
    assert (applied.status < 300) == (word == "accepted")
    assert (found["row"] is not None, found["refusal"] is not None, len(found["failed"])) == (
        step == "issued",
        step == "refused",
        int(step == "failed"),
    )


@pytest.mark.parametrize(
    ("action", "people", "word"),
    [("pause", 0, "paused"), ("close", 0, "closed"), ("open", 3, "sold_out"), ("open", 0, "would_win")],
)
def test_who_left_no_trace_is_told_of_the_event(world: World, action: str, people: int, word: str) -> None:
    """Looking somebody up gives them no ticket. Where none is left, they read when the last one was given."""
    given = 0
    for number in range(people):
        given = world.apply(f"u{number}").applied_at_ms
    world.operate(action)
    for _ in range(2):
        found = world.operate("lookup", user_id="bob")
        last = {"sold_out_at": rfc3339(given)} if word == "sold_out" else {}
        assert found["told"] == {"status": "no_application", "application": word} | last
        assert (found["gate"]["ticket"], found["row"], found["refusal"], found["failed"]) == (None, None, None, [])
    assert world.outcome("bob") == ("ACCEPTED" if word == "would_win" else word.upper())


@pytest.mark.parametrize("opens_in_ms", [HOUR_MS, -3 * HOUR_MS])
@pytest.mark.parametrize("action", ["open", "pause", "close"])
def test_outside_the_window_lookup_says_what_the_gate_says(world: World, opens_in_ms: int, action: str) -> None:
    """Before the first moment and after the last, in each state: in the order in which the gate decides."""
    fresh = type(world)(world.stores, f"{world.event_id[:40]}-window")
    fresh.create(opens_in_ms=opens_in_ms)
    for each in dict.fromkeys(("open", action)):
        fresh.operate(each)
    assert fresh.operate("lookup", user_id="bob")["told"]["application"].upper() == fresh.outcome("bob")


def test_an_event_past_its_retention_is_looked_up_in_the_ledger(world: World, api: Api) -> None:
    """It has no gate any more: whoever got nothing is too late, and is told so."""
    world.consume(world.apply("alice"))
    outlive(world)
    assert world.operate("lookup", user_id="alice")["told"] == {"status": "issued", "application": "accepted"}
    told = world.operate("lookup", user_id="carol")["told"]
    assert told["status"] == api.status(world.event_id, "carol").body["code"] == "no_application"
    assert told["application"] == api.post(world.event_id, {"user_id": "carol"}).body["code"] == "closed"


def test_who_waits_for_their_turn_is_looked_up(world: World, api: Api) -> None:
    """The turn is the one that an application is told; a draft has none."""
    now = int(time.time() * 1000)
    window = {"opens_at": rfc3339(now + 600_000), "closes_at": rfc3339(now + 7_200_000)}
    fresh = type(world)(world.stores, f"{world.event_id[:40]}-turns")
    fresh.operate("create", name="Turns", capacity=3, spread_ms=3_600_000, **window)
    assert fresh.operate("lookup", user_id="bob")["told"] == {"status": "no_application", "application": "not_open"}
    fresh.operate("open")
    told = fresh.operate("lookup", user_id="bob")["told"]
    applied = api.post(fresh.event_id, {"user_id": "bob"}).body
    assert (told["application"], told["turn_at"]) == (applied["code"], applied["turn_at"])


def test_lookup_of_a_lost_gate_knows_what_the_ledger_knows(world: World) -> None:
    """Of the others it says that nobody can know at this moment."""
    world.consume(world.apply("alice"))
    world.lose_gate()
    assert world.operate("lookup", user_id="alice")["told"] == {"status": "issued", "application": "accepted"}
    stranger = world.operate("lookup", user_id="bob")
    assert (stranger["gate"], stranger["told"]) == (None, {"status": "try_again", "application": "try_again"})


def test_redrive_reaches_what_was_seen(world: World) -> None:
    """Rows that came after `up_to_id` are left alone."""
    world.operate("raise_capacity", capacity=9)
    for name in ("alice", "bob", "carol"):
        world.stores.ledger.write([], [Failure(Reason.LEDGER_REJECTED, "full", b"raw", *world.apply(name))])
    first, second, _ = (row["id"] for row in world.operate("list_failed")["rows"])
    with world.stores.ledger.connect() as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE failed_event SET status = 'dead'")
    assert world.operate("redrive", all=True, up_to_id=second)["due"] == 2
    assert [row["status"] for row in world.operate("list_failed")["rows"]] == ["waiting", "waiting", "dead"]
    assert act(world.stores, {"action": "redrive", "all_events": True, "up_to_id": first})["due"] == 1
    with pytest.raises(BadInput, match="contradict"):
        world.operate("redrive", id=first, up_to_id=second)
