"""Every setting and limit that the code reads, with its unit and the reason for its value.

A field is set by the environment variable FIRSTCOME_<FIELD IN CAPITALS>. What belongs to the deployment (batch size,
function timeouts, the schedule) stands in template.yaml.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from firstcome.rules import BadInput

PREFIX = "FIRSTCOME_"
RDS = "rds"  # names the bundle that comes with this package
# Lambda ends an init of provisioned concurrency after 130 s, and the servers need some of it.
PRIME_SPREAD_MAX_MS = 60_000
NO_TLS = "none"  # the same as empty, for who cannot hand on nothing: SAM CLI keeps the default then
FETCH_WAIT_MS = 100  # a broker answers a fetch at once when it has something, and where we fetch it has

KAFKA_SECURITY = ("PLAINTEXT", "SSL", "AWS_MSK_IAM")

_ELASTICACHE_ARN = "arn:[^:]+:elasticache:[^:]+:[^:]*:"
_ARNS = {
    "redis_iam_cache_arn": _ELASTICACHE_ARN + "replicationgroup:[a-z0-9-]+",
    "redis_iam_user_arn": _ELASTICACHE_ARN + "user:[^:/]+",
    "mysql_iam_user_arn": "arn:[^:]+:rds-db:[^:]+:[^:]*:dbuser:[^:/]+/[^:/]+",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of one execution environment. Times end in their unit."""

    # --- where the servers are -----------------------------------------------------------------------------------
    redis_url: str = "redis://127.0.0.1:6379/0"  # rediss:// for TLS
    redis_cluster: bool = False  # ElastiCache with cluster mode enabled
    redis_ca_file: str = ""  # CAs that are trusted beside the system's; ElastiCache needs none
    redis_secret_arn: str = ""  # a secret {"username", "password"}; empty: what the URL says
    redis_iam_cache_arn: str = ""  # a token of IAM instead: the replication group …
    redis_iam_user_arn: str = ""  # … and the user whose token it is
    kafka_bootstrap: str = "127.0.0.1:9092"  # host:port, comma separated
    kafka_topic: str = "coupon_create"
    kafka_group: str = "group_1"  # the event source mapping's consumer group
    kafka_security: str = "PLAINTEXT"  # PLAINTEXT, SSL or AWS_MSK_IAM (which is SASL_SSL)
    kafka_ca_file: str = ""  # the CAs that the brokers' certificates must chain to; empty: the system's (MSK)
    mysql_url: str = "mysql://root@127.0.0.1:3306/firstcome"
    mysql_secret_arn: str = ""  # a secret {"username", "password"}; empty: what the URL says
    mysql_apply_secret_arn: str = ""  # of operate: the user that `migrate` makes for apply; empty: none is made
    mysql_consume_secret_arn: str = ""  # … for consume
    mysql_retry_secret_arn: str = ""  # … and for retry
    mysql_iam_user_arn: str = ""  # a token of IAM instead: rds-db:…:dbuser:…/<user>
    # The CAs that the server's certificate must chain to; `rds`: those of RDS; `none` or empty: no TLS.
    mysql_ca_file: str = ""

    # --- Redis ---------------------------------------------------------------------------------------------------
    # The gate answers within 1 ms; 500 ms is a failover's hiccup, and longer than that an applicant is better told
    # to try again. One repetition: a connection that died while the environment was frozen costs one.
    redis_timeout_ms: int = 500
    redis_retries: int = 1
    # Before a connection is tried again: anything up to this, by chance. A thousand handshakes of TLS take Redis a good
    # part of a second, and who timed out together must not come back together. Four of them are in apply's timeout.
    redis_pause_ms: int = 250
    # Redis closes nothing by itself, but a load balancer or NAT on the way forgets idle connections.
    redis_health_check_s: int = 30

    # --- Kafka ---------------------------------------------------------------------------------------------------
    # acks=all takes 1 to 10 ms; an election of a leader takes longer, and then the sweep finishes the work.
    # Names, TCP, TLS, a token, SASL and metadata of an environment's first send; each broker has a third of it. A cold
    # connection takes a tenth of that third as a rule, and half of it where CPU is short (docs/connections.md).
    kafka_max_block_ms: int = 3_000
    kafka_request_timeout_ms: int = 1_000  # one produce request
    kafka_delivery_timeout_ms: int = 2_000  # from send() to the verdict, repetitions included
    kafka_idle_ms: int = 60_000  # a frozen environment's connection dies unseen: renew it rather than wait for it
    # After a failed send: answer `reserved` at once for so long, and by chance for up to as long again: thousands of
    # environments that failed together must not probe together.
    kafka_breaker_ms: int = 5_000
    # After a broker has refused a connection because too many are new (MSK with IAM: above 100 a second), make none for
    # so long, doubled from one refusal to the next; half of it is chance. The first is at least the second that AWS
    # asks for. The last is 45 s on average: 3,000 clients, the most that a broker takes, then ask 67 times a second.
    kafka_backoff_base_ms: int = 2_000
    kafka_backoff_cap_ms: int = 60_000
    kafka_partitions: int = 12  # of a topic that `migrate` makes: as many consumers may share the drain
    kafka_replication: int = 3  # of a topic that `migrate` makes: one broker may be away; 1 on a cluster of one
    kafka_read_timeout_ms: int = 10_000  # reading offsets, and the first unread record of each partition
    kafka_unread_timeout_ms: int = 30_000  # reading all that is unread; a million records take about half of it

    # --- MySQL ---------------------------------------------------------------------------------------------------
    mysql_connect_timeout_ms: int = 2_000
    mysql_read_timeout_ms: int = 20_000  # the largest batch takes well under 1 s; below consume's timeout
    mysql_status_timeout_ms: int = 2_000  # the same for apply, where a person waits
    # A connection that was idle for longer may have died unseen while the environment was frozen, and a dead peer costs
    # a read timeout to find out; a new connection costs milliseconds.
    mysql_idle_s: int = 60
    mysql_lock_wait_s: int = 5  # innodb_lock_wait_timeout of our sessions; the default of 50 s outlives the function
    mysql_deadlock_retries: int = 3  # a deadlock's victim succeeds at once, as a rule

    # --- the gate ------------------------------------------------------------------------------------------------
    # How long an environment may answer SOLD_OUT from memory (0: never), and how long a ticket that came free rests
    # before it is handed out: longer, so that nobody is told "sold out" by a memory while others are served.
    sold_out_memory_ms: int = 1_000
    released_rest_ms: int = 1_500
    # Of larger events nothing is remembered: every environment fetches the filter of winners, two bytes a coupon, and a
    # thousand of them at once would keep Redis's network busy for longer than the memory saves.
    sold_out_memory_coupons: int = 100_000
    # Of an ended event's gate. Above 21: the stream's 14 days, and the 7 that a segment of the log may take to close.
    retention_days: int = 30
    ledger_retention_days: int = 365  # of people's ids in an ended event's rows: `purge` erases those that are older

    # --- retry ---------------------------------------------------------------------------------------------------
    failed_batch: int = 100  # rows claimed at a time: one lease must cover them
    failed_lease_ms: int = 60_000  # longer than one batch takes, so that two retries do not work on one row
    failed_attempts: int = 10  # with the backoff below: about an hour and a half, longer than a usual outage
    failed_backoff_base_ms: int = 10_000
    failed_backoff_cap_ms: int = 1_800_000
    sweep_batch: int = 500  # tickets per insert; larger ones gain nothing
    # A ticket is overdue when its record should have been consumed: batching window, one batch, some slack.
    sweep_overdue_ms: int = 30_000
    # The same while Kafka cannot be read, so that a backlog cannot be told from a loss.
    sweep_overdue_blind_ms: int = 120_000
    # A lost gate is rebuilt no sooner than the longest life of one apply, so that records in flight have arrived.
    restore_wait_ms: int = 14_000
    # No unit of work starts when less is left before the timeout. The longest: a batch that waits for a lock four times
    # (20 s), then for an answer (20 s), then for the gate (2 s). A unit that is cut off is only done again.
    retry_reserve_ms: int = 45_000
    # Rows, records or refusals that one piece of an audit looks at: some 200 ms of work, done again where it died.
    audit_piece: int = 10_000
    # Of an audit, a restore or a reconciliation that somebody asked for over HTTP. Longer than a piece takes, so that
    # two do not work on one; the longest, a restore of 1,000,000 coupons, takes some 30 s.
    operation_lease_ms: int = 60_000
    operation_put_off_ms: int = 10_000  # after a piece that failed
    operation_give_up_ms: int = 6 * 60 * 60 * 1000  # from when it was asked for: nobody waits any longer
    operation_run_ms: int = 30_000  # of one run of the schedule: the next one, a minute later, is not late
    operation_ask_ms: int = 5_000  # while somebody asks about it; an HTTP API waits for 30 s
    known_events_ms: int = 1_000  # apply reads the list of live events from the ledger at most this often

    # --- the operator's API --------------------------------------------------------------------------------------
    operator_groups_claim: str = "groups"  # of the token: what the identity provider says of an operator

    # --- the edge ------------------------------------------------------------------------------------------------
    # SHA-256, in hex, of what the edge sends in x-firstcome-edge; two, by a comma, while it changes; empty: no edge
    edge_sha256: str = ""

    # --- init ----------------------------------------------------------------------------------------------------
    # Environments of provisioned concurrency are made hundreds at a time, and nobody waits for them: each asks Secrets
    # Manager and Redis after a wait of up to this, so that 1,000 make 100 connections a second.
    prime_spread_ms: int = 10_000

    # --- logs ----------------------------------------------------------------------------------------------------
    # `plain`, or `hashed`: then no line names a person. Plain, because "what became of alice?" is the usual question.
    log_user_ids: str = "plain"
    log_key_secret_arn: str = ""  # a secret {"username", "password"}, whose password is the key of the hashes

    # --- local use only: template.yaml cannot set these ----------------------------------------------------------
    local_identity: str = ""  # `backend` or `jwt:<sub>`: who calls, in place of API Gateway's authorizer
    local_cloud: bool = False  # allows `wipe`

    @property
    def retention_ms(self) -> int:
        """How long the gate of an ended event is kept, in milliseconds."""
        return self.retention_days * 24 * 60 * 60 * 1000

    @property
    def kafka_reader_request_ms(self) -> int:
        """How long one request of a reader may take; a fetch of a long one takes longer than a produce."""
        return self.kafka_read_timeout_ms // 2

    @classmethod
    def from_env(cls, environ: dict[str, str] | None = None) -> Settings:
        """Read the settings from the environment; raise `BadInput` naming what cannot be read or cannot be."""
        environ = dict(os.environ) if environ is None else environ
        found: dict[str, object] = {}
        for field in fields(cls):
            name = PREFIX + field.name.upper()
            if name not in environ:
                continue
            raw = environ[name]
            kind = str if field.default is MISSING else type(field.default)
            try:
                found[field.name] = _read(kind, raw)
            except ValueError:
                raise BadInput("bad_setting", f"{name}={raw!r}: expected {kind.__name__}") from None
        if found.get("mysql_ca_file") == NO_TLS:
            found["mysql_ca_file"] = ""
        settings = cls(**found)  # type: ignore[arg-type]  # each value was read as its field's type above
        for wrong, why in _contradictions(settings):
            if wrong:
                raise BadInput("bad_setting", why)
        return settings


