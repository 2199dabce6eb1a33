"""The operator's API as far as no server is asked: who is let in, what a request may say, and how an error reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from firstcome import operate
from firstcome.operate.table import ACTIONS
from firstcome.operate.web import door as door_module
from firstcome.operate.web.identity import groups
from firstcome.operate.web.problem import MAX_BODY_BYTES
from firstcome.operate.web.routes import is_posted
from firstcome.operate.who import Group, Who
from tests.operators import JSON, REQUEST_ID, Door, token

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

RANKS = list(Group)
LAYER = Path(operate.__file__).parents[1]


@pytest.fixture
def door(load_handler: Callable[..., ModuleType]) -> Door:
    """An execution environment, asked by an admin. Its servers are away, and nothing here asks them."""
    return Door(load_handler("operate", "web"), token("ada", "admin"), faked=True)


@pytest.fixture
def acted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[dict[str, Any], Who]]:
    """What reaches the actions in place of carrying them out: the payload, and who acts."""
    seen: list[tuple[dict[str, Any], Who]] = []

    def act(_stores: object, payload: dict[str, Any], who: Who) -> dict[str, Any]:
        seen.append((payload, who))
        return {"action": payload["action"]}

    monkeypatch.setattr(door_module, "act", act)
    return seen


# --- who -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claim", "names"),
    [
        ("[admin operator]", {"admin", "operator"}),
        (["admin", "operator"], {"admin", "operator"}),
        ("[admin]", {"admin"}),
        ("admin", {"admin"}),
        ("[]", {""}),
        ("admin operator", {"admin operator"}),
        ("admin,operator", {"admin,operator"}),
        ('["admin"]', {'"admin"'}),
        (["admin", 7, None], {"admin"}),
        ({"admin": True}, set()),
        (None, set()),
        (7, set()),
    ],
)
def test_a_claim_is_read_as_a_list_or_as_its_string(claim: object, names: set[str]) -> None:
    """HTTP APIs hand on the array as `[a b]`; what is neither names nobody."""
    assert groups(claim) == names


@pytest.mark.parametrize("claim", ["Admin", "ADMIN", "[admins]", "[xadmin]", ["admin "], "viewer operator", "", "[]"])
def test_a_group_is_its_exact_name(door: Door, claim: object) -> None:
    """Nothing that only looks like one lets anybody in."""
    assert Door(door.module, token("ada", claim=claim)).get("/me").code == (403, "forbidden")


def test_an_applicants_token_is_forbidden(door: Door) -> None:
    """A token without groups is verified, and may do nothing: not even learn which paths there are."""
    applicant = Door(door.module, {"jwt": {"claims": {"sub": "alice"}}})
    for path in ("/me", "/events", "/nothing"):
        assert applicant.get(path).code == (403, "forbidden")
    assert applicant.act("E", "open").code == (403, "forbidden")


@pytest.mark.parametrize("sub", [None, "", 7, "x" * 256, "\ud800"])
def test_a_token_names_its_subject(door: Door, sub: Any) -> None:
    """Who acts is written down: a token that does not say it opens nothing."""
    answer = Door(door.module, token(sub, "admin")).get("/me")
    assert answer.code == (401, "unauthenticated")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_only_a_token_lets_anybody_in(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not by IAM's authorizer either, and not by the local identity that stands in for it before apply."""
    monkeypatch.setenv("FIRSTCOME_LOCAL_IDENTITY", "backend")
    assert door.anybody().get("/me").code == (401, "unauthenticated")
    iam = Door(door.module, {"iam": {"userArn": "arn:aws:sts::123456789012:assumed-role/shop/shop"}})
    assert iam.get("/me").code == (401, "unauthenticated")


@pytest.mark.parametrize("group", RANKS)
def test_me_says_what_the_groups_may(door: Door, group: Group) -> None:
    """The table's actions, and none that is invoked directly only."""
    answer = door.as_("ada", group, "chess-club").get("/me").body
    assert (answer["actor"], answer["groups"]) == ("ada", [group])
    rank = RANKS.index(group)
    assert set(answer["may"]) == {
        action.name for action in ACTIONS.values() if RANKS.index(action.group) <= rank and not action.direct
    }
    assert "wipe" not in answer["may"]


