"""POST …/applications: every answer, by the real handler over real servers."""

from __future__ import annotations

import json
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from kafka import KafkaConsumer, TopicPartition

from dev import gateway
from firstcome.apply.routes import CROWDED
from firstcome.operate import actions
from firstcome.rules import rfc3339
from firstcome.runtime import telemetry
from firstcome.stream.record import decode
from tests import emf
from tests.api import BACK_END, NO_KAFKA, NO_MYSQL, NO_REDIS, Api, jwt
from tests.waits import watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from firstcome.rules import Ticket
    from tests.world import World

HOUR_MS = 3_600_000
CORRELATED = {"content-type": "application/json", "x-correlation-id": "order-4711"}


def records(world: World) -> list[Any]:
    """Return what the world's topic holds."""
    settings = world.stores.settings
    found: list[Any] = []
    with _reading(settings.kafka_bootstrap) as consumer:
        partition = TopicPartition(settings.kafka_topic, 0)
        consumer.assign([partition])
        consumer.seek(partition, 0)
        while consumer.position(partition) < consumer.end_offsets([partition])[partition]:
            found += consumer.poll(timeout_ms=1_000).get(partition, [])
    return found


@contextmanager
def _reading(bootstrap: str) -> Iterator[KafkaConsumer]:
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, group_id=None)
    try:
        yield consumer
    finally:
        consumer.close()


# --- accepted --------------------------------------------------------------------------------------------------------


def test_the_first_who_ask_are_accepted(api: Api, world: World) -> None:
    """202, with the next ticket and the gate's time, in section 7's shape and order; and nobody else is."""
    people = ["alice", "auth0|bob", "carol@example.com", "dave"]
    *won, lost = [api.post(world.event_id, {"user_id": user_id}) for user_id in people]
    assert [reply.word for reply in won] == [(202, "accepted")] * 3
    assert [(reply.body["user_id"], reply.body["ticket"]) for reply in won] == list(
        zip(people, (1, 2, 3), strict=False)
    )
    assert list(won[0].body) == ["event_id", "user_id", "status", "ticket", "applied_at"]
    assert (won[0].body["event_id"], won[0].headers["cache-control"]) == (world.event_id, "no-store")
    assert lost.code == (409, "sold_out")


def test_a_winner_leaves_one_record(api: Api, world: World) -> None:
    """It says what the answer said, with the correlation id in a header; asking again produces nothing."""
    won = api.post(world.event_id, {"user_id": "alice"}, CORRELATED)
    assert api.post(world.event_id, {"user_id": "alice"}).word == (202, "accepted")
    [record] = records(world)
    ticket, restore_epoch = decode(record.value)
    assert (ticket.event_id, ticket.user_id, ticket.number) == (world.event_id, "alice", 1)
    assert rfc3339(ticket.applied_at_ms) == won.body["applied_at"]
    gate = world.stores.gate.show(world.event_id)
    assert gate is not None
    assert restore_epoch == gate.restore_epoch
    assert (record.key, record.headers) == (b"alice", [("correlation_id", b"order-4711")])
    assert won.headers["x-correlation-id"] == "order-4711"


def test_a_winner_who_asks_again_reads_the_same_ticket(api: Api, world: World) -> None:
    """202 `accepted` while its row is on its way, 200 once there is one; word, ticket and time never go back."""
    won, again = [api.post(world.event_id, {"user_id": "alice"}) for _ in range(2)]
    world.consume(decode(records(world)[0].value)[0])
    settled = api.post(world.event_id, {"user_id": "alice"})
    assert [again.word, settled.word] == [(202, "accepted"), (200, "accepted")]
    same = {(reply.body["ticket"], reply.body["applied_at"]) for reply in (won, again, settled)}
    assert len(same) == 1, same


def test_an_applicant_applies_by_token(api: Api, world: World) -> None:
    """The token's sub is the applicant; no body is needed."""
    won = api.as_(jwt("auth0|alice")).post(world.event_id, b"", {})
    assert (won.word, won.body["user_id"]) == ((202, "accepted"), "auth0|alice")


