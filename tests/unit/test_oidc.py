"""Signing in at the local issuer, step by step as a browser does it: authorization code with PKCE."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from dev import identity, oidc
from dev.authorizer import Authorizer
from dev.identity import AUDIENCE, Identity
from dev.oidc import AUTHORIZE, DISCOVERY, END_SESSION, JWKS, SIGN_IN, TOKEN, Issuer, challenge_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dev.signin import Answer

ISSUER = "http://127.0.0.1:8084"
PAGE = "http://127.0.0.1:5173/back?from=issuer"
# RFC 7636, appendix B
VERIFIER, CHALLENGE = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
ASKED = {
    "client_id": "page",
    "redirect_uri": PAGE,
    "response_type": "code",
    "scope": "openid",
    "state": "a state & more",
    "nonce": "n-1",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    folder = tmp_path_factory.mktemp("issuer")
    identity.make(folder, ISSUER)
    return Identity(folder)


@pytest.fixture
def issuer(signer: Identity) -> Issuer:
    return Issuer(signer)


def asked(issuer: Issuer, fields: Mapping[str, str], cookie: str = "") -> Answer:
    return issuer.answer("GET", f"{AUTHORIZE}?{urlencode(fields)}", {"cookie": cookie})


def signed_in(issuer: Issuer, fields: Mapping[str, str] = ASKED, name: str = "alice", groups: str = "") -> Answer:
    """Fill in the form as a browser does: what is hidden in it goes along."""
    form = asked(issuer, fields)
    assert form.status == 200
    hidden = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', form.body)
    sent = {unescape(key): unescape(value) for key, value in hidden} | {"name": name, "groups": groups}
    return issuer.answer("POST", SIGN_IN, {}, urlencode(sent))


def told(answer: Answer) -> dict[str, str]:
    """Return what the page is told in the address to which the browser goes back."""
    assert answer.status == 303, answer
    back = urlsplit(answer.headers["location"])
    assert f"{back.scheme}://{back.netloc}{back.path}" == "http://127.0.0.1:5173/back"
    return {name: value for name, [value] in parse_qs(back.query).items()}


def exchanged(issuer: Issuer, given: str, /, **changed: str) -> tuple[int, dict[str, str]]:
    fields = {
        "grant_type": "authorization_code",
        "code": given,
        "client_id": "page",
        "redirect_uri": PAGE,
        "code_verifier": VERIFIER,
    } | changed
    answer = issuer.answer("POST", TOKEN, {}, urlencode(fields))
    assert answer.headers["cache-control"] == "no-store"
    return answer.status, json.loads(answer.body)


def test_a_browser_signs_in(issuer: Issuer, signer: Identity) -> None:
    """Any name, any groups; the access token is for the APIs, the id token for the page."""
    back = told(signed_in(issuer, name="Ann O'Neill <3", groups="viewer  operator"))
    assert (back["from"], back["state"], back["iss"]) == ("issuer", "a state & more", ISSUER)
    status, said = exchanged(issuer, back["code"])
    assert (status, said["token_type"]) == (200, "Bearer")
    access = Authorizer(ISSUER, [AUDIENCE], signer.keys).claims(said["access_token"])
    assert (access["sub"], access["groups"]) == ("Ann O'Neill <3", ["viewer", "operator"])
    about = Authorizer(ISSUER, ["page"], signer.keys).claims(said["id_token"])
    assert (about["sub"], about["nonce"], about["groups"]) == (access["sub"], "n-1", ["viewer", "operator"])


def test_the_challenge_is_that_of_the_standard() -> None:
    """RFC 7636's own example."""
    assert challenge_of(VERIFIER) == CHALLENGE


def test_a_code_is_used_once(issuer: Issuer) -> None:
    """The second exchange is an `invalid_grant`."""
    code = told(signed_in(issuer))["code"]
    assert exchanged(issuer, code)[0] == 200
    assert exchanged(issuer, code) == (
        400,
        {"error": "invalid_grant", "error_description": "the code is unknown, used or too old"},
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"code_verifier": "guessed"},
        {"code_verifier": ""},
        {"code_verifier": CHALLENGE},
        {"client_id": "another"},
        {"redirect_uri": "http://127.0.0.1:9/"},
        {"code": "guessed"},
    ],
)
def test_a_stolen_code_is_worth_nothing(issuer: Issuer, changed: dict[str, str]) -> None:
    """Without its verifier, its client and its address."""
    status, said = exchanged(issuer, told(signed_in(issuer))["code"], **changed)
    assert (status, said["error"]) == (400, "invalid_grant")


