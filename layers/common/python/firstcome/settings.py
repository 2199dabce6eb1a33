"""Every setting and limit that the code reads, with its unit and the reason for its value.

A field is set by the environment variable FIRSTCOME_<FIELD IN CAPITALS>. What belongs to the deployment (batch size,
function timeouts, the schedule) stands in template.yaml.
"""

from __future__ import annotations

import os
from dataclasses import MISSING, dataclass, fields

from firstcome.rules import BadInput

PREFIX = "FIRSTCOME_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of one execution environment. Times end in their unit."""

    # --- where the servers are -----------------------------------------------------------------------------------
    redis_url: str = "redis://127.0.0.1:6379/0"  # rediss:// for TLS
    redis_cluster: bool = False  # ElastiCache with cluster mode enabled
    redis_secret_arn: str = ""  # a secret {"username", "password"}; empty: what the URL says
    kafka_bootstrap: str = "127.0.0.1:9092"  # host:port, comma separated
    kafka_topic: str = "coupon_create"
    kafka_group: str = "group_1"  # the event source mapping's consumer group
    kafka_security: str = "PLAINTEXT"  # PLAINTEXT, SSL or AWS_MSK_IAM (which is SASL_SSL)
    mysql_url: str = "mysql://root@127.0.0.1:3306/firstcome"
    mysql_secret_arn: str = ""  # a secret {"username", "password"}; empty: what the URL says
    mysql_ca_file: str = ""  # the CA bundle that the server's certificate must chain to; empty: no TLS

    # --- Redis ---------------------------------------------------------------------------------------------------
    # The gate answers within 1 ms; 500 ms is a failover's hiccup, and longer than that an applicant is better told
    # to try again. One repetition: a connection that died while the environment was frozen costs one.
    redis_timeout_ms: int = 500
    redis_retries: int = 1
    # Redis closes nothing by itself, but a load balancer or NAT on the way forgets idle connections.
    redis_health_check_s: int = 30

    # --- Kafka ---------------------------------------------------------------------------------------------------
    # acks=all takes 1 to 10 ms; an election of a leader takes longer, and then the sweep finishes the work.
    kafka_max_block_ms: int = 1_500  # metadata, TLS and authentication of an environment's first send
    kafka_request_timeout_ms: int = 1_000  # one produce request
    kafka_delivery_timeout_ms: int = 2_000  # from send() to the verdict, repetitions included
    kafka_idle_ms: int = 60_000  # a frozen environment's connection dies unseen: renew it rather than wait for it
    kafka_breaker_ms: int = 5_000  # after a failed send: answer `reserved` at once for this long
    kafka_partitions: int = 12  # of a topic that `migrate` makes: as many consumers may share the drain
    kafka_replication: int = 3  # of a topic that `migrate` makes: one broker may be away; 1 on a cluster of one
    kafka_read_timeout_ms: int = 10_000  # reading offsets, and the first unread record of each partition
    kafka_tail_timeout_ms: int = 30_000  # reading a whole tail; a million records take about half of it

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
    # How long an environment may answer SOLD_OUT from memory, and how long a ticket that came free rests before it
    # is handed out: longer, so that nobody is told "sold out" by a memory while others are served.
    sold_out_memory_ms: int = 1_000
    released_rest_ms: int = 1_500
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
    restore_wait_ms: int = 12_000
    # No unit of work starts when less is left before the timeout. The longest: a batch that waits for a lock four times
    # (20 s), then for an answer (20 s), then for the gate (2 s). A unit that is cut off is only done again.
    retry_reserve_ms: int = 45_000
    known_events_ms: int = 1_000  # apply reads the list of live events from the ledger at most this often

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

    @classmethod
    def from_env(cls, environ: dict[str, str] | None = None) -> Settings:
        """Read the settings from the environment; raise `BadInput` naming the variable that cannot be read."""
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
        return cls(**found)  # type: ignore[arg-type]  # each value was read as its field's type above


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
