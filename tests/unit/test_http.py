"""Who calls, and what the body says: what apply decides before it asks any server."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstcome import rules
from firstcome.apply import request
from firstcome.apply.problem import MAX_BODY_BYTES, Problem
from tests.api import JSON, Api, jwt, reached

VALID_EVENT = "spring-sale"

user_ids = st.from_regex(rules.USER_ID_PATTERN, fullmatch=True)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def event(**changed: Any) -> dict[str, Any]:
    """Return the parts of a request that the functions of `problem` read."""
    return {"headers": {}, "requestContext": {"requestId": "JKJaXmPLvHcESHA="}, "isBase64Encoded": False, **changed}


# --- who calls -------------------------------------------------------------------------------------------------------


def test_applying_and_asking_need_an_identity(api: Api) -> None:
    """401, with the scheme to use, before anything else is looked at; only the event is open to all."""
    nobody = api.as_(None)
    for reply in (nobody.post("not an id", b"no json"), nobody.status("not an id", "alice")):
        assert reply.code == (401, "unauthenticated")
        assert reply.headers["www-authenticate"] == "Bearer"
    assert reached(lambda: nobody.event(VALID_EVENT)) == ("event", VALID_EVENT)


@pytest.mark.parametrize(
    "authorizer",
    [
        None,
        {},
        {"jwt": None},
        {"jwt": {"claims": None}},
        {"jwt": {"claims": {}}},
        {"iam": None},
        {"lambda": {"sub": "a"}},
    ],
)
def test_only_the_two_authorizers_vouch_for_a_caller(authorizer: dict[str, Any] | None) -> None:
    """A token without a sub, a null, or another authorizer's word is nobody."""
    with pytest.raises(Problem, match="unauthenticated"):
        request.caller(event(requestContext={"authorizer": authorizer}), "")


def test_the_local_identity_stands_in_for_no_token() -> None:
    """The local identity stands in for a missing authorizer, never for what one said."""
    with pytest.raises(Problem, match="unauthenticated"):
        request.caller(event(requestContext={"authorizer": {"jwt": {"claims": {}}}}), "backend")


@pytest.mark.parametrize(
    ("setting", "sub"), [("backend", None), ("jwt:alice", "alice"), ("jwt:auth0|alice", "auth0|alice")]
)
def test_a_setting_names_the_caller_locally(setting: str, sub: str | None) -> None:
    """Where there is no authorizer, and only there."""
    assert request.caller(event(), setting) == sub
    assert request.caller(event(requestContext={"authorizer": jwt("bob")}), setting) == "bob"


@pytest.mark.parametrize("setting", ["", "Backend", "jwt", "iam"])
def test_an_unknown_local_identity_is_nobody(setting: str) -> None:
    """A misspelt setting lets nobody in."""
    with pytest.raises(Problem, match="unauthenticated"):
        request.caller(event(), setting)


def test_an_applicant_is_the_token_s_sub(api: Api) -> None:
    """Without a body, with an empty one, with one that says the same."""
    alice = api.as_(jwt("alice"))
    for body in (b"", {}, {"user_id": "alice"}):
        assert reached(partial(alice.post, VALID_EVENT, body))[:3] == ("apply", VALID_EVENT, "alice")


def test_an_applicant_applies_for_nobody_else(api: Api) -> None:
    """403; what is no user id at all is bad input."""
    alice = api.as_(jwt("alice"))
    assert alice.post(VALID_EVENT, {"user_id": "bob"}).code == (403, "not_yourself")
    assert alice.post(VALID_EVENT, {"user_id": "Alice"}).code == (403, "not_yourself")
    assert alice.post(VALID_EVENT, {"user_id": None}).code == (400, "bad_user_id")
    assert alice.post(VALID_EVENT, b"[").code == (400, "bad_json")


def test_a_sub_that_is_no_user_id_is_bad_input(api: Api) -> None:
    """400: it could not be kept."""
    assert api.as_(jwt("two words")).post(VALID_EVENT, {}).code == (400, "bad_user_id")
    assert api.as_(jwt("two words")).status(VALID_EVENT, "alice").code == (400, "bad_user_id")


def test_the_status_of_somebody_else_is_hidden_without_asking(api: Api) -> None:
    """404, the same as for nobody: an applicant learns nothing of others, not even by the time it takes."""
    assert api.as_(jwt("mallory")).status(VALID_EVENT, "alice").code == (404, "no_application")


# --- the body --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body", [b"", b"{", b"nonsense", b"[]", b'"alice"', b"null", b"\xff\xfe", '{"user_id": "alice"}'.encode("utf-16")]
)
def test_a_body_that_is_no_json_object_is_bad_json(api: Api, body: bytes) -> None:
    """400, whatever it is instead: nothing, broken, of another type, of another encoding."""
    assert api.post(VALID_EVENT, body).code == (400, "bad_json")