def test_a_late_code_is_worth_nothing(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A code has its lifetime, like any issuer's."""
    monkeypatch.setattr(oidc, "_CODE_LIFETIME_S", -1)
    assert exchanged(issuer, told(signed_in(issuer))["code"])[0] == 400


def test_another_grant_is_refused(issuer: Issuer) -> None:
    """There is one way in: the code, with PKCE."""
    code = told(signed_in(issuer))["code"]
    assert exchanged(issuer, code, grant_type="password")[1]["error"] == "unsupported_grant_type"


@pytest.mark.parametrize(
    "uri",
    [
        "https://elsewhere.example/",
        "http://127.0.0.1.elsewhere.example/",
        "http://127.0.0.1@elsewhere.example/",
        "http://localhost:80:80/",
        "http://127.0.0.1/#fragment",
        "http://127.0.0.1/\r\nset-cookie: a=b",
        "javascript:alert(1)",
        "//elsewhere.example",
        "",
    ],
)
def test_nobody_is_sent_elsewhere(issuer: Issuer, uri: str) -> None:
    """Neither a code nor an error goes to an address that is not this machine's, whichever door is tried."""
    fields = ASKED | {"redirect_uri": uri}
    for answer in (
        asked(issuer, fields),
        issuer.answer("POST", SIGN_IN, {}, urlencode(fields | {"name": "alice"})),
        issuer.answer("GET", f"{END_SESSION}?{urlencode({'post_logout_redirect_uri': uri})}", {}),
    ):
        assert "location" not in answer.headers


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "email"}, "invalid_scope"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": ""}, "invalid_request"),
    ],
)
def test_the_page_hears_what_it_did_wrong(issuer: Issuer, changed: dict[str, str], error: str) -> None:
    """The error goes back to the page with its state, and the form cannot be skipped."""
    back = told(asked(issuer, ASKED | changed))
    assert (back["error"], back["state"]) == (error, ASKED["state"])
    skipped = issuer.answer("POST", SIGN_IN, {}, urlencode(ASKED | changed | {"name": "alice"}))
    assert skipped.status == 400


def test_who_has_signed_in_is_not_asked_again(issuer: Issuer) -> None:
    """Until the session ends; `prompt=login` asks all the same, `prompt=none` never does."""
    silent = ASKED | {"prompt": "none"}
    assert told(asked(issuer, silent))["error"] == "login_required"
    cookie = signed_in(issuer).headers["set-cookie"].partition(";")[0]
    assert "code" in told(asked(issuer, ASKED, cookie))
    assert "code" in told(asked(issuer, silent, cookie))
    assert asked(issuer, ASKED | {"prompt": "login"}, cookie).status == 200
    ended = issuer.answer(
        "GET", f"{END_SESSION}?{urlencode({'post_logout_redirect_uri': PAGE, 'state': 's'})}", {"cookie": cookie}
    )
    assert told(ended)["state"] == "s"
    assert told(asked(issuer, silent, cookie))["error"] == "login_required"


def test_a_name_is_needed(issuer: Issuer) -> None:
    """The form is shown again, and says so."""
    again = signed_in(issuer, name="  ")
    assert (again.status, "A name is needed." in again.body) == (200, True)


def test_what_the_page_sent_stays_text(issuer: Issuer) -> None:
    """Nothing of a request becomes HTML, and the page may run no script and load nothing."""
    form = asked(issuer, ASKED | {"state": '"><script>alert(1)</script>'})
    assert "<script" not in form.body
    assert form.headers["content-security-policy"].startswith("default-src 'none'")


def test_a_client_finds_everything_by_the_discovery_document(issuer: Issuer, signer: Identity) -> None:
    """Issuer, keys and PKCE are told where every client looks."""
    said = json.loads(issuer.answer("GET", DISCOVERY, {}).body)
    assert said["issuer"] == ISSUER
    assert said["jwks_uri"] == ISSUER + JWKS
    assert said["code_challenge_methods_supported"] == ["S256"]
    assert json.loads(issuer.answer("GET", JWKS, {}).body) == {"keys": signer.keys}


@pytest.mark.parametrize(("origin", "allowed"), [("http://localhost:5173", True), ("https://elsewhere.example", False)])
def test_pages_of_this_machine_may_read_it(issuer: Issuer, origin: str, allowed: bool) -> None:
    """Loopback's pages may read every answer but the form's."""
    for method, path in (("GET", DISCOVERY), ("GET", JWKS), ("POST", TOKEN), ("OPTIONS", TOKEN)):
        answer = issuer.answer(method, path, {"origin": origin})
        assert (answer.headers.get("access-control-allow-origin") == origin) is allowed, path
    assert "access-control-allow-origin" not in asked(issuer, ASKED).headers


def test_anything_else_is_404(issuer: Issuer) -> None:
    """And what was asked for is not repeated in the answer."""
    assert issuer.answer("GET", "/<b>", {}).status == 404
    assert "<b>" not in issuer.answer("GET", "/<b>", {}).body