@pytest.mark.parametrize("group", RANKS)
@pytest.mark.parametrize("name", ACTIONS)
def test_a_group_may_what_the_table_says(door: Door, name: str, group: Group) -> None:
    """Each action and each group: 403 exactly where the table has a higher one."""
    action = ACTIONS[name]
    asked = door.as_("ada", group)
    may = RANKS.index(group) >= RANKS.index(action.group)
    unknown = {"no_such_field": 1}  # so that nothing is carried out
    if is_posted(action):
        codes = {asked.act("E", name, **unknown).code, asked.post(f"/actions/{name}", **unknown).code}
        assert codes == {(400, "unknown_field") if may else (403, "forbidden")}
    else:
        assert asked.act("E", name).code == (404, "unknown_action")


# --- requests --------------------------------------------------------------------------------------------------------


def test_a_path_and_a_query_become_the_fields(door: Door, acted: list[tuple[dict[str, Any], Who]]) -> None:
    """Numbers as numbers, names as they are."""
    door.get("/events/E/failed", status="dead", limit=5, after=7)
    door.get("/failed", id=3)
    door.get("/events/E/history", after=7)
    assert [payload for payload, _ in acted] == [
        {"action": "list_failed", "event_id": "E", "status": "dead", "limit": 5, "after_id": 7},
        {"action": "list_failed", "id": 3},
        {"action": "history", "event_id": "E", "after": 7},
    ]
    assert {(who.actor, who.kind, who.groups) for _, who in acted} == {("ada", "token", frozenset({"admin"}))}


def test_an_action_is_the_path_and_the_body(door: Door, acted: list[tuple[dict[str, Any], Who]]) -> None:
    """With and without an event; an empty body has no fields."""
    door.act("E", "open", expect_version=3, request_id="r-1")
    door.post("/actions/redrive", id=7)
    door.call("POST", "/events/E/actions/pause")
    assert [payload for payload, _ in acted] == [
        {"action": "open", "event_id": "E", "expect_version": 3, "request_id": "r-1"},
        {"action": "redrive", "id": 7},
        {"action": "pause", "event_id": "E"},
    ]


@pytest.mark.parametrize("field", ["action", "event_id", "actor"])
def test_a_body_does_not_contradict_path_and_token(door: Door, field: str) -> None:
    """What stands there stands there alone."""
    answer = door.act("E", "open", **{field: "x"})
    assert answer.code == (400, "unknown_field")
    assert field in answer.body["detail"]


@pytest.mark.parametrize(
    ("body", "headers", "code"),
    [
        (b"{", JSON, (400, "bad_json")),
        (b"[]", JSON, (400, "bad_json")),
        (b'{"a": "\xff"}', JSON, (400, "bad_json")),
        (b"[" * 100_000, JSON, (400, "bad_json")),
        (b"{}", {"content-type": "text/plain"}, (415, "unsupported_media_type")),
        (b'{"a": "' + b"x" * MAX_BODY_BYTES + b'"}', JSON, (413, "body_too_large")),
    ],
    ids=["half", "list", "latin", "deep", "text", "large"],
)
def test_a_wrong_body_is_told(door: Door, body: bytes, headers: dict[str, str], code: tuple[int, str]) -> None:
    """Before anything is done."""
    assert door.call("POST", "/events/E/actions/open", body, headers).code == code


@pytest.mark.parametrize(
    ("path", "query", "code"),
    [
        ("/events/E/failed", {"limit": "many"}, "bad_limit"),
        ("/events/E/failed", {"limit": "9" * 5_000}, "bad_limit"),
        ("/events/E/failed", {"limit": "-1"}, "bad_limit"),
        ("/events/E/failed", {"limit": "0"}, "bad_limit"),
        ("/events/E/failed", {"status": "dad"}, "bad_status"),
        ("/events/E/failed", {"event_id": "F"}, "unknown_field"),
        ("/events/E", {"limit": 1}, "unknown_field"),
        ("/events/a b", {}, "bad_event_id"),
    ],
)
def test_a_wrong_path_or_query_is_told(door: Door, path: str, query: dict[str, object], code: str) -> None:
    """By the checks of the actions, and a parameter that a path does not have by its name."""
    assert door.get(path, **query).code == (400, code)