def test_a_winner_is_reserved_while_kafka_is_away(
    start: Callable[..., Api], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ticket is theirs, pending for the sweep; the second winner does not wait for the dead broker at all."""
    api = start(**NO_KAFKA, kafka_breaker_ms=str(HOUR_MS))
    assert api.post(world.event_id, {"user_id": "alice"}).word == (202, "reserved")
    waits = watch(monkeypatch)
    assert api.post(world.event_id, {"user_id": "bob"}).word == (202, "reserved")
    assert not waits.ran_out
    assert world.pending() == {"alice", "bob"}


def test_reserved_stays_reserved_until_there_is_a_row(start: Callable[..., Api], api: Api, world: World) -> None:
    """Asking again brings no record on its way: the word is that of the first answer, and of no other person's."""
    away = start(**NO_KAFKA)
    assert away.post(world.event_id, {"user_id": "alice"}).word == (202, "reserved")
    assert api.post(world.event_id, {"user_id": "bob"}).word == (202, "accepted")
    words = [one.post(world.event_id, {"user_id": user}).word for one in (api, away) for user in ("alice", "bob")]
    assert words == [(202, "reserved"), (202, "accepted")] * 2


def test_only_a_delivery_that_the_gate_has_noted_is_accepted(
    api: Api, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A delivery that the gate could not note is `reserved`, because whoever asks again would read that."""
    gate = api.module.applications.gate
    real = gate.delivered

    def lost_meanwhile(ticket: Ticket) -> bool:
        world.lose_gate("event")
        return bool(real(ticket))

    monkeypatch.setattr(gate, "delivered", lost_meanwhile)
    assert api.post(world.event_id, {"user_id": "alice"}).word == (202, "reserved")


# --- no --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("action", "code"), [("pause", "paused"), ("close", "closed"), ("end", "closed")])
def test_an_event_that_the_operator_stopped_says_so(api: Api, world: World, action: str, code: str) -> None:
    """409 with the state as the code; a winner's answer stays what it was."""
    api.post(world.event_id, {"user_id": "alice"})
    world.operate(action)
    assert api.post(world.event_id, {"user_id": "bob"}).code == (409, code)
    assert api.post(world.event_id, {"user_id": "alice"}).word == (202, "accepted")


@pytest.mark.parametrize(
    ("opens_in_h", "opened", "code"), [(-1, False, "not_open"), (1, True, "not_open"), (-3, True, "closed")]
)
def test_an_event_outside_its_window_says_so(api: Api, world: World, opens_in_h: int, opened: bool, code: str) -> None:
    """409, by Redis's clock; a draft is not open whatever the time."""
    event_id = f"{world.event_id}-w"
    opens_at_ms = time.time_ns() // 1_000_000 + opens_in_h * HOUR_MS
    window = {"opens_at": rfc3339(opens_at_ms), "closes_at": rfc3339(opens_at_ms + 2 * HOUR_MS)}
    event = {"event_id": event_id, "name": "Window", "capacity": 1, **window}
    actions.act(world.stores, {"action": "create", **event})
    if opened:
        actions.act(world.stores, {"action": "open", "event_id": event_id})
    assert api.post(event_id, {"user_id": "alice"}).code == (409, code)


def test_a_refused_person_is_told_so(api: Api, world: World) -> None:
    """409, for good: with a ticket before, or without."""
    api.post(world.event_id, {"user_id": "alice"})
    for user_id in ("alice", "bob"):
        world.operate("refuse", user_id=user_id)
        assert api.post(world.event_id, {"user_id": user_id}).code == (409, "refused")


def test_an_unknown_event_is_not_found(api: Api, world: World) -> None:
    """404: nobody made it."""
    assert api.post("nobody-made-it", {"user_id": "alice"}).code == (404, "unknown_event")


# --- not now ---------------------------------------------------------------------------------------------------------


def test_a_lost_gate_is_no_answer(api: Api, world: World) -> None:
    """503 with a time to wait, to winners and others: neither a coupon nor a no."""
    api.post(world.event_id, {"user_id": "alice"})
    world.lose_gate()
    for user_id in ("alice", "bob"):
        reply = api.post(world.event_id, {"user_id": user_id})
        assert reply.code == (503, "gate_lost")
        assert 1 <= int(reply.headers["retry-after"]) <= 3


def test_half_a_gate_is_a_lost_one(api: Api, world: World) -> None:
    """An event whose applicants were lost would sell everything again."""
    api.post(world.event_id, {"user_id": "alice"})
    world.lose_gate("applied_user")
    assert api.post(world.event_id, {"user_id": "bob"}).code == (503, "gate_lost")


def test_nothing_is_decided_while_redis_is_away(start: Callable[..., Api], world: World) -> None:
    """503; the environment came up without a single server."""
    api = start(**NO_REDIS, **NO_KAFKA, **NO_MYSQL)
    assert api.post(world.event_id, {"user_id": "alice"}).code == (503, "try_again")


def test_a_missing_gate_says_try_again_and_asks_no_ledger(start: Callable[..., Api]) -> None:
    """503 for a name that nobody knows: it may be an event."""
    api = start(**NO_MYSQL)
    assert [api.post("who-knows", {"user_id": "alice"}).code for _ in range(2)] == [(503, "try_again")] * 2


# --- what is counted and logged --------------------------------------------------------------------------------------


def test_each_answer_is_counted(api: Api, world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """By its kind; and what gate and stream took of its time is measured."""
    emf.write_out()
    world.apply("bob")
    world.apply("carol")
    capsys.readouterr()
    for user_id in ("alice", "alice", "dave"):
        api.post(world.event_id, {"user_id": user_id})
    world.lose_gate()
    api.post(world.event_id, {"user_id": "alice"})
    emf.write_out()
    counted = emf.named(capsys.readouterr().out)
    assert (len(counted.pop("gate_ms")), len(counted.pop("send_ms"))) == (4, 1)
    assert counted == {"accepted": [1], "already": [1], "sold_out": [1], "gate_lost": [1]}


def test_an_alarm_rings_at_once(
    api: Api, world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lost gate is written by the request that met it, with the winners that wait for a line."""
    monkeypatch.setattr(telemetry, "HOLD_S", 3600.0)
    emf.write_out()
    telemetry._line.flush()
    monkeypatch.setattr(telemetry._line, "written", time.time())
    capsys.readouterr()
    api.post(world.event_id, {"user_id": "alice"})
    assert "accepted" not in emf.named(capsys.readouterr().out)
    world.lose_gate()
    api.post(world.event_id, {"user_id": "alice"})
    counted = emf.named(capsys.readouterr().out)
    assert (counted["accepted"], counted["gate_lost"]) == ([1], [1])


def test_the_log_names_each_ticket_and_no_body(
    api: Api, world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ticket is logged once, a lost gate as a warning, both with the correlation id; losers fill no log."""
    monkeypatch.setattr(telemetry.logger.registered_handler, "stream", sys.stdout)
    capsys.readouterr()
    for user_id in ("alice", "alice"):
        api.post(world.event_id, {"user_id": user_id, "secret": "hunter2"}, CORRELATED)
    world.lose_gate()
    api.post(world.event_id, {"user_id": "bob"}, CORRELATED)
    output = capsys.readouterr().out
    given, lost = (json.loads(line) for line in output.splitlines() if '"level"' in line)
    assert (given["message"], given["event_id"], given["user_id"], given["ticket"]) == (
        "given",
        world.event_id,
        "alice",
        1,
    )
    assert (lost["message"], lost["level"]) == ("gate_lost", "WARNING")
    assert given["correlation_id"] == lost["correlation_id"] == "order-4711"
    assert "hunter2" not in output


# --- past the resolver -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("user_id", ["alice", "zoe", "no spaces", None], ids=["again", "sold out", "bad", "missing"])
def test_an_application_is_answered_past_the_resolver_as_by_it(api: Api, world: World, user_id: str | None) -> None:
    """An API with a named stage has it in the path, and is routed; the answer is the same."""
    for name in ("alice", "bob", "carol"):
        api.post(world.event_id, {"user_id": name})
    request = gateway.Request("POST", f"/events/{world.event_id}/applications", "HTTP/1.1", {}, b"")
    event = gateway.event(request, gateway.Routes([("GET", "$default")]), "JKJaXmPLvHcESHA=")
    assert event is not None
    event["body"] = json.dumps({"user_id": user_id} if user_id else {})
    event["requestContext"] |= {"authorizer": BACK_END, "stage": "$default"}
    staged = {
        **event,
        "rawPath": f"/prod{event['rawPath']}",
        "requestContext": event["requestContext"] | {"stage": "prod"},
    }
    answers = [api.module.handler(each, None) for each in (staged, event)]
    # Each is told the time of its own answer.
    bodies = [{**json.loads(answer.pop("body")), "now": ""} for answer in answers]
    routed, past = answers
    assert {**routed, "headers": dict(routed["headers"])} == past
    assert bodies[0] == bodies[1]
    assert CROWDED.fullmatch(staged["rawPath"]) is None
