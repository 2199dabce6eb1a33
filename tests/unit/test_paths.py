"""Paths, methods, and how an error reads: what apply answers without any server."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dev.openapi import load_handler
from firstcome import problem, rules
from firstcome.problem import CODES, METHODS
from firstcome.rules import BadInput, Unavailable
from tests.api import Api, Reached, reached, without_servers

SAMPLES = sorted((Path(__file__).parents[2] / "events").glob("apply-*.json"))
VALID_EVENT = "spring-sale"
APPLICATIONS = f"/events/{VALID_EVENT}/applications"

event_ids = st.from_regex(rules.EVENT_ID_PATTERN, fullmatch=True)
user_ids = st.from_regex(rules.USER_ID_PATTERN, fullmatch=True)


@pytest.fixture(scope="module")
def api() -> Api:
    return without_servers()


# --- paths and methods -------------------------------------------------------------------------------------------


@given(event_id=event_ids, user_id=user_ids)
def test_every_valid_id_arrives_through_the_path(api: Api, event_id: str, user_id: str) -> None:
    """Percent-encoded or not, quotes that the resolver's own pattern lacks included."""
    assert reached(lambda: api.event(event_id)) == ("event", event_id)
    assert reached(lambda: api.status(event_id, user_id)) == ("status", event_id, user_id)


@given(text=st.text(min_size=1).filter(lambda text: not re.fullmatch(rules.EVENT_ID_PATTERN, text)))
def test_any_other_event_id_is_refused(api: Api, text: str) -> None:
    """400 `bad_event_id`; with a slash in it, which API Gateway decodes, it is another path."""
    try:
        target = f"/events/{quote(text, safe='')}"
    except UnicodeEncodeError:  # no URL says this
        return
    reply = api.call("GET", target)
    assert reply.code in {(400, "bad_event_id"), (404, "unknown_path"), (405, "method_not_allowed")} or "/" in text


@pytest.mark.parametrize("event_id", ["a b", "a%2541", "ä", "a.b", "a" * 65, "a\n", "%00", "'", "`"])
def test_a_malformed_event_id_is_named(api: Api, event_id: str) -> None:
    """400 for each of the three requests."""
    for reply in (api.post(event_id, {"user_id": "alice"}), api.status(event_id, "alice"), api.event(event_id)):
        assert reply.code == (400, "bad_event_id")


@pytest.mark.parametrize("user_id", ["a b", "50%", "ä", "a" * 256, "a?b", '"'])
def test_a_malformed_user_id_in_the_path_is_named(api: Api, user_id: str) -> None:
    """400, as in the body."""
    assert api.status(VALID_EVENT, user_id).code == (400, "bad_user_id")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("path", METHODS)
def test_another_method_is_not_allowed(api: Api, path: str, method: str) -> None:
    """405, and `Allow` names the one that is; an answer to HEAD has no body."""
    allowed = METHODS[path]
    if method == allowed:
        return
    reply = api.call(method, path.format(event_id=VALID_EVENT, user_id="alice"))
    assert (reply.status, reply.headers["allow"]) == (405, allowed)
    assert reply.body.get("code") == (None if method == "HEAD" else "method_not_allowed")


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/events",
        "/events/",
        "/events//applications",
        "/events/e/",
        f"{APPLICATIONS}/",
        f"{APPLICATIONS}/a/b",
        "/E/e",
    ],
)
def test_another_path_is_unknown(api: Api, path: str) -> None:
    """404: a trailing slash is another path, and %2F is one as soon as API Gateway has decoded it."""
    assert api.call("GET", path).code == (404, "unknown_path")
    assert api.call("GET", f"/events/a%2Fb{path}").code == (404, "unknown_path")


# --- answers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.stem)
def test_each_sample_event_is_understood(api: Api, sample: Path) -> None:
    """The samples for `sam local invoke` reach the servers, or are refused as documented."""
    try:
        answer = api.module.handler(json.loads(sample.read_text()), None)
    except Reached:
        return
    assert 400 <= answer["statusCode"] < 500, answer


def test_a_problem_reads_as_rfc_9457_has_it(api: Api) -> None:
    """Type, title, status, detail and instance, with a code; not to be cached."""
    reply = api.post(VALID_EVENT, {"user_id": ""})
    assert list(reply.body) == ["type", "title", "status", "detail", "instance", "code"]
    assert (reply.body["type"], reply.body["instance"]) == ("urn:problem-type:firstcome:bad_user_id", APPLICATIONS)
    assert "user_id must be 1 to 255" in reply.body["detail"]
    assert reply.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "error", [RuntimeError("mysql://root:hunter2@db"), BadInput("bad_setting", "hunter2"), KeyError()]
)
def test_a_fault_of_ours_tells_nothing_of_itself(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    """500 `internal`; the log has the traceback, and the correlation id by which to find it."""
    module = load_handler()

    def fail(_: str) -> None:
        raise error

    monkeypatch.setattr(module.applications, "event", fail)
    reply = Api(module, None).call("GET", f"/events/{VALID_EVENT}", headers={"x-correlation-id": "order-4711"})
    assert reply.code == (500, "internal")
    assert "hunter2" not in str(reply)
    [record] = [record for record in caplog.records if record.name == "firstcome"]
    assert record.exc_info is not None
    assert record.exc_info[1] is error
    assert record.__dict__["correlation_id"] == reply.headers["x-correlation-id"] == "order-4711"


@given(st.text())
def test_a_correlation_id_is_taken_over_only_if_it_is_harmless(theirs: str) -> None:
    """Otherwise API Gateway's request id is the correlation id: nobody writes lines into our log."""
    request = {"headers": {"X-Correlation-Id": theirs}, "requestContext": {"requestId": "JKJaXmPLvHcESHA="}}
    harmless = re.fullmatch(r"[A-Za-z0-9._=-]{1,128}", theirs)
    assert problem.correlation_id(request) == (theirs if harmless else "JKJaXmPLvHcESHA=")


def test_the_wait_of_a_503_is_spread() -> None:
    """1 to 3 seconds, not always the same: those who wait do not come back as one."""
    waits = {problem.of(Unavailable("redis")).headers["Retry-After"] for _ in range(200)}
    assert waits == {"1", "2", "3"}


def test_the_codes_have_these_statuses() -> None:
    """No other status is ever answered."""
    assert {meaning.status for meaning in CODES.values()} == {400, 401, 403, 404, 405, 409, 413, 415, 500, 503}
