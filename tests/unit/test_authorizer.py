"""Which tokens count, and what a function is told of one: as API Gateway's JWT authorizer does it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from dev import identity
from dev.authorizer import Authorizer, Refused, as_strings, scopes_of
from dev.identity import AUDIENCE, Identity

if TYPE_CHECKING:
    from pathlib import Path

ISSUER = "http://127.0.0.1:8084"
AWAY_S = 86_400  # from when the tests are collected: a whole run takes a while


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return made(tmp_path_factory.mktemp("issuer"))


@pytest.fixture(scope="module")
def authorizer(issuer: Identity) -> Authorizer:
    return Authorizer(ISSUER, [AUDIENCE], issuer.keys)


def made(folder: Path) -> Identity:
    """Return an issuer with a key of its own."""
    identity.make(folder, ISSUER)
    return Identity(folder)


def claims(**changed: Any) -> dict[str, Any]:
    """Return claims that count, with these changes; None leaves one out."""
    now = int(time.time())
    said = {"iss": ISSUER, "sub": "alice", "aud": AUDIENCE, "iat": now, "nbf": now, "exp": now + AWAY_S} | changed
    return {name: value for name, value in said.items() if value is not None}


def segment(part: object) -> str:
    """One part of a token."""
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def test_a_token_of_the_issuer_counts(issuer: Identity, authorizer: Authorizer) -> None:
    """Its claims are the person and the groups that were signed."""
    said = authorizer.claims(issuer.access_token("alice", ["viewer", "operator"]))
    assert (said["sub"], said["groups"]) == ("alice", ["viewer", "operator"])


def test_groups_stand_under_both_usual_names(issuer: Identity, authorizer: Authorizer) -> None:
    """Which claim has them is a parameter of the template; nobody's groups are no claim at all."""
    said = authorizer.claims(issuer.access_token("olga", ["admin"]))
    assert said["groups"] == said["cognito:groups"] == ["admin"]
    assert not {"groups", "cognito:groups"} & authorizer.claims(issuer.access_token("alice")).keys()


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"exp": int(time.time()) - AWAY_S}, "the token has expired"),
        ({"exp": None}, "the token has no exp"),
        ({"exp": "soon"}, "the token cannot be read"),
        ({"nbf": int(time.time()) + AWAY_S}, "the token is not valid yet"),
        ({"iat": int(time.time()) + AWAY_S}, "the token is not valid yet"),
        ({"iss": "https://elsewhere.example"}, "the token does not have a valid issuer"),
        ({"iss": ISSUER + "/"}, "the token does not have a valid issuer"),
        ({"iss": None}, "the token has no iss"),
        ({"aud": "somebody"}, "the token does not have a valid audience"),
        ({"aud": ["somebody", "else"]}, "the token does not have a valid audience"),
        ({"aud": None}, "the token does not have a valid audience"),
        ({"aud": "somebody", "client_id": AUDIENCE}, "the token does not have a valid audience"),
        ({"aud": None, "client_id": "somebody"}, "the token does not have a valid audience"),
    ],
)
def test_a_token_with_a_wrong_claim_is_refused(
    issuer: Identity, authorizer: Authorizer, changed: dict[str, Any], why: str
) -> None:
    """Issuer, audience, time and use are checked, and the refusal says which was wrong."""
    with pytest.raises(Refused) as refused:
        authorizer.claims(issuer.signed(claims(**changed)))
    assert str(refused.value) == why


@pytest.mark.parametrize(
    "changed", [{"aud": ["somebody", AUDIENCE]}, {"aud": None, "client_id": AUDIENCE}, {"nbf": None}, {"iat": None}]
)
def test_a_token_with_what_it_needs_counts(issuer: Identity, authorizer: Authorizer, changed: dict[str, Any]) -> None:
    """`client_id` is looked at where there is no `aud`, as in Cognito's access tokens."""
    assert authorizer.claims(issuer.signed(claims(**changed)))["sub"] == "alice"


