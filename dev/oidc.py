"""The local cloud's identity provider: OpenID Connect for pages of this machine, and anybody may be anybody.

What a browser needs of it and nothing else: authorization code with PKCE (S256), for public clients. Codes and sessions
live in one process (`dev.issuer`); who asks after it was started again signs in again.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

from dev import origins, signin
from dev.identity import ALGORITHM, GROUPS, LIFETIME_S, Identity
from dev.signin import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

DISCOVERY = "/.well-known/openid-configuration"
JWKS = "/.well-known/jwks.json"
AUTHORIZE, SIGN_IN, TOKEN, END_SESSION = (f"/oidc/{name}" for name in ("authorize", "sign-in", "token", "end-session"))
# Cookies of one host reach all its ports: below this path no API has anything.
_COOKIE, _COOKIE_PATH = "firstcome-session", "/oidc"
_CODE_LIFETIME_S = 60  # a browser exchanges it at once


class Person(NamedTuple):
    """Who signed in."""

    name: str
    groups: tuple[str, ...]


class _Refused(Exception):  # noqa: N818  an answer to the client, no fault of ours
    """An error of OAuth 2.0; the message is its description."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error


@dataclass(frozen=True, slots=True)
class _Code:
    """What a code stands for, until it is exchanged."""

    person: Person
    client_id: str
    redirect_uri: str
    challenge: str
    nonce: str | None
    ends: float = field(default_factory=lambda: time.monotonic() + _CODE_LIFETIME_S)


class Issuer:
    """The protocol, without its sockets."""

    def __init__(self, identity: Identity) -> None:
        """Sign with `identity`."""
        self._identity = identity
        self._codes: dict[str, _Code] = {}
        self._sessions: dict[str, Person] = {}

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: str = "") -> Answer:
        """Return the response to a request; the names in `headers` are in lower case."""
        asked = urlsplit(target)
        route = self._routes().get((method, asked.path))
        if route is not None:
            answer = route(_fields(asked.query if method == "GET" else body), headers)
        elif method == "OPTIONS":
            answer = Answer(HTTPStatus.NO_CONTENT, _PREFLIGHT)
        else:
            answer = signin.page(HTTPStatus.NOT_FOUND, "Nothing here", signin.said(f"{method} {asked.path}"))
        origin = headers.get("origin", "")
        if asked.path in (DISCOVERY, JWKS, TOKEN) and origins.is_local(origin):
            answer.headers["access-control-allow-origin"] = origin
        return answer

    def _routes(self) -> dict[tuple[str, str], Callable[[dict[str, str], Mapping[str, str]], Answer]]:
        return {
            ("GET", DISCOVERY): lambda _fields, _headers: _json(self.discovery()),
            ("GET", JWKS): lambda _fields, _headers: _json({"keys": self._identity.keys}),
            ("GET", AUTHORIZE): self._authorize,
            ("POST", SIGN_IN): self._sign_in,
            ("POST", TOKEN): self._token,
            ("GET", END_SESSION): self._end_session,
        }

    def discovery(self) -> dict[str, Any]:
        """Return what a client finds at `DISCOVERY` (OpenID Connect Discovery 1.0)."""
        issuer = self._identity.issuer
        return {
            "issuer": issuer,
            "authorization_endpoint": issuer + AUTHORIZE,
            "token_endpoint": issuer + TOKEN,
            "end_session_endpoint": issuer + END_SESSION,
            "jwks_uri": issuer + JWKS,
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["none"],
            "id_token_signing_alg_values_supported": [ALGORITHM],
            "subject_types_supported": ["public"],
            "scopes_supported": ["openid"],
            "claims_supported": ["iss", "sub", "aud", "exp", "iat", "nonce", "name", *GROUPS],
            "authorization_response_iss_parameter_supported": True,
        }

    def _authorize(self, fields: dict[str, str], headers: Mapping[str, str]) -> Answer:
        """Ask who it is, or go on as who has signed in before, unless the page says `prompt=login`."""
        try:
            _check_client(fields)
        except _Refused as error:  # nobody is sent to an address that is not this machine's
            return signin.page(HTTPStatus.BAD_REQUEST, "This page cannot sign in here", signin.said(str(error)))
        try:
            _check_request(fields)
        except _Refused as error:
            return self._back(fields, {"error": error.error, "error_description": str(error)})
        person = self._sessions.get(_session_of(headers))
        prompt = fields.get("prompt", "").split()
        if person is not None and "login" not in prompt:
            return self._back(fields, {"code": self._code(fields, person)})
        if "none" in prompt:
            return self._back(fields, {"error": "login_required", "error_description": "nobody has signed in"})
        return signin.form(SIGN_IN, fields)

    def _sign_in(self, fields: dict[str, str], _headers: Mapping[str, str]) -> Answer:
        try:
            _check_client(fields)
            _check_request(fields)
        except _Refused as error:
            return signin.page(HTTPStatus.BAD_REQUEST, "This page cannot sign in here", signin.said(str(error)))
        name = fields.pop(signin.NAME, "").strip()
        groups = tuple(fields.pop(signin.GROUPS, "").split())
        if not name:
            return signin.form(SIGN_IN, fields, "A name is needed.")
        person, session = Person(name, groups), secrets.token_urlsafe(24)
        self._sessions[session] = person
        back = self._back(fields, {"code": self._code(fields, person)})
        back.headers["set-cookie"] = f"{_COOKIE}={session}; Path={_COOKIE_PATH}; HttpOnly; SameSite=Lax"
        return back

    def _back(self, fields: dict[str, str], said: dict[str, str]) -> Answer:
        """Send the browser back to the page with what it waits for."""
        if "state" in fields:
            said["state"] = fields["state"]
        return _redirect(fields["redirect_uri"], {**said, "iss": self._identity.issuer})

    def _code(self, fields: dict[str, str], person: Person) -> str:
        now = time.monotonic()
        for old in [code for code, what in list(self._codes.items()) if what.ends < now]:
            self._codes.pop(old, None)
        code = secrets.token_urlsafe(24)
        self._codes[code] = _Code(
            person, fields["client_id"], fields["redirect_uri"], fields["code_challenge"], fields.get("nonce")
        )
        return code

    def _token(self, fields: dict[str, str], _headers: Mapping[str, str]) -> Answer:
        try:
            code = self._exchanged(fields)
        except _Refused as error:
            return _json({"error": error.error, "error_description": str(error)}, HTTPStatus.BAD_REQUEST)
        name, groups = code.person
        return _json(
            {
                "access_token": self._identity.access_token(name, groups, client_id=code.client_id),
                "id_token": self._identity.id_token(name, groups, client_id=code.client_id, nonce=code.nonce),
                "token_type": "Bearer",
                "expires_in": LIFETIME_S,
                "scope": "openid",
            }
        )

    def _exchanged(self, fields: dict[str, str]) -> _Code:
        """Return what the code stands for; whatever comes of it, it is used up."""
        if fields.get("grant_type") != "authorization_code":
            raise _Refused("unsupported_grant_type", "grant_type must be authorization_code")
        code = self._codes.pop(fields.get("code", ""), None)
        if code is None or code.ends < time.monotonic():
            raise _Refused("invalid_grant", "the code is unknown, used or too old")
        if (fields.get("client_id"), fields.get("redirect_uri")) != (code.client_id, code.redirect_uri):
            raise _Refused("invalid_grant", "the code was given to another client_id or redirect_uri")
        if not hmac.compare_digest(challenge_of(fields.get("code_verifier", "")), code.challenge):
            raise _Refused("invalid_grant", "code_verifier does not fit code_challenge")
        return code

    def _end_session(self, fields: dict[str, str], headers: Mapping[str, str]) -> Answer:
        self._sessions.pop(_session_of(headers), None)
        back = fields.get("post_logout_redirect_uri")
        if back is not None and origins.origin_of(back):
            answer = _redirect(back, {"state": fields["state"]} if "state" in fields else {})
        else:
            answer = signin.page(HTTPStatus.OK, "Signed out", "")
        answer.headers["set-cookie"] = f"{_COOKIE}=; Path={_COOKIE_PATH}; Max-Age=0"
        return answer


