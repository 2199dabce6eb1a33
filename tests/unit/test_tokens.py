"""Tokens of IAM: what AWS's own signers make of the same request, and anew for each connection."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode, urlsplit

import boto3
import botocore.session
import pytest
from botocore.credentials import Credentials
from botocore.model import ServiceId
from botocore.signers import RequestSigner
from kafka.net.sasl import get_sasl_mechanism

from firstcome.rules import Unavailable
from firstcome.runtime.credentials import mysql_token, redis_token
from firstcome.settings import Settings
from firstcome.stream.connect import kafka_config

if TYPE_CHECKING:
    from collections.abc import Callable

REGION = "eu-central-1"
CACHE = f"arn:aws:elasticache:{REGION}:123456789012:replicationgroup:gate"
USER = f"arn:aws:elasticache:{REGION}:123456789012:user:firstcome"
DB_USER = f"arn:aws:rds-db:{REGION}:123456789012:dbuser:db-ABCDEFGHIJ/coupons"
HOST = "ledger.abc.eu-central-1.rds.amazonaws.com"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def stop_the_clock(monkeypatch: pytest.MonkeyPatch, at: datetime) -> None:
    """Have all of botocore's signers, the one in C too where it is installed, read this time."""
    for signers in ("botocore.auth", "botocore.crt.auth"):
        with suppress(ImportError):
            monkeypatch.setattr(f"{signers}.get_current_datetime", lambda **_: at)


@pytest.fixture(autouse=True)
def use(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Credentials]:
    """Give the environment other credentials, as Lambda does; the clock of the signers stands still."""
    stop_the_clock(monkeypatch, NOW)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")  # of the functions; the ARN's counts
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    def give(key: str) -> Credentials:
        found = Credentials(key, f"secret of {key}", f"session of {key}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", found.access_key)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", found.secret_key)
        monkeypatch.setenv("AWS_SESSION_TOKEN", str(found.token))
        return found

    give("first")
    return give


def signed(url: str, service: str, region: str, credentials: Credentials) -> str:
    """Return what boto3's own clients make of it."""
    events = botocore.session.get_session().get_component("event_emitter")
    signer = RequestSigner(ServiceId(service), region, service, "v4", credentials, events)
    request = {"method": "GET", "url": url, "body": {}, "headers": {}, "context": {}}
    return str(signer.generate_presigned_url(request, "connect", region_name=region, expires_in=900))


def parts(token: str) -> tuple[str, dict[str, list[str]]]:
    """Return host and query; their order has no meaning."""
    url = urlsplit(f"//{token}")
    return url.netloc, parse_qs(url.query, strict_parsing=True)


def test_a_token_for_mysql_is_the_one_of_boto3() -> None:
    """All parts but the signature's time are equal."""
    expected = boto3.client("rds", region_name=REGION).generate_db_auth_token(HOST, 3306, "coupons", REGION)
    user, token = mysql_token(DB_USER, HOST, 3306)
    assert user == "coupons"
    assert parts(token) == parts(expected)


def test_a_token_for_redis_is_a_signed_request_to_connect(use: Callable[[str], Credentials]) -> None:
    """To the replication group, by its name and not by its address, as this user, for 15 minutes."""
    url = "https://gate/?" + urlencode({"Action": "connect", "User": "firstcome"})
    expected = signed(url, "elasticache", REGION, use("first")).removeprefix("https://")
    user, token = redis_token(CACHE, USER)
    assert user == "firstcome"
    assert parts(token) == parts(expected)
    assert token.startswith("gate/?Action=connect&User=firstcome&"), "and no scheme"


def test_each_connection_has_a_token_of_the_present_credentials(use: Callable[[str], Credentials]) -> None:
    """An environment that was frozen, or restored from a snapshot, has other credentials than before."""

    def keys() -> set[str]:
        tokens = [redis_token(CACHE, USER)[1], mysql_token(DB_USER, HOST, 3306)[1]]
        found = [parse_qs(urlsplit(f"//{token}").query)["X-Amz-Credential"][0].split("/")[0] for token in tokens]
        return {*found, str(msk()["x-amz-credential"]).split("/")[0]}

    assert keys() == {"first"}
    use("second")
    assert keys() == {"second"}


def test_a_token_needs_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """The request is told to come back; it is not a bug of ours."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    with pytest.raises(Unavailable, match="credentials"):
        redis_token(CACHE, USER)
    with pytest.raises(Unavailable, match="credentials"):
        mysql_token(DB_USER, HOST, 3306)


def msk(host: str = "b-1.stream.example.com") -> dict[str, str]:
    """Return what the client says first to a broker of MSK, under our settings."""
    config = kafka_config(Settings(kafka_security="AWS_MSK_IAM"))
    make = get_sasl_mechanism(config["sasl_mechanism"])
    said: dict[str, str] = json.loads(make(host=host, security_protocol=config["security_protocol"]).auth_bytes())
    return said


def test_what_a_broker_is_told_is_signed_as_botocore_signs(
    use: Callable[[str], Credentials], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library's own signature over `kafka-cluster:Connect` to this broker is the one of AWS's signer."""
    said = msk()
    at = datetime.strptime(said["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    stop_the_clock(monkeypatch, at)
    url = f"https://{said['host']}/?" + urlencode({"Action": "kafka-cluster:Connect"})
    query = parse_qs(urlsplit(signed(url, "kafka-cluster", "us-east-1", use("first"))).query)
    assert said["x-amz-signature"] == query["X-Amz-Signature"][0]
    assert said["x-amz-credential"] == query["X-Amz-Credential"][0]
    assert said["x-amz-security-token"] == query["X-Amz-Security-Token"][0]
    assert (said["host"], said["action"], said["version"]) == (
        "b-1.stream.example.com",
        "kafka-cluster:Connect",
        "2020_10_22",
    )
