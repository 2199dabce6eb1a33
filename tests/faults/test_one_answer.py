"""I6: a winner who asks again gets the same ticket, and the word only moves forward."""

from __future__ import annotations

import json
from contextlib import closing
from http.client import HTTPConnection
from itertools import pairwise
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tests.faults.faults import (
    apply_dies_after_the_gate_before_the_send,
    apply_dies_after_the_send_before_the_answer,
    apply_dies_before_the_gate,
    apply_freezes_after_the_gate_before_the_send,
    kafka_refuses_connections,
    kafka_takes_the_records_and_the_answers_are_lost,
    nothing,
    under,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.faults.faults import Fault
    from tests.faults.town import Town

COUPONS = 50
# What an applicant may be told, in the order in which it may be said.
SAID = [(202, "reserved"), (202, "accepted"), (200, "accepted")]


@under(
    nothing,
    apply_dies_before_the_gate,
    apply_dies_after_the_gate_before_the_send,
    apply_dies_after_the_send_before_the_answer,
)
def test_everybody_who_asks_again_gets_the_same_answer(town: Town, fault: Fault) -> None:
    """At once, while the ticket is pending, and when it is a coupon."""
    town.open(COUPONS)
    people = town.newcomers(COUPONS)
    with fault(town), town.unconsumed():
        town.rush([person for person in people for _ in range(3)])
    town.until_whole()
    told = town.rush(people)
    assert {(one.answer.status, one.answer.word) for one in told} == {(200, "accepted")}
    assert all(town.status(person).body["status"] == "issued" for person in people[:5])
    town.assert_promise()


def test_a_client_that_gives_up_and_asks_again_gets_its_ticket(town: Town, wait_until: Callable[..., None]) -> None:
    """The first environment freezes with the ticket in its hand; when it thaws, it sends the record once more."""
    town.open(COUPONS)
    with apply_freezes_after_the_gate_before_the_send(town):
        with closing(HTTPConnection(urlsplit(town.cloud.api_url).netloc)) as client:
            body = json.dumps({"user_id": "alice"})
            client.request("POST", f"/events/{town.event_id}/applications", body, {"content-type": "application/json"})
            wait_until((town.triggers / "apply.before.Stream.send.obeyed").exists, "the environment is frozen")
        assert town.ask("alice").ticket == 1
        assert town.ask("bob").ticket == 2
        town.until_whole()
        assert [(row.user_id, row.number) for row in town.rows()] == [("alice", 1), ("bob", 2)], "swept"
    wait_until(lambda: len(town.records()) == 2, "the frozen environment has sent its record")
    town.assert_promise()


@under(nothing, kafka_refuses_connections, kafka_takes_the_records_and_the_answers_are_lost)
def test_reserved_becomes_accepted_and_never_the_other_way(distant: Town, fault: Fault) -> None:
    """Each answer says what the one before said, or more."""
    distant.open(COUPONS)
    people = distant.newcomers(COUPONS)
    with fault(distant):
        said = [
            {
                one.answer.body["user_id"]: SAID.index((one.answer.status, one.answer.word))
                for one in distant.rush(people)
            }
            for _ in range(3)
        ]
    for before, after in pairwise(said):
        assert not {
            user_id: (before[user_id], after[user_id]) for user_id in people if after[user_id] < before[user_id]
        }
    distant.until_whole()
    assert {one.answer.word for one in distant.rush(people)} == {"accepted"}
    distant.assert_promise()
