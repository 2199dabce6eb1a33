"""What the logs call a person: the id, or a hash that nobody can make without the key."""

from __future__ import annotations

import hashlib
import json
import uuid
from typing import TYPE_CHECKING, Any

import boto3
import moto
import pytest

from firstcome import credentials, pseudonym

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ARN_OF_NONE = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:none-AbCdEf"


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], Callable[[str], str]]]:
    """`environment(mode, arn)` is a new execution environment; answers what it calls a person."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")

    def start(mode: str, arn: str = "") -> Callable[[str], str]:
        monkeypatch.setenv("FIRSTCOME_LOG_USER_IDS", mode)
        monkeypatch.setenv("FIRSTCOME_LOG_KEY_SECRET_ARN", arn)
        monkeypatch.setattr(credentials, "_known", {})
        pseudonym._key.cache_clear()
        return pseudonym.mark

    with moto.mock_aws():
        yield start
    pseudonym._key.cache_clear()


def secret(key: str) -> str:
    content = json.dumps({"username": "log", "password": key})
    arn: Any = boto3.client("secretsmanager").create_secret(Name=uuid.uuid4().hex, SecretString=content)["ARN"]
    return str(arn)


def test_plain_is_the_id(environment: Callable[..., Callable[[str], str]]) -> None:
    """The default."""
    assert environment("plain")("auth0|alice") == "auth0|alice"


def test_one_key_makes_one_hash_in_every_function(environment: Callable[..., Callable[[str], str]]) -> None:
    """A person can be followed through the logs, by whoever has the key; other people, and other keys, are others."""
    arn, other = secret("key"), secret("another key")
    first, again = environment("hashed", arn)("alice"), environment("hashed", arn)("alice")
    assert first == again
    assert len({first, environment("hashed", other)("alice"), environment("hashed", arn)("bob")}) == 3


def test_nobody_can_make_the_hash_without_the_key(environment: Callable[..., Callable[[str], str]]) -> None:
    """It is no plain hash of the id."""
    found = environment("hashed", secret("key"))("alice").removeprefix("u:")
    assert len(found) == pseudonym.HASH_LENGTH
    for name in hashlib.algorithms_guaranteed - {"shake_128", "shake_256"}:
        assert found not in hashlib.new(name, b"alice").hexdigest()


@pytest.mark.parametrize("arn", ["", ARN_OF_NONE])
def test_without_a_key_people_are_told_apart_and_nobody_is_named(
    environment: Callable[..., Callable[[str], str]], arn: str
) -> None:
    """Each environment has a key of its own: a secret that cannot be read stops no request, and names nobody."""
    mark = environment("hashed", arn)
    one = mark("alice")
    assert one == mark("alice") != mark("bob")
    assert one != environment("hashed", arn)("alice")


def test_a_typing_error_names_nobody(environment: Callable[..., Callable[[str], str]]) -> None:
    """Whatever is not `plain` is hashed."""
    assert "alice" not in environment("hash")("alice")
