"""Every answer that the OpenAPI document names is given by the running cloud, and is as the document has it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import httpx
import pytest

from dev.openapi import FILE
from firstcome.runtime.http import RETRY_AFTER_S
from tests.api import DOCUMENT, JSON
from tests.e2e.back_end_scenes import BACK_END_ASKS, BACK_END_SCENES, KEY
from tests.e2e.scenes import ASKS, SCENES, arrive
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from dev.cloud import Cloud
    from tests.e2e.campaign import Campaign
    from tests.e2e.scenes import Scene

DOCUMENTED = {
    f"{operation['operationId']} {status} {example}"
    for methods in DOCUMENT["paths"].values()
    for operation in methods.values()
    for status, answer in operation["responses"].items()
    for content in answer["content"].values()
    for example in content["examples"]
}
# Who asks over HTTP is trusted here: the tests below ask as nobody, and a token arrives in a sample event only.
NOBODY = {f"{operation} 401 unauthenticated" for operation in ("apply", "status", *BACK_END_ASKS)}
APPLICANT = {"apply 403 not_yourself", *(f"{operation} 403 not_a_back_end" for operation in BACK_END_ASKS)}
APPLICANT.add("takeBack 400 bad_user_id")  # of a token whose sub is none
# The front answers it (test_doors.py), and no edge stands before this cloud (tests/unit/test_edge.py).
BEFORE = {"event 429 throttled", *(f"{operation} 403 not_by_the_edge" for operation in ("apply", "status", "event"))}
ELSEWHERE = NOBODY | APPLICANT | BEFORE
ALL_SCENES = SCENES | BACK_END_SCENES


@pytest.mark.parametrize("answer", ALL_SCENES)
def test_the_answer_is_given_and_is_as_documented(answer: str, campaign: Campaign) -> None:
    """Status, media type, body and code, over HTTP; each answer on the way to it is held to the document too."""
    arrive(answer, campaign, ALL_SCENES)


def test_there_is_a_scene_for_each_answer_of_the_document() -> None:
    """Each operation and status of openapi.json is played here, or named as played elsewhere."""
    assert ALL_SCENES.keys() | ELSEWHERE == DOCUMENTED


@pytest.mark.parametrize(
    ("code", "body"),
    [
        ("bad_json", b""),
        ("bad_json", b"alice"),
        ("bad_json", b'"alice"'),
        ("bad_json", b'["alice"]'),
        ("bad_json", b"null"),
        ("bad_json", b'{"user_id": "\xff"}'),
        ("bad_user_id", {"user_id": None}),
        ("bad_user_id", {"user_id": 1}),
        ("bad_user_id", {"user_id": ["alice"]}),
        ("bad_user_id", {"user_id": ""}),
        ("bad_user_id", {"user_id": "u" * 256}),
        ("bad_user_id", {"user_id": "alice b"}),
        ("bad_user_id", {"user_id": "alice/b"}),
        ("bad_user_id", {"user_id": "alicé"}),
        ("bad_user_id", {"user_id": "alice\n"}),
    ],
    ids=repr,
)
def test_bad_input_is_named_and_gives_nothing(campaign: Campaign, code: str, body: object) -> None:
    """The answer has the code of what is wrong, and no ticket is given."""
    campaign.open()
    assert campaign.post(body).code == (400, code)
    assert campaign.event().body["remaining"] == 3


def test_an_answer_says_who_which_and_when(campaign: Campaign) -> None:
    """A winner's bodies, from `accepted` to `issued`: the same ticket and the same time."""
    campaign.open()
    first = campaign.apply("alice")
    campaign.wait_consumed()
    again, issued = campaign.apply("alice"), campaign.status("alice")
    assert first.body == {
        "event_id": campaign.event_id,
        "user_id": "alice",
        "status": "accepted",
        "ticket": 1,
        "applied_at": first.body["applied_at"],
    }
    assert again.body == first.body
    assert issued.body == {**first.body, "status": "issued", "issued_at": issued.body["issued_at"]}
    assert [reply.headers["cache-control"] for reply in (first, again, issued)] == ["no-store"] * 3


