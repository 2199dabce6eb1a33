"""Every answer of the HTTP interface, by the real handler over real servers."""

from __future__ import annotations

import json
import socket
import time
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import redis
from kafka import KafkaConsumer, TopicPartition

from firstcome.gate import Gate
from firstcome.ledger import Claim, Ledger
from firstcome.rules import EventState, Ticket, parse_time, rfc3339
from firstcome.settings import Settings
from firstcome.stream import decode
from firstcome.tail import ensure_topic
from tests.api import BACK_END, Api, jwt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

HOUR_MS = 3_600_000
NOW_MS = time.time_ns() // 1_000_000
CORRELATED = {"content-type": "application/json", "x-correlation-id": "order-4711"}


@pytest.fixture(scope="module")
def topic(kafka_bootstrap: str) -> str:
    """A topic of our own, with one partition."""
    name = f"apply-{uuid.uuid4().hex}"
    ensure_topic(Settings(kafka_bootstrap=kafka_bootstrap, kafka_topic=name), partitions=1, replication=1)
    return name


@pytest.fixture
def start(
    monkeypatch: pytest.MonkeyPatch,
    load_handler: Callable[[str], ModuleType],
    redis_url: str,
    kafka_bootstrap: str,
    ledger_settings: Settings,
    topic: str,
) -> Iterator[Callable[..., Api]]:
    """`start(redis_url=…)` makes an execution environment, called by a back end, with these settings changed."""
    started: list[ModuleType] = []

    def start(**changed: str) -> Api:
        usual = {
            "redis_url": redis_url,
            "kafka_bootstrap": kafka_bootstrap,
            "kafka_topic": topic,
            "mysql_url": ledger_settings.mysql_url,
        }
        for name, value in (usual | changed).items():
            monkeypatch.setenv(f"FIRSTCOME_{name.upper()}", value)
        started.append(load_handler("apply"))
        return Api(started[-1], BACK_END)

    yield start
    for module in started:
        module.applications.stream.close()
        module.applications.ledger.close()
        module.applications.gate.redis.close()


@pytest.fixture
def api(start: Callable[..., Api]) -> Api:
    """An execution environment with every server in reach."""
    return start()


@pytest.fixture
def gate(redis_url: str, event_id: str) -> Iterator[Gate]:
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        gate = Gate(client, Settings())
        yield gate
        client.delete(*gate.keys(event_id))


@pytest.fixture
def make(ledger: Ledger, gate: Gate, event_id: str) -> Callable[..., str]:
    """`make(capacity=2, state=…, opens_at_ms=…)` makes the event, in the ledger and in the gate, and answers its id."""

    def make(
        capacity: int = 2,
        state: EventState = EventState.OPEN,
        opens_at_ms: int = NOW_MS - HOUR_MS,
        closes_at_ms: int = NOW_MS + HOUR_MS,
    ) -> str:
        ledger.create_event(event_id, "Spring sale", capacity, opens_at_ms, closes_at_ms)
        if state is not EventState.DRAFT:
            ledger.set_state(event_id, EventState.OPEN)
            ledger.set_state(event_id, state)
        event = ledger.event(event_id)
        assert event is not None
        assert gate.configure(event_id, event.version, event.gate_fields, create=True) == "CREATED"
        return event_id

    return make


@pytest.fixture
def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def lose(gate: Gate, event_id: str) -> None:
    gate.redis.delete(*gate.keys(event_id))


def forget(ledger: Ledger, gate: Gate, event_id: str) -> None:
    """End the event, longer ago than its retention: its gate has expired."""
    ledger.set_state(event_id, EventState.ENDED)
    with ledger.connect() as connection, connection.cursor() as cursor:
        past = "UPDATE coupon_event SET ended_at = UTC_TIMESTAMP(3) - INTERVAL 40 DAY WHERE event_id = %s"
        cursor.execute(past, (event_id,))
        connection.commit()
    lose(gate, event_id)


def issue(ledger: Ledger, gate: Gate, event_id: str, user_id: str, ticket: int) -> Ticket:
    """Write the coupon row, and settle it."""
    row = Ticket(event_id, user_id, ticket, NOW_MS)
    assert ledger.write([Claim(row)]).issued == 1
    gate.settle(event_id, [row])
    return row


