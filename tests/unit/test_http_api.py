"""What the local gateway answers itself before a function, and what it adds to the function's answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from dev import identity
from dev.gateway import Request
from dev.http_api import JwtApi
from dev.identity import Identity

if TYPE_CHECKING:
    from pathlib import Path

PAGE = "https://coupons.example.com"
CORS = {
    "origins": [PAGE],
    "methods": ["GET", "POST"],
    "headers": ["authorization", "content-type"],
    "exposed": ["retry-after"],
    "max_age_s": 7200,
}
ROUTES = [
    {"method": "GET", "path": "/open", "token": False, "scopes": []},
    {"method": "GET", "path": "/mine", "token": True, "scopes": []},
    {"method": "POST", "path": "/scoped/{id}", "token": True, "scopes": ["write", "all"]},
]


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> tuple[Identity, Path]:
    folder = tmp_path_factory.mktemp("issuer")
    identity.make(folder, "http://127.0.0.1:8084")
    return Identity(folder), identity.described(folder)


@pytest.fixture
def api(issuer: tuple[Identity, Path]) -> JwtApi:
    return JwtApi({"name": "Api", "routes": ROUTES, "cors": CORS}, issuer[1])


@pytest.fixture
def token(issuer: tuple[Identity, Path]) -> str:
    return issuer[0].access_token("alice", ["viewer", "operator"])


def asked(api: JwtApi, method: str, path: str, **headers: str) -> Any:
    """Return the event of a request, or API Gateway's own answer to it: status, headers and body."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    event = api.event(Request(method, path, "HTTP/1.1", named, b""), "an-id")
    if isinstance(event, dict):
        return event
    head, _, body = event.decode().partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    said = dict(line.split(": ", 1) for line in lines)
    assert said.pop("apigw-requestid") == "an-id"
    return int(first.split()[1]), said, json.loads(body) if body else None


def test_claims_reach_the_function(api: JwtApi, token: str) -> None:
    """As API Gateway writes them: every value is text, and an array stands in brackets."""
    said = asked(api, "GET", "/mine", authorization=f"Bearer {token}")["requestContext"]["authorizer"]["jwt"]
    assert said["scopes"] is None
    assert (said["claims"]["sub"], said["claims"]["groups"]) == ("alice", "[viewer operator]")
    assert {type(value) for value in said["claims"].values()} == {str}


@pytest.mark.parametrize("header", ["{}", "Bearer {}", "bearer {}"])
def test_a_token_may_come_with_or_without_bearer(api: JwtApi, token: str, header: str) -> None:
    """API Gateway takes both."""
    assert "authorizer" in asked(api, "GET", "/mine", authorization=header.format(token))["requestContext"]


@pytest.mark.parametrize("headers", [{}, {"authorization": ""}, {"authorization": "Bearer "}])
def test_without_a_token_it_is_401(api: JwtApi, headers: dict[str, str]) -> None:
    """The answer is API Gateway's own, and says `Bearer`."""
    status, said, body = asked(api, "GET", "/mine", **headers)
    assert (status, said["www-authenticate"], body) == (401, "Bearer", {"message": "Unauthorized"})


def test_with_an_expired_token_it_is_401(api: JwtApi, issuer: tuple[Identity, Path]) -> None:
    """The header says that the token has expired."""
    status, said, body = asked(api, "GET", "/mine", authorization=issuer[0].access_token("alice", expires_in_s=-60))
    assert (status, body) == (401, {"message": "Unauthorized"})
    assert said["www-authenticate"] == (
        'Bearer scope="" error="invalid_token" error_description="the token has expired"'
    )


@pytest.mark.parametrize("header", ["Basic YWxpY2U6eA==", "Bearer a b", "Bearer \u00e9", "Bearer a.b.c"])
def test_with_garbage_it_is_401(api: JwtApi, header: str) -> None:
    """Whatever stands in the header is answered, and raises nothing."""
    assert asked(api, "GET", "/mine", authorization=header)[0] == 401