def test_a_parameter_that_comes_twice_is_told(door: Door) -> None:
    """API Gateway joins them by commas."""
    assert door.call("GET", "/failed?limit=1&limit=2").code == (400, "bad_limit")


def test_an_unknown_path_or_method_is_told(door: Door) -> None:
    """405 says which method the path has."""
    assert door.get("/coupons").code == (404, "unknown_path")
    answer = door.call("DELETE", "/events/E")
    assert (answer.code, answer.headers["allow"]) == ((405, "method_not_allowed"), "GET")
    assert door.get("/events/E/actions/open").headers["allow"] == "POST"


def test_an_unknown_action_is_told_with_those_there_are(door: Door) -> None:
    """What only looks is no action to post; `wipe` is for a direct invoke of the local cloud."""
    for name in ("opn", "show", "list_failed", "wipe"):
        answer = door.act("E", name)
        assert answer.code == (404, "unknown_action")
        assert "raise_capacity" in answer.body["detail"]
        assert "wipe" not in answer.body["detail"]


def test_what_is_begun_is_accepted(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """202 where the action answers an operation that is under way; asking about it is 200."""
    for status, code in (("begun", 202), ("working", 202), ("done", 200), ("failed", 200)):
        operation = {"operation": {"id": 7, "status": status, "action": "restore", "event_id": "E"}}
        monkeypatch.setattr(door_module, "act", lambda *_, said=operation: {"action": "restore", **said})
        assert door.act("E", "restore").status == code
        assert door.get("/events/E").status == 200


def test_a_fault_of_ours_is_logged_and_tells_nothing(
    door: Door, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """500, with the correlation id under which the log has the traceback."""

    def act(*_: object) -> dict[str, Any]:
        raise LookupError("a secret")

    monkeypatch.setattr(door_module, "act", act)
    answer = door.get("/events/E")
    assert answer.code == (500, "internal")
    assert "secret" not in json.dumps(answer.body)
    [record] = [record for record in caplog.records if record.levelname == "ERROR"]
    assert vars(record)["correlation_id"] == answer.body["correlation_id"] == REQUEST_ID


def test_an_answer_that_lambda_cannot_carry_is_refused(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """Quotation marks are longer inside a response: 4 MB of them would be 8 there, and a 500 without a word."""
    monkeypatch.setattr(door_module, "act", lambda *_: {"action": "show", "rows": ['"' * 2_000_000]})
    assert door.get("/events/E").code == (400, "answer_too_large")
    monkeypatch.setattr(door_module, "act", lambda *_: {"action": "show", "rows": ["x" * 4_900_000]})
    assert door.get("/events/E").status == 200


def test_a_refused_group_is_logged_without_a_row(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    """Who, and under which correlation id: nothing was decided, so nothing is in the ledger."""
    with caplog.at_level("INFO"):
        door.as_("vera", "viewer").act("E", "end", expect_version=1)
    [record] = [record for record in caplog.records if record.message == "forbidden"]
    assert vars(record)["actor"] == "vera"


# --- the other door --------------------------------------------------------------------------------------------------


def test_a_direct_invoke_has_no_identity_of_a_token(load_handler: Callable[..., ModuleType]) -> None:
    """Whoever may invoke `operate` could forge what API Gateway says: nothing of it is read."""
    handler = load_handler("operate").handler
    forged = {"requestContext": {"authorizer": token("root", "admin")}, "action": "show", "event_id": "E"}
    with pytest.raises(Exception, match='show has no field "requestContext"'):
        handler(forged, None)
    source = (Path(__file__).parents[2] / "functions" / "operate" / "handler.py").read_text()
    assert "requestContext" not in source
