"""Clients for Redis, Kafka and MySQL: where they are, how long they may take, how they prove who they are.

Nothing here talks to a server before it is used, so that init neither waits for a server nor fails because one is
away: the error belongs to the request that needs the server. Every library's waits are bounded by the settings.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import SplitResult, unquote, urlsplit

import pymysql
import redis
from redis.backoff import NoBackoff
from redis.cluster import RedisCluster
from redis.credentials import CredentialProvider
from redis.exceptions import AuthenticationError, RedisClusterException
from redis.retry import Retry

from firstcome.credentials import credentials, forget, mysql_token, redis_token
from firstcome.rules import BadInput, Unavailable, Unsuitable
from firstcome.settings import RDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from firstcome.settings import Settings

# The oldest version that Amazon MSK runs, and newer brokers speak it too. Pinned, because otherwise the constructor of
# every client asks the broker, for up to 30 s, and raises when it is away.
KAFKA_API_VERSION = (2, 8)
# Small enough to try several times within one send; the default grows to 30 s.
KAFKA_RECONNECT_MAX_MS = 200

MYSQL_PORT = 3306
ACCESS_DENIED = 1045  # ER_ACCESS_DENIED_ERROR
# MySQL's caching_sha2_password takes a password without TLS only while it remembers it. Otherwise pymysql would encrypt
# it by the key that whoever answers sends; in its place stands one that is none, here as on Lambda, where the package
# for it is missing.
NO_KEY = b"no key that anybody vouches for"
# The CAs of RDS are not among the system's: `make rds-ca` brings them.
RDS_CA_FILE = Path(__file__).with_name("rds-ca.pem")

# What every session of the ledger needs, in one round trip at connecting, whatever the server's defaults are; what a
# session may not set, mysql_server.py looks at. Statements outside a transaction commit by themselves, and a commit
# neither begins another transaction nor ends the session; no statement is refused or cut for its number of rows, or
# for lacking a key; keys and checks are looked at; a value that does not fit is an error; the one insert reads under
# locks, which is what REPEATABLE READ means for INSERT ... SELECT. The comments tell the servers apart, which name it
# differently. In a string, a backslash is one, as in standard SQL: pymysql then doubles quotes, instead of translating
# a batch character by character.
SESSION_SQL = (
    "SET autocommit = 1, completion_type = 0, time_zone = '+00:00', innodb_lock_wait_timeout = {lock_wait_s},"
    " sql_safe_updates = 0, sql_select_limit = 18446744073709551615, sql_big_selects = 1, unique_checks = 1,"
    " sql_mode = 'ONLY_FULL_GROUP_BY,STRICT_ALL_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,"
    "ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,NO_BACKSLASH_ESCAPES'"
    "/*!80000 , transaction_isolation = 'REPEATABLE-READ', transaction_read_only = 0 */"
    "/*M!100000 , tx_isolation = 'REPEATABLE-READ', tx_read_only = 0, check_constraint_checks = 1 */"
)


# --- Redis -----------------------------------------------------------------------------------------------------------


def redis_client(settings: Settings) -> redis.Redis:
    """Answer the client of this environment, which connects at its first command.

    A command takes at most (retries + 1)² x the timeout, since each try may have to connect and tries that as often;
    then it raises one of redis-py's errors.
    """
    options: dict[str, Any] = {
        "socket_timeout": settings.redis_timeout_ms / 1000,
        "socket_connect_timeout": settings.redis_timeout_ms / 1000,
        # Explicit: the default is several retries with pauses, seconds in all. No pause: the usual reason is a
        # connection that died while the environment was frozen, and a new one serves at once.
        "retry": Retry(NoBackoff(), settings.redis_retries),
        "health_check_interval": settings.redis_health_check_s,
        "client_name": "firstcome",
        "decode_responses": True,
        # RESP3 and the library's name cost round trips at every connect, and nothing here uses them.
        "protocol": 2,
        "driver_info": None,
    }
    if settings.redis_ca_file:
        # Beside the system's CAs, which redis-py always trusts. It verifies chain and name unless it is told not to.
        options["ssl_ca_certs"] = settings.redis_ca_file
    if settings.redis_iam_user_arn or settings.redis_secret_arn:
        options["credential_provider"] = _Provider(settings)
    if settings.redis_cluster:
        # RedisCluster asks for the topology in its constructor.
        return cast("redis.Redis", _AtFirstUse(lambda: _Cluster.from_url(settings.redis_url, **options)))
    if "credential_provider" in options:
        options["redis_connect_func"] = lambda connection: _authenticate(connection, connection.on_connect)
    return redis.Redis.from_url(settings.redis_url, **options)


class _Provider(CredentialProvider):
    """Asked by redis-py at every new connection."""

    def __init__(self, settings: Settings) -> None:
        self.secret_arn = settings.redis_secret_arn
        self._cache_arn, self._user_arn = settings.redis_iam_cache_arn, settings.redis_iam_user_arn

    def get_credentials(self) -> tuple[str, str]:
        return credentials(self.secret_arn) if self.secret_arn else redis_token(self._cache_arn, self._user_arn)


class _Cluster(RedisCluster):
    def on_connect(self, connection: Any) -> None:
        _authenticate(connection, lambda: super(_Cluster, self).on_connect(connection))  # type: ignore[no-untyped-call]


def _authenticate(connection: Any, on_connect: Callable[[], None]) -> None:
    """Run redis-py's handshake; when the password is refused, once more with the secret read again (rotation)."""
    try:
        on_connect()
    except Unavailable:
        connection.disconnect()  # without its password it would pass for a connection that is made
        raise
    except AuthenticationError:
        provider = connection.credential_provider
        if not isinstance(provider, _Provider) or not forget(provider.secret_arn):
            raise
        connection.disconnect()
        connection.connect()  # which comes back here


