"""GET: the status of an application and the event, from gate and ledger; and events that the gate does not know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from firstcome.rules import Ticket, rfc3339
from tests.api import NO_MYSQL, NO_REDIS, Api, jwt

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from tests.world import World


def statements(api: Api, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Return the list that grows with each statement that the environment sends to the ledger."""
    ledger = api.module.applications.ledger
    read = ledger.read
    sent: list[object] = []

    def reading(query: object) -> object:
        sent.append(query)
        return read(query)

    monkeypatch.setattr(ledger, "read", reading)
    return sent


def outlive(world: World) -> None:
    """End the event, longer ago than its retention: its gate has expired."""
    world.operate("end")
    with world.stores.ledger.connect() as connection, connection.cursor() as cursor:
        past = "UPDATE coupon_event SET ended_at = UTC_TIMESTAMP(3) - INTERVAL 40 DAY WHERE event_id = %s"
        cursor.execute(past, (world.event_id,))
        connection.commit()
    world.lose_gate()


# --- the status of an application ------------------------------------------------------------------------------------


def test_the_status_goes_from_pending_to_issued(api: Api, world: World) -> None:
    """`issued` once the row is committed, settled or not, with the row's times."""
    ticket = world.apply("auth0|a`b")
    body = {"event_id": world.event_id, "user_id": "auth0|a`b", "ticket": 1}
    body["applied_at"] = rfc3339(ticket.applied_at_ms)
    assert api.status(world.event_id, "auth0|a`b").body == {**body, "status": "pending"}
    world.consume(ticket)
    issued = api.status(world.event_id, "auth0|a`b")
    assert list(issued.body) == ["event_id", "user_id", "status", "ticket", "applied_at", "issued_at"]
    assert issued.body == {**body, "status": "issued", "issued_at": issued.body["issued_at"]}
    world.lose_gate()
    assert api.status(world.event_id, "auth0|a`b").body == issued.body


def test_the_status_of_a_failed_row_is_failed(api: Api, world: World) -> None:
    """With the ticket that it holds: it is being retried."""
    replica = world.snapshot()
    alice = world.apply("alice")
    world.fail_over(replica)
    bob = world.apply("bob")
    world.consume(alice, bob)
    failed = api.status(world.event_id, "bob")
    assert failed.word == (200, "failed")
    assert (failed.body["ticket"], failed.body["applied_at"]) == (1, rfc3339(bob.applied_at_ms))


def test_the_status_of_the_refused_is_refused(api: Api, world: World) -> None:
    """By the gate or by the ledger, and with no ticket."""
    world.stores.gate.release(Ticket(world.event_id, "alice", 0, 0), None, has_row=False)
    world.stores.ledger.refuse(world.event_id, "bob", "a test")
    for user_id in ("alice", "bob"):
        body = {"event_id": world.event_id, "user_id": user_id, "status": "refused"}
        assert api.status(world.event_id, user_id).body == body


def test_only_who_has_a_ticket_has_an_application(api: Api, world: World) -> None:
    """404, another one than for an event that nobody made."""
    assert api.status(world.event_id, "bob").code == (404, "no_application")
    assert api.status("nobody-made-it", "bob").code == (404, "unknown_event")


def test_the_status_of_somebody_else_is_hidden(api: Api, world: World) -> None:
    """404 for an applicant, who cannot find out who has won; a back end may ask for everybody."""
    world.apply("alice")
    assert api.status(world.event_id, "alice").word == (200, "pending")
    assert api.as_(jwt("alice")).status(world.event_id, "alice").word == (200, "pending")
    assert api.as_(jwt("mallory")).status(world.event_id, "alice").code == (404, "no_application")


def test_the_status_is_not_known_while_the_gate_is_lost(api: Api, world: World) -> None:
    """503 to whoever has no row: they may have a ticket."""
    world.apply("alice")
    world.lose_gate()
    assert api.status(world.event_id, "alice").code == (503, "gate_lost")
    assert api.status(world.event_id, "bob").code == (503, "gate_lost")


def test_the_ledger_alone_may_say_issued_and_refused(start: Callable[..., Api], world: World) -> None:
    """These words are the last, so they are known while Redis is away; that there is nothing is not."""
    world.consume(world.apply("alice"))
    world.operate("refuse", user_id="bob")
    api = start(**NO_REDIS)
    assert api.status(world.event_id, "alice").word == (200, "issued")
    assert api.status(world.event_id, "bob").word == (200, "refused")
    assert api.status(world.event_id, "carol").code == (503, "try_again")


def test_the_gate_alone_may_say_nothing(start: Callable[..., Api], world: World) -> None:
    """503, not `pending`: it may have been `issued` before, and the word never goes backward."""
    world.apply("alice")
    assert start(**NO_MYSQL).status(world.event_id, "alice").code == (503, "try_again")