def test_an_event_may_be_cached_for_a_second_and_counts_down(campaign: Campaign) -> None:
    """A winner lowers `remaining`, and a cache keeps the event for a second."""
    campaign.open(capacity=2)
    campaign.win("alice")
    seen = campaign.event()
    assert seen.headers["cache-control"] == "public, max-age=1"
    times = ["opens_at", "closes_at", "now"]
    shown = {
        "event_id": campaign.event_id,
        "name": "A campaign",
        "state": "open",
        "capacity": 2,
        "remaining": 1,
        **{name: seen.body[name] for name in times},
        "timezone": "UTC",
        "spread_ms": 0,
    }
    assert seen.body == shown
    assert seen.body["opens_at"] < seen.body["now"] < seen.body["closes_at"]
    campaign.operate("end")
    assert (campaign.event().body["state"], campaign.event().body["remaining"]) == ("ended", 0)


@pytest.mark.parametrize("ask", ASKS.values(), ids=ASKS)
def test_a_lost_gate_says_when_to_come_back_until_it_is_restored(campaign: Campaign, ask: Scene) -> None:
    """Nobody is told a guess; what was given stays given."""
    campaign.open()
    campaign.win("alice")
    campaign.wait_consumed()
    campaign.lose_gate()
    lost = campaign.apply("bob")
    assert lost.code == (503, "gate_lost")
    assert int(lost.headers["retry-after"]) in range(RETRY_AFTER_S[0], RETRY_AFTER_S[1] + 1)
    assert campaign.retry()["restored"] >= 1
    assert ask(campaign).status == 200
    assert campaign.apply("bob").body["ticket"] == 2


def test_another_method_is_told_the_one_that_the_path_has(campaign: Campaign) -> None:
    """405 names the path's own method in `Allow`."""
    event = f"/events/{campaign.event_id}"
    methods = {
        event: "GET",
        f"{event}/applications": "POST",
        f"{event}/applications/alice": "GET",
        f"{event}/redemptions": "POST",
        f"{event}/redemptions/{KEY}": "DELETE",
    }
    for path, allowed in methods.items():
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - {allowed}:
            refused = campaign.call(method, path)
            assert (*refused.code, refused.headers["allow"]) == (405, "method_not_allowed", allowed), method


@pytest.mark.parametrize("path", ["/", "/events", "/events/", "/events/a/b", "/events/a/applications/b/c"])
def test_there_is_nothing_at_another_path(campaign: Campaign, path: str) -> None:
    """Any other path is 404 with our own code."""
    assert campaign.call("GET", path).code == (404, "unknown_path")


def test_the_correlation_id_comes_back(campaign: Campaign) -> None:
    """The caller's own id is answered, and one is made where there is none."""
    campaign.open()
    body = json.dumps({"user_id": "alice"}).encode()
    sent = campaign.post(body, {**JSON, "x-correlation-id": "order-4711"})
    assert sent.headers["x-correlation-id"] == "order-4711"
    assert campaign.event().headers["x-correlation-id"]


def test_all_but_the_event_itself_needs_an_identity(campaign: Campaign, guarded: Cloud) -> None:
    """Where no authorizer vouches for the caller; the event itself is open to all."""
    campaign.open()
    with httpx.Client(base_url=guarded.api_url, timeout=PATIENCE_S) as client:
        campaign.http = client
        asks = [ask for name, ask in (ASKS | BACK_END_ASKS).items() if name != "event"]
        for reply in [ask(campaign) for ask in asks]:
            assert (*reply.code, reply.headers["www-authenticate"]) == (401, "unauthenticated", "Bearer")
        assert campaign.event().status == 200


def test_the_document_is_served(cloud: Cloud) -> None:
    """The API serves the very file that the repository has."""
    served = httpx.get(f"{cloud.api_url}/openapi.json")
    assert served.headers["content-type"] == "application/json"
    assert served.text == FILE.read_text(encoding="utf-8")