class _AtFirstUse:
    """Stands for a cluster's client, whose constructor connects, and makes it when an attribute is first asked for."""

    def __init__(self, make: Callable[[], object]) -> None:
        self._make = make

    def close(self) -> None:
        """Close the client if there is one; the next attribute makes another."""
        client = self.__dict__.pop("_client", None)
        if client is not None:
            client.close()

    def __getattr__(self, name: str) -> object:
        if "_client" not in self.__dict__:
            try:
                self.__dict__["_client"] = self._make()
            except RedisClusterException as error:  # not one of redis-py's family, but it means no more than this
                raise redis.ConnectionError(str(error)) from error
        return getattr(self.__dict__["_client"], name)


# --- Kafka -----------------------------------------------------------------------------------------------------------


def kafka_config(settings: Settings) -> dict[str, Any]:
    """Answer what kafka-python's producer, consumer and admin client have in common; raise `BadInput` if unknown."""
    security: dict[str, dict[str, str]] = {
        "PLAINTEXT": {"security_protocol": "PLAINTEXT"},
        "SSL": {"security_protocol": "SSL"},
        "AWS_MSK_IAM": {"security_protocol": "SASL_SSL", "sasl_mechanism": "AWS_MSK_IAM"},
    }
    if settings.kafka_security not in security:
        raise BadInput("bad_setting", f"kafka_security={settings.kafka_security!r}: expected one of {list(security)}")

    def net_client(**configs: Any) -> Any:
        """Make the library's network client, with two settings that its other classes do not pass on."""
        from kafka.net.compat import KafkaNetClient  # noqa: PLC0415  only functions that use Kafka pay for it

        # TCP, TLS and authentication with one broker; the default of 10 s would spend a whole send on a dead one.
        setup_ms = settings.kafka_max_block_ms // 3
        client = KafkaNetClient(
            socket_connection_setup_timeout_ms=setup_ms, socket_connection_setup_timeout_max_ms=setup_ms, **configs
        )
        # Only `ensure_topic` makes topics: a broker that makes one by itself gives it one partition and no replica.
        client.cluster.config["allow_auto_create_topics"] = False
        return client

    return {
        "bootstrap_servers": [server.strip() for server in settings.kafka_bootstrap.split(",")],
        "api_version": KAFKA_API_VERSION,
        "client_id": "firstcome",
        "request_timeout_ms": settings.kafka_request_timeout_ms,
        "connections_max_idle_ms": settings.kafka_idle_ms,
        "reconnect_backoff_max_ms": KAFKA_RECONNECT_MAX_MS,
        "kafka_client": net_client,
        # None: the system's CAs. Chain and name are verified either way.
        "ssl_cafile": settings.kafka_ca_file or None,
        **security[settings.kafka_security],
    }