# --- the event -------------------------------------------------------------------------------------------------------


def test_an_event_shows_what_remains(api: Api, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """200 to everybody, cacheable for a second, in section 7's shape and order, and without the ledger."""
    sent = statements(api, monkeypatch)
    ticket = world.apply("alice")
    event = api.as_(None).event(world.event_id)
    keys = ["event_id", "name", "state", "capacity", "remaining", "opens_at", "closes_at", "now"]
    assert list(event.body) == [*keys, "timezone", "spread_ms"]
    assert [event.body[key] for key in keys[:5]] == [world.event_id, "Test", "open", 3, 2]
    assert event.body["opens_at"] < rfc3339(ticket.applied_at_ms) <= event.body["now"] < event.body["closes_at"]
    assert event.headers["cache-control"] == "public, max-age=1"
    world.operate("refuse", user_id="alice")
    assert api.event(world.event_id).body["remaining"] == 3, "a ticket that came free may be given again"
    assert sent == []


def test_an_event_whose_gate_is_lost_is_not_shown(api: Api, world: World) -> None:
    """503: how much remains is not known; for an event that nobody made 404."""
    world.lose_gate()
    assert api.event(world.event_id).code == (503, "gate_lost")
    assert api.event("nobody-made-it").code == (404, "unknown_event")


def test_an_event_is_not_shown_while_redis_is_away(start: Callable[..., Api], world: World) -> None:
    """503."""
    assert start(**NO_REDIS).event(world.event_id).code == (503, "try_again")


def test_an_event_that_has_ended_gives_nothing_more(api: Api, world: World) -> None:
    """200 with 0 remaining, by the gate, and by the ledger once the gate is gone."""
    world.operate("end")
    by_gate = api.event(world.event_id)
    world.lose_gate()
    by_ledger = api.event(world.event_id)
    assert (by_gate.body["state"], by_gate.body["remaining"]) == ("ended", 0)
    assert {**by_gate.body, "now": ""} == {**by_ledger.body, "now": ""}


# --- events that the gate does not know ------------------------------------------------------------------------------


def test_an_event_past_its_retention_is_answered_by_the_ledger(api: Api, world: World) -> None:
    """The winner reads the same ticket for ever, the refused is refused, everybody else is too late."""
    alice = world.apply("alice")
    world.consume(alice)
    world.operate("refuse", user_id="bob")
    outlive(world)
    won = api.post(world.event_id, {"user_id": "alice"})
    assert won.word == (200, "accepted")
    assert (won.body["ticket"], won.body["applied_at"]) == (1, rfc3339(alice.applied_at_ms))
    assert api.post(world.event_id, {"user_id": "bob"}).code == (409, "refused")
    assert api.post(world.event_id, {"user_id": "carol"}).code == (409, "closed")
    assert api.status(world.event_id, "alice").word == (200, "issued")
    assert api.status(world.event_id, "carol").code == (404, "no_application")
    assert api.event(world.event_id).body["state"] == "ended"


def test_an_ended_event_that_lost_its_gate_says_try_again(api: Api, world: World) -> None:
    """503 within the retention: it will be restored, and somebody's ticket may be known to the stream alone."""
    world.apply("alice")
    world.operate("end")
    world.lose_gate()
    assert api.post(world.event_id, {"user_id": "alice"}).code == (503, "gate_lost")
    assert api.status(world.event_id, "alice").code == (503, "gate_lost")


def test_a_flood_of_invented_names_costs_two_statements(
    start: Callable[..., Api], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lists of events are read once, and every name is answered from them."""
    api = start(known_events_ms="60000")
    sent = statements(api, monkeypatch)
    replies = {api.post(f"invented-{n}", {"user_id": "alice"}).code for n in range(20)}
    assert replies == {(404, "unknown_event")}
    assert len(sent) == 2, "one list of the events that have a gate, one of those that had one"


def test_a_ledger_that_is_away_is_not_asked_for_each_name(
    start: Callable[..., Api], monkeypatch: pytest.MonkeyPatch
) -> None:
    """503 to all of them, for one try to connect."""
    api = start(**NO_MYSQL, known_events_ms="60000")
    sent = statements(api, monkeypatch)
    replies = {api.event(f"invented-{n}").code for n in range(20)}
    assert replies == {(503, "try_again")}
    assert len(sent) == 1


def test_an_event_made_meanwhile_is_known_after_its_time(start: Callable[..., Api], world: World) -> None:
    """The list of events with a gate is read again after `known_events_ms`."""
    api = start(known_events_ms="0")
    event_id = f"{world.event_id}-new"
    assert api.post(event_id, {"user_id": "alice"}).code == (404, "unknown_event")
    world.stores.ledger.create_event(event_id, "New", 1, 0, 1)
    assert api.post(event_id, {"user_id": "alice"}).code == (503, "gate_lost")
