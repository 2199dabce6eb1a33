"""Priming: each init does what it has the time for, asks nobody where somebody waits for it, and never fails."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import moto
import pytest

from firstcome.gate.connect import redis_client
from firstcome.gate.gate import Gate
from firstcome.ledger.ledger import Ledger
from firstcome.runtime import credentials, redaction
from firstcome.runtime.prime import AHEAD, TYPE, prime
from firstcome.settings import Settings
from firstcome.stream.producer import Stream
from tests.api import JSON
from tests.integration.secret import accepted
from tests.proxy import Proxy
from tests.waits import watch

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator
    from types import ModuleType

ROOT = Path(__file__).parents[2]
ON_DEMAND, SNAPSHOT, MANAGED, NEW, NONE = "on-demand", "snap-start", "lambda-managed-instances", "of tomorrow", ""
ARN = "arn:of:nothing"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "of-this-environment",
    "AWS_SECRET_ACCESS_KEY": "of-this-environment",
    "AWS_DEFAULT_REGION": "eu-central-1",
}
IAM = {
    "redis_url": "rediss://127.0.0.1:1/0",
    "redis_iam_cache_arn": "arn:aws:elasticache:eu-central-1:1:replicationgroup:c",
    "redis_iam_user_arn": "arn:aws:elasticache:eu-central-1:1:user:u",
}


@pytest.fixture(autouse=True)
def _nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As in a new environment, with credentials that nobody has to be asked for."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    credentials.forget_all()
    redaction.forget_key()
    for once in (credentials.prime_tokens, credentials.prime_secrets, credentials._loader):
        once.cache_clear()
    yield
    credentials.forget_all()
    redaction.forget_key()


def at(server: socket.socket) -> str:
    return f"127.0.0.1:{server.getsockname()[1]}"


def parts(settings: Settings) -> list[Any]:
    """Return every part of apply."""

    def connect() -> Any:
        raise AssertionError("priming connects to no database")

    return [Gate(redis_client(settings), settings), Stream(settings), Ledger(connect, settings)]


# --- who is asked ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [ON_DEMAND, SNAPSHOT, MANAGED, NEW, NONE])
@pytest.mark.parametrize(
    "more",
    [
        {"redis_secret_arn": ARN, "mysql_secret_arn": ARN, "log_key_secret_arn": ARN, "log_user_ids": "hashed"},
        {"mysql_iam_user_arn": "arn:aws:rds-db:eu-central-1:1:dbuser:d/u", "kafka_security": "AWS_MSK_IAM"},
    ],
    ids=["secrets", "tokens"],
)
def test_where_somebody_waits_nobody_is_asked(
    kind: str, more: dict[str, Any], deaf: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a server, nor Secrets Manager, nor whoever knows the credentials; and nothing sleeps.

    The same holds before a snapshot, which may be taken where nobody can be reached, and for a type that is new.
    """
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{at(deaf)}")
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"http://{at(deaf)}")
    monkeypatch.setenv(TYPE, kind)
    settings = Settings(redis_url=f"redis://{at(deaf)}/0", kafka_bootstrap=at(deaf), prime_spread_ms=100, **more)
    waits = watch(monkeypatch)
    prime(settings, *parts(settings))
    assert waits.asked == []
    assert accepted(deaf) == 0
    assert not credentials._known


