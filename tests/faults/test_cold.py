"""An environment that starts into an outage: its init neither fails nor waits, and a request gets its usual answer."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from dev.invoke import InvocationError
from firstcome.rules import Ticket
from firstcome.stream.record import encode
from tests.faults.faults import nothing, under
from tests.world import msk_event

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.faults.faults import Fault
    from tests.faults.town import Town

COUPONS = 10


@contextmanager
def redis_is_away(town: Town) -> Iterator[None]:
    """Its port is closed."""
    town.through.redis.refuse()
    yield


@contextmanager
def redis_is_deaf(town: Town) -> Iterator[None]:
    """It accepts, and never answers."""
    town.through.redis.swallow()
    yield


@contextmanager
def kafka_is_away(town: Town) -> Iterator[None]:
    """Its port is closed."""
    town.through.kafka.refuse()
    yield


@contextmanager
def kafka_is_deaf(town: Town) -> Iterator[None]:
    """It accepts, and never hears."""
    town.through.kafka.deafen()
    yield


@contextmanager
def mysql_is_away(town: Town) -> Iterator[None]:
    """Its port is closed."""
    town.through.mariadb.refuse()
    yield


@contextmanager
def mysql_is_deaf(town: Town) -> Iterator[None]:
    """It accepts, and never answers."""
    town.through.mariadb.swallow()
    yield


# What an applicant is told, and what their status is.
EXPECTED: dict[Fault, tuple[str, set[object]]] = {
    nothing: ("accepted", {"pending", "issued"}),
    redis_is_away: ("try_again", {503}),
    redis_is_deaf: ("try_again", {503}),
    kafka_is_away: ("reserved", {"pending"}),
    kafka_is_deaf: ("reserved", {"pending"}),
    mysql_is_away: ("accepted", {503}),
    mysql_is_deaf: ("accepted", {503}),
}


# What consume, the schedule and the operator can do without it: whether the batch is committed, whether something is
# put off, and which part of `show` says "away" (None: nothing can be shown without the ledger).
OTHERS: dict[Fault, tuple[bool, bool, set[str] | None]] = {
    nothing: (True, False, set()),
    redis_is_away: (True, True, {"gate"}),
    redis_is_deaf: (True, True, {"gate"}),
    kafka_is_away: (True, False, {"unread"}),
    kafka_is_deaf: (True, False, {"unread"}),
    mysql_is_away: (False, True, None),
    mysql_is_deaf: (False, True, None),
}


@under(*EXPECTED)
def test_a_cold_start_into_an_outage_answers_within_its_bound(distant: Town, fault: Fault) -> None:
    """Nothing is asked of a server before a request needs it, and then it is given up while the outage lasts.

    How long each library waits is held to its settings in tests/integration: test_connect.py, test_connect_mysql.py
    and test_stream.py.
    """
    word, statuses = EXPECTED[fault]
    distant.open(COUPONS)
    with fault(distant):
        distant.kill("apply")
        told = distant.ask("early")
        assert told.answer.word == word
        if word != "try_again":
            assert distant.status("early").body["status"] in statuses
    for proxy in distant.through.all:
        proxy.start()
    distant.assert_promise()


@under(*OTHERS)
def test_a_cold_start_of_the_others_does_what_can_be_done(distant: Town, fault: Fault) -> None:
    """Each of them fails with the name of what is away, or does its part; none is ended by its timeout."""
    committed, put_off, away = OTHERS[fault]
    distant.open(COUPONS)
    with distant.gate() as gate:
        decision = gate.apply(distant.event_id, "early", "call")
    assert decision.ticket is not None
    assert decision.applied_at_ms is not None
    record = encode(Ticket(distant.event_id, "early", decision.ticket, decision.applied_at_ms), decision.restore_epoch)
    calls = {
        "consume": msk_event(distant.settings.kafka_topic, [record]),
        "retry": {},
        "operate": {"action": "show", "event_id": distant.event_id},
    }
    with fault(distant):
        distant.kill(*calls)
        with ThreadPoolExecutor(len(calls)) as threads:
            answers = dict(zip(calls, threads.map(partial(answer, distant), calls, calls.values()), strict=True))
    assert answers["consume"] == ({"records": 1, "issued": 1, "failed": 0} if committed else "Unavailable")
    assert bool(answers["retry"]["unavailable"]) == put_off
    if away is None:
        assert answers["operate"] == "Unavailable"
    else:
        assert {part for part, shown in answers["operate"].items() if "away: " in str(shown)} == away
    for proxy in distant.through.all:
        proxy.start()
    distant.assert_promise()


def answer(town: Town, function: str, payload: object) -> Any:
    """What the function answers, or the type of the error that it raises."""
    try:
        return town.cloud.invoke(function, payload)
    except InvocationError as error:
        return error.said["errorType"]
