"""People who sign in reach the real functions, each for themselves; those who do not are 401."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from dev.doors import APPLICANT_URL, ISSUER_URL, OPERATOR_URL
from dev.oidc import DISCOVERY, challenge_of
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dev.cloud import Cloud
    from tests.e2e.campaign import Campaign

VERIFIER = "v" * 43  # the shortest that PKCE allows
PAGE = "http://127.0.0.1:5173/"


@pytest.fixture
def door(guarded: Cloud) -> Iterator[httpx.Client]:
    """The applicants' API, before functions that believe nobody but an authorizer."""
    with httpx.Client(base_url=guarded.doors.urls[APPLICANT_URL], timeout=PATIENCE_S) as client:
        yield client


@pytest.fixture
def operators(guarded: Cloud) -> Iterator[httpx.Client]:
    """The operator's API."""
    with httpx.Client(base_url=guarded.doors.urls[OPERATOR_URL], timeout=PATIENCE_S) as client:
        yield client


def bearer(cloud: Cloud, name: str, *groups: str, expires_in_s: int = 600) -> dict[str, str]:
    token = cloud.doors.identity.access_token(name, groups, expires_in_s=expires_in_s)
    return {"authorization": f"Bearer {token}"}


def test_an_applicant_sees_their_own_application_only(campaign: Campaign, guarded: Cloud, door: httpx.Client) -> None:
    """The token's `sub` is the applicant; somebody else's application is 404, and naming somebody else 403."""
    campaign.open(2)
    path = f"/events/{campaign.event_id}/applications"
    alice, bob = bearer(guarded, "alice"), bearer(guarded, "bob")
    won = door.post(path, headers=alice, json={})
    assert (won.status_code, won.json()["user_id"], won.json()["ticket"]) == (202, "alice", 1)
    assert door.get(f"{path}/alice", headers=alice).status_code == 200
    assert door.get(f"{path}/alice", headers=bob).status_code == 404
    assert door.post(path, headers=bob, json={"user_id": "alice"}).status_code == 403
    campaign.wait_consumed()
    assert campaign.holders() == {"alice": 1}


@pytest.mark.parametrize("token", [None, "expired", "garbage"])
def test_without_a_token_that_counts_it_is_401(
    campaign: Campaign, guarded: Cloud, door: httpx.Client, token: str | None
) -> None:
    """The functions are not asked, and nobody has a coupon."""
    campaign.open(1)
    headers = {
        None: {},
        "expired": bearer(guarded, "alice", expires_in_s=-60),
        "garbage": {"authorization": "Bearer eyJhbGciOiJub25lIn0.e30."},
    }[token]
    path = f"/events/{campaign.event_id}/applications"
    for answer in (door.post(path, headers=headers, json={}), door.get(f"{path}/alice", headers=headers)):
        assert (answer.status_code, answer.json()) == (401, {"message": "Unauthorized"})
    assert campaign.holders() == {}


def test_an_event_can_be_seen_without_a_token(campaign: Campaign, door: httpx.Client) -> None:
    """The page shows an event to whoever has not signed in."""
    campaign.open(3)
    said = door.get(f"/events/{campaign.event_id}", headers={"origin": "http://localhost:5173"})
    assert (said.status_code, said.json()["remaining"]) == (200, 3)
    assert said.headers["access-control-allow-origin"] == "http://localhost:5173"


def test_a_browser_signs_in_and_applies(campaign: Campaign, guarded: Cloud, door: httpx.Client) -> None:
    """By the discovery document, through the form, with PKCE."""
    campaign.open(1)
    with httpx.Client(timeout=PATIENCE_S) as browser:
        told = browser.get(guarded.doors.urls[ISSUER_URL] + DISCOVERY).json()
        asked = {
            "client_id": "page",
            "redirect_uri": PAGE,
            "response_type": "code",
            "scope": "openid",
            "state": "s",
            "code_challenge": challenge_of(VERIFIER),
            "code_challenge_method": "S256",
        }
        form = browser.get(told["authorization_endpoint"], params=asked)
        [action] = re.findall(r'<form method="post" action="([^"]+)">', form.text)
        hidden = {name: unescape(value) for name, value in re.findall(r'name="([^"]+)" value="([^"]*)"', form.text)}
        back = browser.post(told["issuer"] + action, data=hidden | {"name": "carol", "groups": ""})
        assert (back.status_code, back.headers["location"].startswith(PAGE)) == (303, True)
        said = {name: value for name, [value] in parse_qs(urlsplit(back.headers["location"]).query).items()}
        assert said["state"] == "s"
        exchanged = browser.post(
            told["token_endpoint"],
            data={
                "grant_type": "authorization_code",
                "code": said["code"],
                "client_id": "page",
                "redirect_uri": PAGE,
                "code_verifier": VERIFIER,
            },
            headers={"origin": "http://127.0.0.1:5173"},
        )
    assert exchanged.headers["access-control-allow-origin"] == "http://127.0.0.1:5173"
    token = exchanged.json()["access_token"]
    won = door.post(f"/events/{campaign.event_id}/applications", headers={"authorization": f"Bearer {token}"}, json={})
    assert (won.status_code, won.json()["user_id"]) == (202, "carol")


def test_an_operator_sees_what_their_group_may(campaign: Campaign, guarded: Cloud, operators: httpx.Client) -> None:
    """An applicant may nothing there: 403; without a token it is 401; groups are those of the token."""
    campaign.open(1)
    path = f"/events/{campaign.event_id}"
    assert operators.get(path).status_code == 401
    assert operators.get(path, headers=bearer(guarded, "olga", "viewer", expires_in_s=-60)).status_code == 401
    assert operators.get(path, headers=bearer(guarded, "alice")).status_code == 403
    assert operators.get(path, headers=bearer(guarded, "alice", "viewers")).status_code == 403
    assert operators.get(path, headers=bearer(guarded, "vera", "viewer")).status_code == 200
    pause = f"{path}/actions/pause"
    assert operators.post(pause, headers=bearer(guarded, "vera", "viewer"), json={}).status_code == 403
    me = operators.get("/me", headers=bearer(guarded, "olga", "operator", "viewer")).json()
    assert (me["actor"], sorted(me["groups"])) == ("olga", ["operator", "viewer"])