def _contradictions(settings: Settings) -> Iterator[tuple[bool, str]]:
    """Yield what must not be: whether it is so, and how to say it. Unsaid here, each would be every request's error."""
    tls = settings.redis_url.startswith("rediss://")
    redis_iam, mysql_iam = settings.redis_iam_user_arn, settings.mysql_iam_user_arn
    for name in ("redis_ca_file", "kafka_ca_file", "mysql_ca_file"):
        file = getattr(settings, name)
        missing = bool(file) and not Path(file).is_file() and (name, file) != ("mysql_ca_file", RDS)
        yield missing, f"{name}={file!r}: there is no such file"
    for name, schemes in (("redis_url", ("redis", "rediss")), ("mysql_url", ("mysql",))):
        scheme, _, rest = getattr(settings, name).partition("://")
        wrong = scheme not in schemes or not _is_address(re.split("[/?]", rest)[0].rpartition("@")[2])
        # Without its value, which may hold a password.
        yield wrong, f"{name}: expected {schemes[0]}://[user[:password]@]host[:port]/database, percent-encoded"
    servers = settings.kafka_bootstrap.split(",")
    wrong = not all(_is_address(server.strip(), with_port=True) for server in servers)
    yield wrong, f"kafka_bootstrap={settings.kafka_bootstrap!r}: expected host:port, comma separated"
    yield (
        settings.kafka_security not in KAFKA_SECURITY,
        (f"kafka_security={settings.kafka_security!r}: expected one of {', '.join(KAFKA_SECURITY)}"),
    )
    for name, pattern in _ARNS.items():
        arn = getattr(settings, name)
        yield bool(arn) and not re.fullmatch(pattern, arn), f"{name}={arn!r}: expected {pattern}"
    # Without its value, which may be the secret itself.
    no_hash = not re.fullmatch("([0-9a-f]{64}(,[0-9a-f]{64})?)?", settings.edge_sha256)
    yield no_hash, "edge_sha256: expected a SHA-256 of 64 digits 0-9 a-f, or two, comma separated"
    # redis-py would take options from there, such as the one that verifies nobody.
    yield "?" in settings.redis_url, "redis_url: expected no options"
    yield bool(settings.redis_ca_file) and not tls, "redis_ca_file: expected a redis_url of rediss://"
    yield bool(redis_iam) != bool(settings.redis_iam_cache_arn), "redis_iam_user_arn goes with redis_iam_cache_arn"
    yield bool(redis_iam and settings.redis_secret_arn), "redis_iam_user_arn or redis_secret_arn: expected one"
    yield bool(mysql_iam and settings.mysql_secret_arn), "mysql_iam_user_arn or mysql_secret_arn: expected one"
    # A token goes over the wire in clear text: only to a server that has been verified.
    yield bool(redis_iam) and not tls, "redis_iam_user_arn: expected a redis_url of rediss://"
    yield bool(mysql_iam) and not settings.mysql_ca_file, "mysql_iam_user_arn: expected a mysql_ca_file"
    # MySQL takes a password without TLS only while it remembers it, and anybody on the way could read what it protects.
    # This machine's own server is left out: nobody is on the way, and MariaDB takes it there.
    url = urlsplit(settings.mysql_url)
    password = "mysql_secret_arn" if settings.mysql_secret_arn else "the password in mysql_url" if url.password else ""
    open_way = bool(password) and not settings.mysql_ca_file and not _is_loopback(url.hostname or "")
    yield open_way, f"{password}: expected a mysql_ca_file, since a password needs TLS"
    memory_ms, rest_ms = settings.sold_out_memory_ms, settings.released_rest_ms
    order = f"sold_out_memory_ms < released_rest_ms, not {memory_ms} and {rest_ms}"
    yield memory_ms >= rest_ms and memory_ms > 0, f"expected {order}"
    spread_ms = settings.prime_spread_ms
    yield spread_ms > PRIME_SPREAD_MAX_MS, f"expected prime_spread_ms <= {PRIME_SPREAD_MAX_MS}, not {spread_ms}"
    # kafka-python's consumer refuses any other order, and a reader's request is half of its read.
    request_ms, idle_ms = settings.kafka_reader_request_ms, settings.kafka_idle_ms
    order = f"{FETCH_WAIT_MS} < half of kafka_read_timeout_ms < kafka_idle_ms"
    yield not FETCH_WAIT_MS < request_ms < idle_ms, f"expected {order}, not {request_ms} and {idle_ms}"


def _is_address(address: str, *, with_port: bool = False) -> bool:
    """Say whether it is a host, with a port or, where that may be left out, without one; the name need not exist."""
    try:
        parts = urlsplit(f"//{address}")
        host = (parts.hostname or "").encode("idna")
        port = parts.port
        return bool(host) and (bool(port) or not with_port) and parts.netloc == address
    except ValueError:  # of a port, of an IPv6 address, and of a name with an empty label or a long one
        return False


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _read(kind: type, raw: str) -> object:
    if kind is bool:
        if raw.lower() not in ("", "0", "1", "false", "true"):
            raise ValueError(raw)
        return raw.lower() in ("1", "true")
    if kind is int:
        value = int(raw)
        if value < 0:
            raise ValueError(raw)
        return value
    return raw
