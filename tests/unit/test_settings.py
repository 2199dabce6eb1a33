"""Settings that contradict each other are said at start, not by every request."""

from __future__ import annotations

import ssl

import pytest

from firstcome.ledger.connect import RDS_CA_FILE
from firstcome.rules import BadInput
from firstcome.settings import Settings

CACHE = "arn:aws:elasticache:eu-central-1:123456789012:replicationgroup:gate"
USER = "arn:aws:elasticache:eu-central-1:123456789012:user:firstcome"
DB_USER = "arn:aws:rds-db:eu-central-1:123456789012:dbuser:db-ABCDEFGHIJ/firstcome"
SECRET = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:x"
TLS_URL = "rediss://gate.example.com:6379"


def read(**variables: str) -> Settings:
    return Settings.from_env({f"FIRSTCOME_{name.upper()}": value for name, value in variables.items()})


def test_the_defaults_fit_together() -> None:
    """The settings refuse combinations that break the promise, and the defaults are none."""
    assert read() == Settings()


def test_every_way_to_prove_oneself_is_accepted() -> None:
    """Secrets, or tokens; the CAs of RDS by their name."""
    read(redis_secret_arn=SECRET, mysql_secret_arn=SECRET, mysql_ca_file="rds")
    read(redis_url=TLS_URL, redis_iam_cache_arn=CACHE, redis_iam_user_arn=USER)
    read(mysql_iam_user_arn=DB_USER, mysql_ca_file="rds")


@pytest.mark.parametrize("host", ["127.0.0.1:3306", "localhost", "[::1]:3306", "127.0.0.2"])
def test_a_password_for_this_machine_needs_no_tls(host: str) -> None:
    """Nobody is on the way."""
    read(mysql_url=f"mysql://shop:hunter2@{host}/firstcome")


@pytest.mark.parametrize("host", ["db", "10.0.0.1:3306", "db.example.com:3306", "[2001:db8::1]"])
def test_a_password_needs_tls(host: str) -> None:
    """It would work while the server remembers it, and then no more. The error does not have it."""
    for url, secret in ((f"mysql://shop:hunter2@{host}/firstcome", ""), (f"mysql://shop@{host}/firstcome", SECRET)):
        with pytest.raises(BadInput, match="expected a mysql_ca_file, since a password needs TLS") as caught:
            read(mysql_url=url, mysql_secret_arn=secret, mysql_ca_file="none")
        assert "hunter2" not in str(caught.value)
        read(mysql_url=url, mysql_secret_arn=secret, mysql_ca_file="rds")
    read(mysql_url=f"mysql://shop@{host}/firstcome")


@pytest.mark.parametrize(
    "variables",
    [
        *(
            {"redis_url": url}
            for url in ("http://h/0", "redis://", "redis:///0", "redis://h:x/0", "redis://a..b/0", "h")
        ),
        *({"mysql_url": url} for url in ("postgres://h/d", "mysql:///d", "mysql://h:99999/d", "mysql://u:hunter2@/d")),
        {"mysql_url": f"mysql://{'a' * 64}.example.com/d"},
        *(
            {"kafka_bootstrap": servers}
            for servers in ("", "h", "h:x", "h:9092,", "h:9092;k:9092", "PLAINTEXT://h:9092")
        ),
        {"kafka_security": "PLAIN"},
    ],
    ids=str,
)
def test_an_address_that_is_none_is_named_at_start(variables: dict[str, str]) -> None:
    """Which setting, and what is expected; a client would fail with it at every request, each in its own way."""
    [name] = variables
    with pytest.raises(BadInput, match=rf"^{name}.*expected") as caught:
        read(**variables)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "variables",
    [
        {"redis_url": "rediss://:p%40ss@gate.example.com:6379/0"},
        {"redis_url": "redis://h"},
        {"redis_url": "redis://[::1]:6379/0"},
        {"mysql_url": "mysql://u:a%2Fb%40c@127.0.0.1/firstcome"},
        {"kafka_bootstrap": "b-1.example.com:9098, b-2.example.com:9098"},
    ],
    ids=str,
)
def test_an_address_need_not_exist(variables: dict[str, str]) -> None:
    """Nothing is asked at start: names, ports left out, IPv6, passwords in percent."""
    read(**variables)


