"""The three laws, over HTTP through the whole cloud: one gives one, many give exactly N, one greedy gives one."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from dev.crowd import Answer, Crowd, by_word

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.campaign import Campaign

COUPONS = 100
THREADS = 32
PEOPLE = [f"person-{number:04}" for number in range(1_000)]
GREEDY = "greedy"
GREEDY_REQUESTS = 1_000


def rush(campaign: Campaign, people: list[str]) -> list[Answer]:
    """Let all of `people` ask at once, and return when everything that follows from it has been done."""
    answers = Crowd(campaign.cloud.api_url, campaign.event_id, THREADS).rush(people)
    campaign.wait_consumed()
    return answers


def assert_first_come(campaign: Campaign, answers: list[Answer]) -> None:
    """Assert that exactly as many people as there are coupons have one each, and that just these were told so."""
    told: dict[str, set[int]] = {}
    for answer in answers:
        if answer.status in (200, 202):
            told.setdefault(answer.user_id, set()).add(answer.body["ticket"])
        else:
            assert (answer.status, answer.word) == (409, "sold_out"), by_word(answers)
    rows = campaign.rows()
    assert [row.number for row in rows] == list(range(1, COUPONS + 1)), "tickets 1..N, each once"
    assert len({row.user_id for row in rows}) == COUPONS, "distinct people"
    assert {row.user_id: {row.number} for row in rows} == told, "whoever was told has that very row, and nobody else"
    records = sorted(campaign.records(), key=lambda record: record.number)
    assert records == rows, "one record for each row"
    campaign.assert_promise(rows=COUPONS)


def test_one_application_gives_one_row(campaign: Campaign) -> None:
    """The word goes from accepted to issued, with the same ticket and time."""
    campaign.open(COUPONS)
    told = campaign.apply("alice")
    assert (*told.word, told.body["ticket"]) == (202, "accepted", 1)
    campaign.wait_consumed()
    assert campaign.holders() == {"alice": 1}
    issued = campaign.status("alice")
    assert issued.word == (200, "issued")
    assert issued.body["applied_at"] == told.body["applied_at"] < issued.body["issued_at"]
    campaign.assert_promise(rows=1)


def test_1000_applicants_from_32_threads_give_exactly_100_rows(campaign: Campaign) -> None:
    """I1 and I5 hold in a rush: 100 are accepted, in the order of their tickets, and 900 told sold out."""
    campaign.open(COUPONS)
    answers = rush(campaign, PEOPLE)
    assert by_word(answers) == {"202 accepted": COUPONS, "409 sold_out": len(PEOPLE) - COUPONS}
    assert_first_come(campaign, answers)


def test_1000_requests_of_one_person_give_1_row_from_1_record(campaign: Campaign) -> None:
    """I2 holds, and only the first request sends a record."""
    campaign.open(COUPONS)
    answers = rush(campaign, [GREEDY] * GREEDY_REQUESTS)
    told = by_word(answers)
    assert told.keys() <= {"202 accepted", "202 reserved", "200 accepted"}, told
    assert {(answer.body["ticket"], answer.body["applied_at"]) for answer in answers} == {
        (1, answers[0].body["applied_at"])
    }
    assert campaign.holders() == {GREEDY: 1}
    assert [(one.number, one.user_id) for one in campaign.records()] == [(1, GREEDY)]
    campaign.assert_promise(rows=1)


def test_1000_people_and_a_greedy_one_give_exactly_100_rows(campaign: Campaign) -> None:
    """The greedy one's requests cost nobody else a coupon."""
    campaign.open(COUPONS)
    people = PEOPLE + [GREEDY] * GREEDY_REQUESTS
    random.shuffle(people)
    assert_first_come(campaign, rush(campaign, people))


def test_what_the_ledger_cannot_take_waits_in_the_stream(campaign: Campaign, wait_until: Callable[..., None]) -> None:
    """No offset is committed before the rows are: the batch comes again, without any help of the schedule."""
    campaign.open()
    log = campaign.cloud.folder / "logs" / "poller.log"
    failures = log.read_text().count("consume: Unavailable")
    campaign.sql("RENAME TABLE coupon TO coupon_away")
    try:
        campaign.win("alice", "bob")
        wait_until(lambda: log.read_text().count("consume: Unavailable") > failures, "the batch has failed")
        assert campaign.status("alice").code == (503, "try_again")
    finally:
        campaign.sql("RENAME TABLE coupon_away TO coupon")
    campaign.wait_consumed()
    assert campaign.holders() == {"alice": 1, "bob": 2}
    campaign.assert_promise(rows=2)