# --- MySQL -----------------------------------------------------------------------------------------------------------


def mysql_connection(settings: Settings, read_timeout_ms: int) -> pymysql.Connection[Any]:
    """Connect, with the session set up by `SESSION_SQL`.

    Raise pymysql's own errors when the server is away or refuses, `Unavailable` when the secret cannot be read,
    `Unsuitable` when the server would take the password over TLS only.
    `CLIENT.FOUND_ROWS` stays off: the insert tells new rows from known ones by the count of affected rows.
    """
    url = urlsplit(settings.mysql_url)
    if url.scheme != "mysql" or not url.hostname:
        raise BadInput("bad_setting", "mysql_url: expected mysql://user[:password]@host[:port]/database")
    options: dict[str, Any] = {
        "host": url.hostname,
        "port": url.port or MYSQL_PORT,
        "database": unquote(url.path.removeprefix("/")) or None,
        "charset": "utf8mb4",
        "connect_timeout": settings.mysql_connect_timeout_ms / 1000,
        "read_timeout": read_timeout_ms / 1000,
        "write_timeout": read_timeout_ms / 1000,
        "init_command": SESSION_SQL.format(lock_wait_s=settings.mysql_lock_wait_s),
        "autocommit": None,  # SESSION_SQL says it: one round trip less
        "program_name": "firstcome",
    }
    if settings.mysql_ca_file:
        ca_file = RDS_CA_FILE if settings.mysql_ca_file == RDS else settings.mysql_ca_file
        options |= {"ssl_ca": str(ca_file), "ssl_verify_cert": True, "ssl_verify_identity": True}
    else:
        options["ssl_disabled"] = True  # otherwise pymysql tries TLS that verifies nobody
        options["server_public_key"] = NO_KEY
    try:
        try:
            return pymysql.connect(**options | _login(settings, url))
        except pymysql.OperationalError as error:
            if error.args[0] != ACCESS_DENIED or not forget(settings.mysql_secret_arn):
                raise
        return pymysql.connect(**options | _login(settings, url))
    except (RuntimeError, ValueError) as error:
        if settings.mysql_ca_file or isinstance(error, UnicodeError):
            raise
        # RuntimeError: without the package that would encrypt it. ValueError: with it, for want of a key.
        raise Unsuitable("mysql", "it takes this password over TLS only: set mysql_ca_file") from error


def _login(settings: Settings, url: SplitResult) -> dict[str, Any]:
    """Answer who connects, and with which password."""
    if settings.mysql_iam_user_arn:
        # RDS asks for it in clear text: the settings allow it only where a CA verifies the server.
        user, password = mysql_token(settings.mysql_iam_user_arn, url.hostname or "", url.port or MYSQL_PORT)
    elif settings.mysql_secret_arn:
        user, password = credentials(settings.mysql_secret_arn)
    else:
        user, password = unquote(url.username or ""), unquote(url.password or "")
    # As bytes: pymysql would write it in Latin-1, which lacks most letters.
    return {"user": user, "password": password.encode()}