def test_deep_nesting_is_bad_json(api: Api) -> None:
    """400, not a fault of ours: the parser's own limit is an answer."""
    assert api.post(VALID_EVENT, b'{"user_id":' + b"[" * (MAX_BODY_BYTES - 20)).code == (400, "bad_json")


@pytest.mark.parametrize(
    "user_id", [None, 7, True, [], {}, "", "a" * 256, "two words", "a/b", "a?b", "50%", "naïve", "a\x00b", "\ud800"]
)
def test_a_bad_user_id_is_named(api: Api, user_id: object) -> None:
    """400: missing, of another type, empty, too long, or with other characters."""
    assert api.post(VALID_EVENT, {"user_id": user_id}).code == (400, "bad_user_id")
    assert api.post(VALID_EVENT, {}).code == (400, "bad_user_id")


@pytest.mark.parametrize("name", ["userId", "user", "UserID", "user-id", "userid", "usr_id", "uid", "user_di"])
def test_a_name_that_was_meant_for_user_id_is_told(api: Api, name: str) -> None:
    """What is missing, what was sent instead, and the right form."""
    told = api.post(VALID_EVENT, {"age": 7, name: "alice"}).body["detail"]
    assert told == f'user_id is missing; {name} was sent: name it user_id, as in {{"user_id": "alice"}}'


@pytest.mark.parametrize("name", ["age", "alice", "user 7", "user\nid", "u" * 40, "user_0001", "", "<user>"])
def test_no_other_name_is_repeated(api: Api, name: str) -> None:
    """What somebody sends is not for the answer to carry on."""
    told = api.post(VALID_EVENT, {name: "alice"}).body["detail"]
    assert told == 'user_id is missing: the body must be like {"user_id": "alice"}'


@given(user_ids, st.booleans(), st.dictionaries(st.text(), json_values, max_size=3))
def test_every_valid_user_id_arrives(user_id: str, ascii_only: bool, others: dict[str, Any]) -> None:
    """However it is escaped, plain or base64, whatever else the object holds."""
    body = json.dumps({**others, "user_id": user_id}, ensure_ascii=ascii_only)
    if any("\ud800" <= char <= "\udfff" for char in body) or len(body.encode()) > MAX_BODY_BYTES:
        return
    encoded = base64.b64encode(body.encode()).decode()
    assert request.applicant(event(body=body), None) == user_id
    assert request.applicant(event(body=encoded, isBase64Encoded=True), None) == user_id


@given(st.binary(max_size=64) | json_values.map(lambda value: json.dumps(value).encode()), st.booleans())
def test_any_body_is_an_object_or_a_problem(body: bytes, encoded: bool) -> None:
    """Nothing that a caller can send is a fault of ours."""
    text = base64.b64encode(body).decode() if encoded else body.decode("utf-8", "surrogateescape")
    found: object = None
    with suppress(Problem):
        found = request.read_object(event(body=text, isBase64Encoded=encoded))
    try:
        meant = json.loads(body.decode())
    except ValueError:
        meant = None
    assert json.dumps(found) == json.dumps(meant if isinstance(meant, dict) else None)


@given(st.text())
def test_base64_is_decoded_strictly(body: str) -> None:
    """A character that is none of the alphabet makes the body bad, and is not passed over."""
    with pytest.raises(Problem, match="bad_json"):
        request.read_object(event(body=f"eyJ1c2VyX2lkIjoiYSJ9*{body}", isBase64Encoded=True))


def test_a_body_over_the_limit_is_not_parsed(api: Api) -> None:
    """413 one byte above it, as text and as base64."""
    fits = b'{"user_id":"alice"}'.ljust(MAX_BODY_BYTES)
    for headers in (JSON, {"content-type": "application/json; charset=utf-8"}, {}):
        assert reached(partial(api.post, VALID_EVENT, fits, headers))[2] == "alice"
        assert api.post(VALID_EVENT, fits + b" ", headers).code == (413, "body_too_large")


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ";"])
def test_a_body_of_another_type_is_refused(api: Api, content_type: str) -> None:
    """415; a type that is not given is taken for JSON."""
    body = b'{"user_id":"alice"}'
    assert api.post(VALID_EVENT, body, {"content-type": content_type}).code == (415, "unsupported_media_type")
    assert reached(lambda: api.post(VALID_EVENT, body, {}))[2] == "alice"
    assert (
        reached(lambda: api.post(VALID_EVENT, body, {"content-type": "Application/JSON;charset=UTF-8"}))[2] == "alice"
    )