@pytest.mark.parametrize(
    ("handler", "known"),
    [
        ("apply/handler", {"redis", "mysql", "log"}),
        ("apply/event", {"redis", "log"}),
        ("consume/handler", {"redis", "mysql", "log"}),
        ("retry/handler", {"redis", "mysql", "log"}),
        ("operate/handler", {"redis", "mysql", "log"}),
        ("operate/web", {"redis", "mysql", "log"}),
    ],
)
def test_each_function_reads_the_secrets_that_it_uses(
    handler: str,
    known: set[str],
    load_handler: Callable[..., ModuleType],
    redis_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With provisioned concurrency, during init; what is open to anybody reads no password of the database."""
    with moto.mock_aws():
        client, arns = boto3.client("secretsmanager"), {}
        for name in ("redis", "mysql", "log"):
            content = json.dumps({"username": "default", "password": "any will do"})
            arns[client.create_secret(Name=uuid.uuid4().hex, SecretString=content)["ARN"]] = name
        for arn, name in arns.items():
            monkeypatch.setenv(f"FIRSTCOME_{name.replace('log', 'log_key').upper()}_SECRET_ARN", arn)
        more = {"REDIS_URL": redis_url, "MYSQL_URL": "mysql://127.0.0.1:1/x", "LOG_USER_IDS": "hashed"}
        for name, value in {**more, "PRIME_SPREAD_MS": "0"}.items():
            monkeypatch.setenv(f"FIRSTCOME_{name}", value)
        monkeypatch.setenv(TYPE, AHEAD)
        load_handler(*handler.split("/"))
        assert {arns[arn] for arn in credentials._known} == known


# --- how long it takes, and what becomes of it -----------------------------------------------------------------------


def test_a_silent_redis_holds_init_no_longer_than_a_request(
    deaf: socket.socket, load_handler: Callable[..., ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It accepts and never answers: init ends after the tries of one command, while the server still says nothing."""
    monkeypatch.setenv(TYPE, AHEAD)
    changed = {"REDIS_URL": f"redis://{at(deaf)}/0", "REDIS_TIMEOUT_MS": "100", "PRIME_SPREAD_MS": "0"}
    for name, value in changed.items():
        monkeypatch.setenv(f"FIRSTCOME_{name}", value)
    waits = watch(monkeypatch)
    load_handler("apply")
    assert set(waits.ran_out) - {0} == {0.1}
    assert 1 <= accepted(deaf) <= 4
    assert len([each for each in waits.ran_out if each]) <= 4


@pytest.mark.parametrize("away", ["refuses", "is silent", "is mistyped"])
def test_init_succeeds_where_secrets_are_away(
    away: str,
    deaf: socket.socket,
    load_handler: Callable[..., ModuleType],
    redis_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One try for each secret; the first request tries again, and is told to come back."""
    monkeypatch.setenv(TYPE, AHEAD)
    where = {"refuses": "http://127.0.0.1:1", "is silent": f"http://{at(deaf)}", "is mistyped": "127.0.0.1"}
    monkeypatch.setenv("AWS_ENDPOINT_URL", where[away])
    monkeypatch.setattr(credentials, "SECRET_READ_S", 0.1)
    secret = {
        "REDIS_SECRET_ARN": ARN,
        "MYSQL_SECRET_ARN": ARN,
        "LOG_KEY_SECRET_ARN": ARN,
        "MYSQL_URL": "mysql://127.0.0.1:1/x",
    }
    more = {"REDIS_URL": redis_url, "LOCAL_IDENTITY": "backend", "PRIME_SPREAD_MS": "0"}
    for name, value in {**secret, **more}.items():
        monkeypatch.setenv(f"FIRSTCOME_{name}", value)
    waits = watch(monkeypatch)
    handler = load_handler("apply").handler
    assert set(waits.ran_out) - {0} <= {0.1}
    asked = accepted(deaf)
    assert asked == (2 if away == "is silent" else 0)
    event = json.loads((ROOT / "events" / "apply-first.json").read_text()) | {"headers": JSON}
    assert handler(event, None)["statusCode"] == 503


def test_init_succeeds_whatever_priming_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    """The parts after it are made ready all the same."""
    primed = []

    class Broken:
        def prime(self, *, ask: bool) -> None:
            raise RuntimeError(ask)

    class Whole:
        def prime(self, *, ask: bool) -> None:
            primed.append(ask)

    for kind in (AHEAD, ON_DEMAND):
        monkeypatch.setenv(TYPE, kind)
        prime(Settings(prime_spread_ms=0), Broken(), Whole())
    assert primed == [True, False]


# --- the crowd -------------------------------------------------------------------------------------------------------


def test_environments_made_at_once_ask_at_different_times(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each waits before it asks anybody, for a time of its own, at most the setting."""
    monkeypatch.setenv(TYPE, AHEAD)
    waited: list[float] = []
    with Proxy.to(redis_url) as proxy:
        settings = Settings(redis_url=proxy.instead_in(redis_url), prime_spread_ms=20_000)

        def sleep(seconds: float) -> None:
            waited.append(seconds)
            assert proxy.accepted == len(waited) - 1, "it waits first"

        for seed in range(10):
            gate = Gate(redis_client(settings), settings)
            prime(settings, gate, draw=random.Random(seed).uniform, sleep=sleep)
            gate.close()
        assert proxy.accepted == 10
    assert len(set(waited)) == 10
    assert 0 <= min(waited) < 5
    assert 15 < max(waited) <= 20


# --- what a copy of it holds -----------------------------------------------------------------------------------------

# Init as Lambda does it; then what has been imported and read, and who holds the environment's own credentials.
INIT = """
import gc, json, sys
sys.path.insert(0, {folder!r})
import handler
from firstcome.runtime import credentials
held = [each for each in gc.get_objects() if type(each).__module__ == "botocore.credentials"]
names = [each.access_key for each in held if hasattr(each, "access_key")]
print("\\n" + json.dumps(["botocore.client" in sys.modules, names, list(credentials._known)]))
"""


@pytest.mark.parametrize(
    ("more", "imported"),
    [
        ({}, False),
        ({"REDIS_SECRET_ARN": ARN}, True),
        ({"MYSQL_SECRET_ARN": ARN, "MYSQL_URL": "mysql://127.0.0.1:1/x"}, True),
        ({"LOG_KEY_SECRET_ARN": ARN}, True),
        ({name.upper(): value for name, value in IAM.items()}, True),
        ({"KAFKA_SECURITY": "AWS_MSK_IAM"}, True),
    ],
    ids=["nothing", "redis's secret", "mysql's secret", "the key of the log", "redis's token", "msk's token"],
)
def test_init_imports_what_signing_in_needs(more: dict[str, str], *, imported: bool) -> None:
    """And only where it is needed: it costs hundreds of ms. No credentials, no secret is in the snapshot."""
    environ = {
        "PYTHONPATH": str(ROOT / "layers/common/python"),
        TYPE: SNAPSHOT,
        **CREDENTIALS,
        **{f"FIRSTCOME_{name}": value for name, value in more.items()},
    }
    program = INIT.format(folder=str(ROOT / "functions" / "apply"))
    ran = subprocess.run([sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=True)
    found, names, known = json.loads(ran.stdout.splitlines()[-1])
    assert found is imported
    assert "of-this-environment" not in names
    assert known == []


@pytest.mark.parametrize(("handler", "kafka"), [("handler", True), ("event", False)])
def test_what_is_open_to_all_imports_no_kafka(handler: str, *, kafka: bool) -> None:
    """Half of apply's imports are the library; an environment that shows an event has no use for it."""
    program = f"import sys; import {handler}; print('kafka' in sys.modules)"
    environ = {"PYTHONPATH": f"{ROOT / 'layers/common/python'}:{ROOT / 'functions/apply'}"}
    ran = subprocess.run([sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=True)
    assert ran.stdout.split()[-1] == str(kafka)
