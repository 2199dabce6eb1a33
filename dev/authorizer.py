"""API Gateway's JWT authorizer: whether a token counts, and what a function is told of it.

What it checks, in which order, and what it hands on is in API Gateway's developer guide ("Control access to HTTP APIs
with JWT authorizers"); how claims are written was measured by others and is in no guide: `docs/identity.md`.

Importing this takes a fifth of a second, most of it OpenSSL: only a process that is asked to verify does it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jwt

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

# API Gateway takes RSA only. So neither `none` nor HS256 with the public key as its secret is ever tried.
ALGORITHMS = ("RS256", "RS384", "RS512")
_REQUIRED = ("exp", "iss")


class Refused(Exception):  # noqa: N818  an answer to whoever asks, no fault of ours
    """The token does not count; the message says why, as `error_description` of the header `www-authenticate`."""


class Authorizer:
    """One issuer and one audience; the keys are those that the issuer's `jwks_uri` has."""

    def __init__(self, issuer: str, audience: Sequence[str], keys: Iterable[Mapping[str, Any]]) -> None:
        """Keep the public keys by their `kid`."""
        self._issuer = issuer
        self._audience = list(audience)
        self._keys = {key["kid"]: jwt.PyJWK(dict(key)).key for key in keys}

    def claims(self, token: str) -> dict[str, Any]:
        """Return the claims of a token that counts now; raise `Refused` for any other."""
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._key(token),
                algorithms=ALGORITHMS,
                issuer=self._issuer,
                options={"verify_aud": False, "require": list(_REQUIRED)},  # `aud` may be left out: see below
            )
        except jwt.ExpiredSignatureError:
            raise Refused("the token has expired") from None
        except jwt.ImmatureSignatureError:
            raise Refused("the token is not valid yet") from None
        except jwt.InvalidIssuerError:
            raise Refused("the token does not have a valid issuer") from None
        except jwt.MissingRequiredClaimError as error:
            raise Refused(f"the token has no {error.claim}") from None
        except jwt.InvalidSignatureError:
            raise Refused("the token's signature is not valid") from None
        except jwt.InvalidTokenError:
            raise Refused("the token cannot be read") from None
        self._check_audience(claims)
        return claims

    def _key(self, token: str) -> Any:
        kid = jwt.get_unverified_header(token).get("kid")
        try:
            return self._keys[kid]
        except KeyError:
            raise Refused("the token's kid is none of the issuer's") from None

    def _check_audience(self, claims: Mapping[str, Any]) -> None:
        """Raise `Refused` unless `aud`, or `client_id` where there is no `aud`, is this audience."""
        named = claims.get("aud", claims.get("client_id"))
        if not any(each in self._audience for each in (named if isinstance(named, list) else [named])):
            raise Refused("the token does not have a valid audience")


def scopes_of(claims: Mapping[str, Any]) -> list[str]:
    """Return the scopes of a token: `scope`, or `scp` where there is none, as words or as an array."""
    named = claims.get("scope", claims.get("scp", ""))
    return [str(each) for each in named] if isinstance(named, list) else str(named).split()


def as_strings(claims: Mapping[str, Any]) -> dict[str, str]:
    """Return the claims as API Gateway hands them on: every value a string, an array as `[a b]`, null left out."""
    return {name: _as_string(value) for name, value in claims.items() if value is not None}


def _as_string(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return f"[{' '.join(_as_string(each) for each in value)}]"
    return json.dumps(value, separators=(",", ":"))  # true, 1700000000, {"a":1}
