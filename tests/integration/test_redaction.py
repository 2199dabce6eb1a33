"""What the logs call a person: the id, or a hash that nobody can make without the key."""

from __future__ import annotations

import hashlib
import json
import uuid
from typing import TYPE_CHECKING, Any

import boto3
import moto
import pytest

from firstcome.rules import Unavailable
from firstcome.runtime import credentials, redaction

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
        redaction.forget_key()
        return redaction.mark

    with moto.mock_aws():
        yield start
    redaction.forget_key()


def secret(key: object) -> str:
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


def test_making_the_hash_needs_the_key(environment: Callable[..., Callable[[str], str]]) -> None:
    """It is no plain hash of the id."""
    found = environment("hashed", secret("key"))("alice").removeprefix("u:")
    assert len(found) == redaction.HASH_LENGTH
    for name in hashlib.algorithms_guaranteed - {"shake_128", "shake_256"}:
        assert found not in hashlib.new(name, b"alice").hexdigest()


@pytest.mark.parametrize("arn", ["", ARN_OF_NONE])
def test_without_a_key_people_are_told_apart_by_hashes(
    environment: Callable[..., Callable[[str], str]], arn: str
) -> None:
    """Each environment has a key of its own: a secret that cannot be read stops no request, and names nobody."""
    mark = environment("hashed", arn)
    one = mark("alice")
    assert one == mark("alice") != mark("bob")
    assert one != environment("hashed", arn)("alice")


def test_a_key_that_could_not_be_read_is_asked_for_again(
    environment: Callable[..., Callable[[str], str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A moment without Secrets Manager is no reason to call people otherwise for as long as the environment lives."""
    arn = secret("key")
    known = environment("hashed", arn)("alice")
    for retry_s in (redaction.KEY_RETRY_S, 0):
        monkeypatch.setattr(redaction, "KEY_RETRY_S", retry_s)
        with monkeypatch.context() as away:
            away.setattr(credentials, "_read_secret", raising(Unavailable("secret", "timeout")))
            mark = environment("hashed", arn)
            assert mark("alice") == mark("alice") != known
        assert (mark("alice") == known) == (retry_s == 0), "later, and not with every line"


@pytest.mark.parametrize("password", ["", None, 4711])
def test_a_key_that_everybody_has_is_none(environment: Callable[..., Callable[[str], str]], password: object) -> None:
    """Nor is it a reason to name people, or to fail."""
    called = {environment("hashed", secret(password))("alice") for _ in range(2)}
    assert len(called) == (1 if password else 2)
    assert not any("alice" in name for name in called)


def test_an_error_names_nobody_however_it_quotes(environment: Callable[..., Callable[[str], str]]) -> None:
    """Lambda logs what a handler raises: a KeyError is nothing but what was looked for."""
    environment("hashed")
    for error in (KeyError("alice"), ValueError("no such person: 'alice'")):
        redaction.conceal(error)
        assert "alice" not in f"{error!r} {error}"


def raising(error: Exception) -> Callable[[str], tuple[str, str]]:
    def read(_: str) -> tuple[str, str]:
        raise error

    return read


def test_a_typing_error_names_nobody(environment: Callable[..., Callable[[str], str]]) -> None:
    """Whatever is not `plain` is hashed."""
    assert "alice" not in environment("hash")("alice")