_PREFLIGHT = {
    "access-control-allow-methods": "GET, POST",
    "access-control-allow-headers": "authorization, content-type",
    "access-control-max-age": "7200",
}


def challenge_of(verifier: str) -> str:
    """Return the S256 challenge of a PKCE verifier (RFC 7636)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _check_client(fields: Mapping[str, str]) -> None:
    """Raise `_Refused` unless the answer can go to a page of this machine."""
    if not fields.get("client_id"):
        raise _Refused("invalid_request", "client_id is missing")
    if not origins.origin_of(fields.get("redirect_uri", "")):
        raise _Refused("invalid_request", "redirect_uri must be a page of this machine, such as http://127.0.0.1:5173/")


def _check_request(fields: Mapping[str, str]) -> None:
    """Raise `_Refused` for what this issuer does not do."""
    if fields.get("response_type") != "code":
        raise _Refused("unsupported_response_type", "response_type must be code")
    if "openid" not in fields.get("scope", "").split():
        raise _Refused("invalid_scope", "scope must have openid")
    if fields.get("code_challenge_method") != "S256" or not fields.get("code_challenge", "").isascii():
        raise _Refused("invalid_request", "PKCE is needed: code_challenge, and code_challenge_method=S256")
    if not fields.get("code_challenge"):
        raise _Refused("invalid_request", "PKCE is needed: code_challenge is missing")


def _fields(encoded: str) -> dict[str, str]:
    return dict(parse_qsl(encoded, keep_blank_values=True))


def _session_of(headers: Mapping[str, str]) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(_COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""


def _json(said: Any, status: int = HTTPStatus.OK) -> Answer:
    return Answer(status, {"content-type": "application/json", "cache-control": "no-store"}, json.dumps(said))


def _redirect(url: str, said: dict[str, str]) -> Answer:
    joined = f"{url}{'&' if '?' in url else '?'}{urlencode(said)}" if said else url
    # 303: a browser that posted a form asks with GET.
    return Answer(HTTPStatus.SEE_OTHER, {"location": joined, "cache-control": "no-store"})