def asked(api: Api, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Answer the list that grows by one with each statement that the environment sends to the ledger."""
    ledger, seen = api.module.applications.ledger, []
    read = ledger.read

    def reading(query: object) -> object:
        seen.append(query)
        return read(query)

    monkeypatch.setattr(ledger, "read", reading)
    return seen


# --- POST …/applications ---------------------------------------------------------------------------------------------


def test_the_first_who_ask_are_accepted(api: Api, make: Callable[..., str]) -> None:
    """202, with the next ticket and the time of the gate, in section 7's shape and order."""
    event_id = make(capacity=2)
    first, second = api.post(event_id, {"user_id": "alice"}), api.post(event_id, {"user_id": "auth0|bob"})
    assert [first.word, second.word] == [(202, "accepted")] * 2
    assert list(first.body) == ["event_id", "user_id", "status", "ticket", "applied_at"]
    assert (second.body["event_id"], second.body["user_id"], second.body["ticket"]) == (event_id, "auth0|bob", 2)
    assert abs(time.time() * 1000 - _ms(first.body["applied_at"])) < HOUR_MS


def test_a_winner_leaves_one_record_with_the_correlation_id(
    api: Api, make: Callable[..., str], kafka_bootstrap: str, topic: str
) -> None:
    """What the stream carries is what the answer said; asking again produces nothing."""
    event_id = make()
    before = _end(kafka_bootstrap, topic)
    won = api.post(event_id, {"user_id": "alice"}, CORRELATED)
    assert api.post(event_id, {"user_id": "alice"}).word == (202, "reserved")
    [record] = _records(kafka_bootstrap, topic, before)
    ticket, generation = decode(record.value)
    assert (ticket.event_id, ticket.user_id, ticket.ticket, generation) == (event_id, "alice", 1, 1)
    assert rfc3339(ticket.applied_at_ms) == won.body["applied_at"]
    assert (record.key, record.headers) == (b"alice", [("correlation_id", b"order-4711")])
    assert won.headers["x-correlation-id"] == "order-4711"


def test_a_winner_who_asks_again_reads_the_same_ticket(
    api: Api, make: Callable[..., str], ledger: Ledger, gate: Gate
) -> None:
    """202 `reserved` while pending, 200 `accepted` once settled; ticket and time never change."""
    event_id = make()
    won = api.post(event_id, {"user_id": "alice"})
    again = api.post(event_id, {"user_id": "alice"})
    issue(ledger, gate, event_id, "alice", 1)
    settled = api.post(event_id, {"user_id": "alice"})
    assert [again.word, settled.word] == [(202, "reserved"), (200, "accepted")]
    same = {(reply.body["ticket"], reply.body["applied_at"]) for reply in (won, again, settled)}
    assert len(same) == 1, same


def test_a_winner_is_reserved_while_kafka_is_away(
    start: Callable[..., Api], make: Callable[..., str], gate: Gate, closed_port: int
) -> None:
    """The ticket is theirs and pending, and the second winner does not wait for the dead broker at all."""
    event_id, api = make(), start(kafka_bootstrap=f"127.0.0.1:{closed_port}")
    assert api.post(event_id, {"user_id": "alice"}).word == (202, "reserved")
    began = time.monotonic()
    assert api.post(event_id, {"user_id": "bob"}).word == (202, "reserved")
    assert time.monotonic() - began < 1
    assert gate.standing(event_id, "alice").pending


def test_the_next_one_is_told_sold_out(api: Api, make: Callable[..., str]) -> None:
    """409, and the winner keeps the ticket."""
    event_id = make(capacity=1)
    api.post(event_id, {"user_id": "alice"})
    assert api.post(event_id, {"user_id": "bob"}).code == (409, "sold_out")
    assert api.post(event_id, {"user_id": "alice"}).word == (202, "reserved")


@pytest.mark.parametrize(
    ("event", "code"),
    [
        ({"state": EventState.DRAFT}, "not_open"),
        ({"opens_at_ms": NOW_MS + HOUR_MS, "closes_at_ms": NOW_MS + 2 * HOUR_MS}, "not_open"),
        ({"state": EventState.PAUSED}, "paused"),
        ({"state": EventState.CLOSED}, "closed"),
        ({"opens_at_ms": NOW_MS - 2 * HOUR_MS, "closes_at_ms": NOW_MS - HOUR_MS}, "closed"),
        ({"state": EventState.ENDED}, "closed"),
    ],
)
def test_an_event_that_is_not_open_says_so(
    api: Api, make: Callable[..., str], event: dict[str, Any], code: str
) -> None:
    """409, with the state as the code."""
    assert api.post(make(**event), {"user_id": "alice"}).code == (409, code)


def test_a_refused_person_is_told_so(api: Api, make: Callable[..., str], gate: Gate) -> None:
    """409 `refused` and 200 `refused`, by the gate alone, with no ticket in it."""
    event_id = make()
    assert gate.release(Ticket(event_id, "alice", 0, 0), None, has_row=False)
    assert api.post(event_id, {"user_id": "alice"}).code == (409, "refused")
    status = api.status(event_id, "alice")
    assert status.body == {"event_id": event_id, "user_id": "alice", "status": "refused"}


def test_an_unknown_event_is_not_found(api: Api, gate: Gate, ledger: Ledger, event_id: str) -> None:
    """404 for each of the three requests."""
    assert api.post(event_id, {"user_id": "alice"}).code == (404, "unknown_event")
    assert api.status(event_id, "alice").code == (404, "unknown_event")
    assert api.event(event_id).code == (404, "unknown_event")


def test_a_flood_of_invented_names_costs_the_ledger_two_statements(
    start: Callable[..., Api], ledger: Ledger, event_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lists of events are read once; every name is answered from them."""
    api = start(known_events_ms="60000")
    statements = asked(api, monkeypatch)
    replies = [api.post(f"{event_id}-{n}"[-64:], {"user_id": "alice"}) for n in range(20)]
    assert {reply.code for reply in replies} == {(404, "unknown_event")}
    assert len(statements) == 2, statements


# --- the gate is lost --------------------------------------------------------------------------------------------


def test_a_lost_gate_is_no_answer(api: Api, make: Callable[..., str], gate: Gate) -> None:
    """503 with a time to wait, whatever is asked: neither a coupon nor a no."""
    event_id = make()
    api.post(event_id, {"user_id": "alice"})
    lose(gate, event_id)
    replies = [api.post(event_id, {"user_id": "bob"}), api.status(event_id, "alice"), api.event(event_id)]
    assert [reply.code for reply in replies] == [(503, "gate_lost")] * 3
    assert all(1 <= int(reply.headers["retry-after"]) <= 3 for reply in replies)


def test_a_lost_gate_cannot_be_told_from_no_event_without_the_ledger(
    start: Callable[..., Api], event_id: str, closed_port: int
) -> None:
    """503, and the ledger is not asked again at once."""
    api = start(mysql_url=f"mysql://root@127.0.0.1:{closed_port}/firstcome", known_events_ms="60000")
    assert [api.post(event_id, {"user_id": "alice"}).code for _ in range(2)] == [(503, "try_again")] * 2
    assert api.event(event_id).code == (503, "try_again")


def test_the_list_of_events_is_read_again_after_its_time(
    start: Callable[..., Api], make: Callable[..., str], gate: Gate, event_id: str
) -> None:
    """An event that was made meanwhile is known then."""
    api = start(known_events_ms="0")
    assert api.post(event_id, {"user_id": "alice"}).code == (404, "unknown_event")
    make()
    lose(gate, event_id)
    assert api.post(event_id, {"user_id": "alice"}).code == (503, "gate_lost")


def test_an_event_past_its_retention_is_answered_by_the_ledger(
    api: Api, make: Callable[..., str], ledger: Ledger, gate: Gate
) -> None:
    """The winner reads the same ticket for ever, the refused is refused, everybody else is too late."""
    event_id = make()
    row = issue(ledger, gate, event_id, "alice", 1)
    ledger.refuse(event_id, "bob", "a test")
    forget(ledger, gate, event_id)
    won = api.post(event_id, {"user_id": "alice"})
    assert won.word == (200, "accepted")
    assert (won.body["ticket"], won.body["applied_at"]) == (1, rfc3339(row.applied_at_ms))
    assert api.post(event_id, {"user_id": "bob"}).code == (409, "refused")
    assert api.post(event_id, {"user_id": "carol"}).code == (409, "closed")
    assert api.status(event_id, "alice").word == (200, "issued")
    assert api.status(event_id, "carol").code == (404, "no_application")
    event = api.event(event_id)
    assert (event.status, event.body["state"], event.body["remaining"]) == (200, "ended", 0)


# --- GET …/applications/{user_id} --------------------------------------------------------------------------------


def test_the_status_goes_from_pending_to_issued(
    api: Api, make: Callable[..., str], ledger: Ledger, gate: Gate
) -> None:
    """`issued` once the row is committed, settled or not, with the row's times."""
    event_id = make()
    won = api.post(event_id, {"user_id": "auth0|a`b"})
    pending = api.status(event_id, "auth0|a`b")
    assert pending.body == {**won.body, "status": "pending"}
    row = Ticket(event_id, "auth0|a`b", 1, _ms(won.body["applied_at"]))
    ledger.write([Claim(row)])
    issued = api.status(event_id, "auth0|a`b")
    gate.settle(event_id, [row])
    settled = api.status(event_id, "auth0|a`b")
    assert list(issued.body) == ["event_id", "user_id", "status", "ticket", "applied_at", "issued_at"]
    assert issued.body == settled.body == {**won.body, "status": "issued", "issued_at": issued.body["issued_at"]}


def test_the_status_of_a_failed_row_is_failed(api: Api, make: Callable[..., str], ledger: Ledger) -> None:
    """With the ticket that it holds: it is being retried."""
    event_id = make()
    ledger.write([Claim(Ticket(event_id, "alice", 1, NOW_MS)), Claim(Ticket(event_id, "bob", 1, NOW_MS))])
    failed = api.status(event_id, "bob")
    assert failed.word == (200, "failed")
    assert (failed.body["ticket"], failed.body["applied_at"]) == (1, rfc3339(NOW_MS))


def test_who_has_no_ticket_has_no_application(api: Api, make: Callable[..., str]) -> None:
    """404: losers leave no trace."""
    event_id = make(capacity=1)
    api.post(event_id, {"user_id": "alice"})
    api.post(event_id, {"user_id": "bob"})
    assert api.status(event_id, "bob").code == (404, "no_application")


def test_the_status_of_somebody_else_is_hidden(api: Api, make: Callable[..., str]) -> None:
    """404 for an applicant, who cannot find out who has won; the back end may ask for everybody."""
    event_id = make()
    api.post(event_id, {"user_id": "alice"})
    assert api.as_(jwt("alice")).status(event_id, "alice").word == (200, "pending")
    assert api.as_(jwt("mallory")).status(event_id, "alice").code == (404, "no_application")


def test_the_ledger_alone_may_say_issued_and_refused(
    start: Callable[..., Api], make: Callable[..., str], ledger: Ledger, gate: Gate, closed_port: int
) -> None:
    """These words are the last: they are known while Redis is away; that there is nothing is not."""
    event_id = make()
    issue(ledger, gate, event_id, "alice", 1)
    ledger.refuse(event_id, "bob", "a test")
    api = start(redis_url=f"redis://127.0.0.1:{closed_port}/0")
    assert api.status(event_id, "alice").word == (200, "issued")
    assert api.status(event_id, "bob").word == (200, "refused")
    assert api.status(event_id, "carol").code == (503, "try_again")


def test_the_status_is_not_known_without_the_ledger(
    start: Callable[..., Api], make: Callable[..., str], closed_port: int
) -> None:
    """503, not `pending`: it may have been `issued` before."""
    event_id, api = make(), start(mysql_url=f"mysql://root@127.0.0.1:{closed_port}/firstcome")
    assert api.post(event_id, {"user_id": "alice"}).word == (202, "accepted")
    assert api.status(event_id, "alice").code == (503, "try_again")


# --- GET /events/{event_id} ------------------------------------------------------------------------------------------


def test_an_event_shows_what_remains(api: Api, make: Callable[..., str]) -> None:
    """200 to everybody, cacheable for a second, in section 7's shape and order."""
    event_id = make(capacity=2)
    api.post(event_id, {"user_id": "alice"})
    event = api.as_(None).event(event_id)
    assert list(event.body) == [
        *("event_id", "name", "state", "capacity", "remaining", "opens_at", "closes_at", "now"),
    ]
    known = {"name": "Spring sale", "state": "open", "capacity": 2, "remaining": 1}
    assert known.items() <= event.body.items()
    assert (event.body["opens_at"], event.body["closes_at"]) == (rfc3339(NOW_MS - HOUR_MS), rfc3339(NOW_MS + HOUR_MS))
    assert event.headers["cache-control"] == "public, max-age=1"


def test_a_ticket_that_comes_free_remains(api: Api, make: Callable[..., str], gate: Gate) -> None:
    """A released ticket counts as one that may be given."""
    event_id = make(capacity=1)
    won = api.post(event_id, {"user_id": "alice"})
    gate.release(Ticket(event_id, "alice", won.body["ticket"], 0), None, has_row=False)
    assert api.event(event_id).body["remaining"] == 1


# --- servers that are away, and what is counted ----------------------------------------------------------------------


def test_nothing_is_known_while_redis_is_away(
    start: Callable[..., Api], make: Callable[..., str], closed_port: int
) -> None:
    """503, and the environment came up without a single server."""
    event_id = make()
    api = start(
        redis_url=f"redis://127.0.0.1:{closed_port}/0",
        kafka_bootstrap=f"127.0.0.1:{closed_port}",
        mysql_url=f"mysql://root@127.0.0.1:{closed_port}/firstcome",
    )
    assert api.post(event_id, {"user_id": "alice"}).code == (503, "try_again")
    assert api.status(event_id, "alice").code == (503, "try_again")
    assert api.event(event_id).code == (503, "try_again")


def test_each_answer_is_counted(api: Api, make: Callable[..., str], capsys: pytest.CaptureFixture[str]) -> None:
    """One line of metrics an answer, named for its kind."""
    event_id = make(capacity=1)
    capsys.readouterr()
    for user_id in ("alice", "alice", "bob"):
        api.post(event_id, {"user_id": user_id})
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    counted = [metric["Name"] for line in lines for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]]
    assert counted == ["accepted", "already", "sold_out"]


def test_the_log_names_each_ticket_and_no_body(
    api: Api, make: Callable[..., str], gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    """A ticket is logged once, a lost gate as a warning, both with the correlation id; losers fill no log."""
    event_id = make(capacity=1)
    for user_id in ("alice", "alice", "bob"):
        api.post(event_id, {"user_id": user_id, "secret": "hunter2"}, CORRELATED)
    lose(gate, event_id)
    api.post(event_id, {"user_id": "alice"}, CORRELATED)
    given, lost = (record.__dict__ for record in caplog.records if record.name == "firstcome")
    assert (given["msg"], given["event_id"], given["user_id"], given["ticket"]) == ("given", event_id, "alice", 1)
    assert (lost["msg"], lost["levelname"]) == ("gate_lost", "WARNING")
    assert given["correlation_id"] == lost["correlation_id"] == "order-4711"
    assert "hunter2" not in f"{given} {lost}"


def _ms(applied_at: str) -> int:
    return parse_time("applied_at", applied_at)


@contextmanager
def _reading(bootstrap: str, topic: str) -> Iterator[tuple[KafkaConsumer, TopicPartition]]:
    consumer, partition = KafkaConsumer(bootstrap_servers=bootstrap, group_id=None), TopicPartition(topic, 0)
    try:
        consumer.assign([partition])
        yield consumer, partition
    finally:
        consumer.close()


def _end(bootstrap: str, topic: str) -> int:
    with _reading(bootstrap, topic) as (consumer, partition):
        return int(consumer.end_offsets([partition])[partition])


def _records(bootstrap: str, topic: str, start: int) -> list[Any]:
    """Answer the records from `start` to the end."""
    records: list[Any] = []
    with _reading(bootstrap, topic) as (consumer, partition):
        end = consumer.end_offsets([partition])[partition]
        consumer.seek(partition, start)
        while consumer.position(partition) < end:
            records += consumer.poll(timeout_ms=1_000).get(partition, [])
    return records
