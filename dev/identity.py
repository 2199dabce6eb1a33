"""Who somebody is on the local cloud: the issuer's key, made when a cloud starts, and the tokens it signs.

`issuer.pem` is the secret, `issuer.json` what everybody may know: both live in the cloud's `run` folder, as long as it.
"""

from __future__ import annotations

import json
import secrets
import time
from typing import TYPE_CHECKING, Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

ALGORITHM = "RS256"
AUDIENCE = "firstcome"  # of every API here; on AWS each has its own, the template's parameters
LIFETIME_S = 3600  # of a token, as Cognito has it
# A group stands under both names: which claim holds the groups is a parameter of the template.
GROUPS = ("groups", "cognito:groups")
_KEY_BITS = 2048  # what API Gateway and PyJWT accept at least
_SECRET, _PUBLIC = "issuer.pem", "issuer.json"


def make(folder: Path, issuer: str) -> None:
    """Write a new key and its description to `folder`; only its owner can read the key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
    secret = folder / _SECRET
    secret.touch(mode=0o600)
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    public = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    named = {**public, "kid": secrets.token_urlsafe(8), "use": "sig", "alg": ALGORITHM}
    named.pop("key_ops", None)  # beside `use` it would say the same again (RFC 7517, 4.3)
    said = {"issuer": issuer, "audience": [AUDIENCE], "keys": [named]}
    described(folder).write_text(json.dumps(said))


def forget(folder: Path) -> None:
    """Delete the key; does nothing where there is none."""
    for name in (_SECRET, _PUBLIC):
        (folder / name).unlink(missing_ok=True)


def described(folder: Path) -> Path:
    """Return the file that names the issuer, the audience and the public keys."""
    return folder / _PUBLIC


class Identity:
    """The issuer's key."""

    def __init__(self, folder: Path) -> None:
        """Read what `make` wrote; raises `FileNotFoundError` where it did not."""
        said = json.loads(described(folder).read_text())
        self.issuer: str = said["issuer"]
        self.keys: list[dict[str, Any]] = said["keys"]
        self._secret = serialization.load_pem_private_key((folder / _SECRET).read_bytes(), None)

    def access_token(
        self, name: str, groups: Iterable[str] = (), *, client_id: str = "local", expires_in_s: int = LIFETIME_S
    ) -> str:
        """Return the token with which `name` calls the APIs; one that expires in less than 0 s has expired."""
        more = {"aud": AUDIENCE, "client_id": client_id, "token_use": "access", "scope": "openid"}
        return self.signed(self._claims(name, groups, expires_in_s) | more)

    def id_token(self, name: str, groups: Iterable[str], *, client_id: str, nonce: str | None) -> str:
        """Return what tells a page who has signed in; the APIs refuse it, because its audience is the page."""
        more: dict[str, Any] = {"aud": client_id, "token_use": "id", "name": name}
        if nonce is not None:
            more["nonce"] = nonce
        return self.signed(self._claims(name, groups, LIFETIME_S) | more)

    def signed(self, claims: dict[str, Any]) -> str:
        """Return a token of exactly these claims."""
        return jwt.encode(
            claims,
            self._secret,  # type: ignore[arg-type]  # an RSA key, as `make` wrote it
            algorithm=ALGORITHM,
            headers={"kid": self.keys[0]["kid"]},
        )

    def _claims(self, name: str, groups: Iterable[str], expires_in_s: int) -> dict[str, Any]:
        now = int(time.time())
        issued = now + min(0, expires_in_s)  # a token that has expired was issued before
        claims: dict[str, Any] = {"iss": self.issuer, "sub": name, "iat": issued, "nbf": issued}
        claims |= {"exp": now + expires_in_s, "jti": secrets.token_urlsafe(12)}
        if held := list(groups):
            claims |= dict.fromkeys(GROUPS, held)
        return claims