def test_an_id_token_is_401(api: JwtApi, issuer: tuple[Identity, Path]) -> None:
    """It tells a page who signed in, and is no key to the API."""
    token = issuer[0].id_token("alice", [], client_id="page", nonce=None)
    assert asked(api, "GET", "/mine", authorization=token)[0] == 401


def test_a_scope_that_is_missing_is_403(api: JwtApi, token: str) -> None:
    """The header names the scopes that would do."""
    status, said, body = asked(api, "POST", "/scoped/1", authorization=token)
    assert (status, body) == (403, {"message": "Forbidden"})
    assert said["www-authenticate"] == 'Bearer scope="write all" error="insufficient_scope"'


def test_one_of_the_scopes_suffices(api: JwtApi, issuer: tuple[Identity, Path]) -> None:
    """The function is told all scopes that the token has."""
    claims = {"iss": issuer[0].issuer, "aud": identity.AUDIENCE, "exp": 2**33, "scope": "openid write"}
    said = asked(api, "POST", "/scoped/1", authorization=issuer[0].signed(claims))
    assert said["requestContext"]["authorizer"]["jwt"]["scopes"] == ["openid", "write"]


def test_an_open_route_asks_for_no_token(api: JwtApi) -> None:
    """A token that comes all the same is not looked at, and tells the function nothing."""
    assert "authorizer" not in asked(api, "GET", "/open")["requestContext"]
    assert "authorizer" not in asked(api, "GET", "/open", authorization="Bearer x")["requestContext"]


def test_an_unknown_path_is_404_before_any_token(api: JwtApi) -> None:
    """Routes are looked up first, as API Gateway does."""
    assert asked(api, "GET", "/nothing")[0] == 404


@pytest.mark.parametrize("origin", [PAGE, "http://127.0.0.1:5173", "http://localhost:3000"])
def test_a_page_may_ask_before_it_sends(api: JwtApi, origin: str) -> None:
    """Without a token, which a preflight never has; pages of this machine are let in beside the template's."""
    status, said, body = asked(api, "OPTIONS", "/mine", origin=origin, access_control_request_method="GET")
    assert (status, body) == (204, None)
    assert said == {
        "access-control-allow-origin": origin,
        "access-control-allow-methods": "GET,POST",
        "access-control-allow-headers": "authorization,content-type",
        "access-control-max-age": "7200",
    }


@pytest.mark.parametrize(
    "origin", ["https://elsewhere.example", "http://127.0.0.1.evil.example", "http://localhost.evil.example", "null"]
)
def test_a_page_from_elsewhere_hears_nothing(api: JwtApi, origin: str) -> None:
    """No header allows another origin, not even one that begins with ours."""
    assert asked(api, "OPTIONS", "/mine", origin=origin, access_control_request_method="GET") == (204, {}, None)
    assert api.answer({"statusCode": 200}, {"origin": origin})["headers"] == {}


def test_only_a_preflight_has_cors_headers(api: JwtApi) -> None:
    """An OPTIONS without the method that it asks for, or without an origin, has none."""
    assert asked(api, "OPTIONS", "/mine") == (204, {}, None)
    assert asked(api, "OPTIONS", "/mine", origin=PAGE) == (204, {}, None)


def test_the_apis_cors_replaces_the_functions(api: JwtApi) -> None:
    """What the function says of CORS is dropped where the API has a configuration."""
    own = {"statusCode": 200, "headers": {"Access-Control-Allow-Origin": "*", "etag": "x"}, "body": "{}"}
    assert api.answer(own, {"origin": PAGE}) == {
        "statusCode": 200,
        "headers": {
            "etag": "x",
            "access-control-allow-origin": PAGE,
            "access-control-expose-headers": "retry-after",
        },
        "body": "{}",
    }


def test_without_cors_a_preflight_is_404(issuer: tuple[Identity, Path]) -> None:
    """An API without a configuration has no route for it, and changes no answer."""
    api = JwtApi({"name": "Api", "routes": ROUTES, "cors": None}, issuer[1])
    assert asked(api, "OPTIONS", "/mine", origin=PAGE, access_control_request_method="GET")[0] == 404
    assert api.answer({"statusCode": 200}, {"origin": PAGE}) == {"statusCode": 200}
