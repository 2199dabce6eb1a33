"""Paths, methods, and how an error reads: what apply answers without any server."""

from __future__ import annotations

import json
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

import httpx
import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st

from dev.openapi import load_handler
from firstcome import rules
from firstcome.apply import problem
from firstcome.apply.problem import CODES, METHODS
from firstcome.rules import BadInput, Unavailable
from firstcome.runtime import http
from tests.api import DOCUMENT, Api, Reached, jwt, reached, validator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SAMPLES = sorted((Path(__file__).parents[2] / "events").glob("apply-*.json"))
VALID_EVENT = "spring-sale"
APPLICATIONS = f"/events/{VALID_EVENT}/applications"

event_ids = st.from_regex(rules.EVENT_ID_PATTERN, fullmatch=True)
user_ids = st.from_regex(rules.USER_ID_PATTERN, fullmatch=True)


@pytest.fixture(scope="module")
def echo() -> Iterator[str]:
    """The URL of a server that answers the target of each request as it came over the wire."""

    class Echo(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(self.path.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


# --- paths and methods -------------------------------------------------------------------------------------------


@given(event_id=event_ids, user_id=user_ids)
def test_every_valid_id_arrives_through_the_path(api: Api, event_id: str, user_id: str) -> None:
    """Percent-encoded or not, quotes that the resolver's own pattern lacks included."""
    assert reached(lambda: api.event(event_id)) == ("event", event_id)
    assert reached(lambda: api.status(event_id, user_id)) == ("status", event_id, user_id)


def by_urllib3(url: str) -> str:
    return urllib3.request("GET", url, timeout=10).data.decode()


def by_httpx(url: str) -> str:
    return httpx.get(url, timeout=10).text


@pytest.mark.parametrize("get", [by_urllib3, by_httpx])
@pytest.mark.parametrize("user_id", ["...", ".a", "a.", "..;", "~", "+2e", "a&b", "[::1]", "|^`{}"])
def test_every_client_carries_every_user_id(echo: str, get: Callable[[str], str], user_id: str) -> None:
    """What clients make of a path before they send it leaves every id as it is, and so names the same person."""
    path = f"/events/{VALID_EVENT}/applications/{quote(user_id, safe='')}"
    assert unquote(get(echo + path)) == unquote(path)


@pytest.mark.parametrize("user_id", [".", ".."])
def test_an_id_that_no_url_can_carry_is_refused(api: Api, user_id: str) -> None:
    """400 wherever it comes from: no ticket is given whose status nobody could ask for."""
    assert api.post(VALID_EVENT, {"user_id": user_id}).code == (400, "bad_user_id")
    assert api.as_(jwt(user_id)).post(VALID_EVENT, b"").code == (400, "bad_user_id")
    assert api.status(VALID_EVENT, user_id).code == (400, "bad_user_id")
    schema = DOCUMENT["components"]["schemas"]["NewApplication"]
    assert not validator(schema).is_valid({"user_id": user_id})
    assert validator(schema).is_valid({"user_id": user_id + "a"})


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
    reply = api.call(method, path.format(event_id=VALID_EVENT, user_id="alice", key="k"))
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
    event = {"headers": {"X-Correlation-Id": theirs}, "requestContext": {"requestId": "JKJaXmPLvHcESHA="}}
    harmless = re.fullmatch(r"[A-Za-z0-9._=-]{1,128}", theirs)
    assert http.correlation_id(event) == (theirs if harmless else "JKJaXmPLvHcESHA=")


def test_the_wait_of_a_503_is_spread() -> None:
    """1 to 3 seconds, not always the same: those who wait do not come back as one."""
    waits = {problem.of(Unavailable("redis")).headers["Retry-After"] for _ in range(200)}
    assert waits == {"1", "2", "3"}


def test_the_codes_have_these_statuses() -> None:
    """No other status is ever answered."""
    assert {meaning.status for meaning in CODES.values()} == {400, 401, 403, 404, 405, 409, 410, 413, 415, 500, 503}