def test_no_tls_has_a_word() -> None:
    """Who cannot hand on an empty value says so with it; a token is turned down with either."""
    assert read(mysql_ca_file="none") == Settings()
    with pytest.raises(BadInput, match="expected a mysql_ca_file"):
        read(mysql_iam_user_arn=DB_USER, mysql_ca_file="none")


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"redis_url": TLS_URL, "redis_ca_file": "/no/such.pem"}, "redis_ca_file='/no/such.pem'"),
        ({"kafka_ca_file": "/no/such.pem"}, "kafka_ca_file='/no/such.pem'"),
        ({"kafka_ca_file": "rds"}, "kafka_ca_file='rds'"),
        ({"mysql_ca_file": "/no/such.pem"}, "mysql_ca_file='/no/such.pem'"),
        ({"redis_ca_file": __file__}, "redis_ca_file: expected a redis_url of rediss"),
        ({"redis_url": TLS_URL + "?ssl_cert_reqs=none"}, "redis_url: expected no options"),
        ({"redis_url": TLS_URL, "redis_iam_user_arn": USER}, "goes with redis_iam_cache_arn"),
        ({"redis_url": TLS_URL, "redis_iam_cache_arn": CACHE}, "goes with redis_iam_cache_arn"),
        ({"redis_iam_cache_arn": CACHE, "redis_iam_user_arn": USER}, "redis_iam_user_arn: expected a redis_url"),
        (
            {
                "redis_url": TLS_URL,
                "redis_iam_cache_arn": CACHE,
                "redis_iam_user_arn": USER,
                "redis_secret_arn": SECRET,
            },
            "redis_iam_user_arn or redis_secret_arn",
        ),
        ({"redis_url": TLS_URL, "redis_iam_cache_arn": USER, "redis_iam_user_arn": USER}, "redis_iam_cache_arn='arn"),
        ({"redis_url": TLS_URL, "redis_iam_cache_arn": CACHE, "redis_iam_user_arn": CACHE}, "redis_iam_user_arn='arn"),
        ({"mysql_iam_user_arn": USER, "mysql_ca_file": "rds"}, "mysql_iam_user_arn='arn"),
        ({"mysql_iam_user_arn": DB_USER}, "mysql_iam_user_arn: expected a mysql_ca_file"),
        (
            {"mysql_iam_user_arn": DB_USER, "mysql_ca_file": "rds", "mysql_secret_arn": SECRET},
            "mysql_iam_user_arn or mysql_secret_arn",
        ),
        ({"kafka_idle_ms": "5000"}, "not 5000 and 5000"),
        ({"released_rest_ms": "1000"}, "sold_out_memory_ms < released_rest_ms, not 1000 and 1000"),
        ({"kafka_read_timeout_ms": "120000"}, "not 60000 and 60000"),
        ({"kafka_read_timeout_ms": "200"}, "not 100 and 60000"),
        ({"prime_spread_ms": "60001"}, "prime_spread_ms <= 60000, not 60001"),
    ],
)
def test_a_contradiction_is_named(variables: dict[str, str], said: str) -> None:
    """No function starts with it."""
    with pytest.raises(BadInput, match=said) as caught:
        read(**variables)
    assert caught.value.code == "bad_setting"


def test_the_cas_of_rds_are_cas_that_last() -> None:
    """Each certificate of the bundle is read, is a CA, and outlives every reasonable version of this layer."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(RDS_CA_FILE)
    cas = context.get_ca_certs()
    assert len(cas) == RDS_CA_FILE.read_text().count("BEGIN CERTIFICATE") > 80
    assert min(ssl.cert_time_to_seconds(str(ca["notAfter"])) for ca in cas) > ssl.cert_time_to_seconds(
        "Jan  1 00:00:00 2035 GMT"
    )
    names = str([ca["subject"] for ca in cas])
    assert "Amazon Root CA 1" in names
    assert "Amazon RDS eu-central-1 Root CA RSA2048 G1" in names