def test_a_token_without_a_signature_is_refused(issuer: Identity, authorizer: Authorizer) -> None:
    """`alg: none` with the right kid: the algorithm is ours to choose, not the token's."""
    head = {"alg": "none", "kid": issuer.keys[0]["kid"], "typ": "JWT"}
    for signature in ("", "AAAA"):
        with pytest.raises(Refused):
            authorizer.claims(f"{segment(head)}.{segment(claims())}.{signature}")


def test_the_public_key_is_no_secret_of_hs256(issuer: Identity, authorizer: Authorizer) -> None:
    """Whoever knows the public key, as everybody does, cannot sign with it."""
    key: Any = jwt.PyJWK(issuer.keys[0]).key
    pem = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    signed = f"{segment({'alg': 'HS256', 'kid': issuer.keys[0]['kid'], 'typ': 'JWT'})}.{segment(claims())}"
    mac = base64.urlsafe_b64encode(hmac.new(pem, signed.encode(), hashlib.sha256).digest()).rstrip(b"=").decode()
    with pytest.raises(Refused):
        authorizer.claims(f"{signed}.{mac}")


def test_a_key_of_another_issuer_is_refused(issuer: Identity, authorizer: Authorizer, tmp_path: Path) -> None:
    """By its kid where that is unknown, by the signature where it poses as ours."""
    other = made(tmp_path)
    with pytest.raises(Refused, match="kid"):
        authorizer.claims(other.signed(claims()))
    other.keys[0]["kid"] = issuer.keys[0]["kid"]
    with pytest.raises(Refused, match="signature"):
        authorizer.claims(other.signed(claims()))


def test_changed_claims_are_refused(issuer: Identity, authorizer: Authorizer) -> None:
    """A signature covers the claims that it was made for."""
    head, _, signature = issuer.signed(claims()).split(".")
    with pytest.raises(Refused, match="signature"):
        authorizer.claims(f"{head}.{segment(claims(sub='mallory'))}.{signature}")


@pytest.mark.parametrize(
    "token", ["", "x", "a.b", "a.b.c", "....", "é.é.é", f"{segment([])}.{segment({})}.AAAA", "x" * 100_000]
)
def test_garbage_is_refused(authorizer: Authorizer, token: str) -> None:
    """Anything that is no token is refused, and never raises anything else."""
    with pytest.raises(Refused):
        authorizer.claims(token)


def test_a_token_without_a_kid_is_refused(issuer: Identity, authorizer: Authorizer) -> None:
    """API Gateway finds the key by `kid` alone."""
    with pytest.raises(Refused, match="kid"):
        authorizer.claims(f"{segment({'alg': 'RS256'})}.{segment(claims())}.AAAA")


def test_claims_are_handed_on_as_strings() -> None:
    """An array without commas or quotes, an object as JSON, and nothing for null."""
    said = {
        "sub": "alice",
        "groups": ["viewer", "operator"],
        "none": [],
        "exp": 1_700_000_000,
        "verified": True,
        "address": {"town": "Bonn"},
        "mixed": ["a", 1, False],
        "nothing": None,
    }
    assert as_strings(said) == {
        "sub": "alice",
        "groups": "[viewer operator]",
        "none": "[]",
        "exp": "1700000000",
        "verified": "true",
        "address": '{"town":"Bonn"}',
        "mixed": "[a 1 false]",
    }


def test_scopes_are_words_or_an_array() -> None:
    """`scope` and `scp` are read in both of the forms that issuers write."""
    assert scopes_of({"scope": "openid apply"}) == ["openid", "apply"]
    assert scopes_of({"scp": ["openid", "apply"]}) == ["openid", "apply"]
    assert scopes_of({}) == []


def test_the_key_is_its_owners_alone(tmp_path: Path) -> None:
    """The private key can be read by its owner, and is not in the file of public keys."""
    made(tmp_path)
    assert (tmp_path / "issuer.pem").stat().st_mode & 0o777 == 0o600
    assert {"d", "p", "q"}.isdisjoint(json.loads((tmp_path / "issuer.json").read_text())["keys"][0])
