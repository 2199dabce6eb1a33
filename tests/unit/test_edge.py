"""With an edge in front of it, the applicants' API answers nobody who went around it."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from firstcome.apply.edge import HEADER
from firstcome.rules import BadInput
from firstcome.settings import Settings
from tests.api import BACK_END, JSON, Api, Reply, jwt, reached, without_servers

if TYPE_CHECKING:
    from collections.abc import Callable

EVENT_ID = "spring-sale"
SECRET, NEXT = "s3cret-of-the-edge", "the-next-one"
REFUSED = (403, "not_by_the_edge")


def hashed(*secrets: str) -> str:
    return ",".join(sha256(each.encode()).hexdigest() for each in secrets)


@pytest.fixture(scope="module")
def api() -> Api:
    """An environment behind an edge."""
    return without_servers(hashed(SECRET))


def asked(api: Api, headers: dict[str, str]) -> list[Callable[[], Reply]]:
    """Return everything that the applicants' API has."""
    alice, path = api.as_(jwt("alice")), f"/events/{EVENT_ID}"
    return [
        lambda: alice.call("POST", f"{path}/applications", b"{}", JSON | headers),
        lambda: alice.call("GET", f"{path}/applications/alice", headers=headers),
        lambda: api.as_(None).call("GET", path, headers=headers),
    ]


@pytest.mark.parametrize("secret", [None, "", "guessed", hashed(SECRET), f"{SECRET},{SECRET}"])
def test_who_goes_around_the_edge_is_refused(api: Api, secret: str | None) -> None:
    """The hash, which stands in the function's configuration, opens nothing."""
    headers = {} if secret is None else {HEADER: secret}
    assert {call().code for call in asked(api, headers)} == {REFUSED}


def test_the_edge_is_asked_about_before_anything_else(api: Api) -> None:
    """Who goes around it does not even hear what is wrong with the request, or that nobody vouches for it."""
    for call in asked(api.as_(None), {}):
        assert call().code == REFUSED
    assert api.as_(None).post("no id", b"?").code == REFUSED


def test_what_the_edge_sends_on_is_answered(api: Api) -> None:
    """Each request, by the method that it is for."""
    assert [reached(call)[0] for call in asked(api, {HEADER: SECRET})] == ["apply", "status", "event"]


def test_both_secrets_count_while_one_replaces_the_other() -> None:
    """The functions know both before the edge sends the new one."""
    api = without_servers(hashed(NEXT, SECRET))
    for secret in (SECRET, NEXT):
        assert reached(asked(api, {HEADER: secret})[2]) == ("event", EVENT_ID)
    assert asked(api, {HEADER: "guessed"})[2]().code == REFUSED


def test_a_back_end_signs_and_needs_no_edge(api: Api) -> None:
    """It has an API of its own, which IAM guards."""
    assert reached(lambda: api.as_(BACK_END).event(EVENT_ID)) == ("event", EVENT_ID)


def test_only_with_an_edge_is_the_secret_asked_for() -> None:
    """Nor does the header matter."""
    assert reached(asked(without_servers(), {HEADER: "anything"})[2]) == ("event", EVENT_ID)


@pytest.mark.parametrize("hashes", ["x", hashed(SECRET).upper(), hashed(SECRET) + ",", SECRET])
def test_what_is_no_hash_is_refused_at_the_start(hashes: str) -> None:
    """Or everybody would be refused; the message does not repeat what may be the secret itself."""
    with pytest.raises(BadInput, match="edge_sha256") as told:
        Settings.from_env({"FIRSTCOME_EDGE_SHA256": hashes})
    assert SECRET not in str(told.value)
