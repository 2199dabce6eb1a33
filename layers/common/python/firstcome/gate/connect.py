"""The client of Redis: where it is, how long it may take, how it proves who it is. It connects at its first command."""

from collections.abc import Callable
from typing import Any, cast

import redis
from redis.backoff import FullJitterBackoff
from redis.cluster import RedisCluster
from redis.credentials import CredentialProvider
from redis.exceptions import AuthenticationError, RedisClusterException
from redis.retry import Retry

from firstcome.gate.kept import KeptClient
from firstcome.rules import Unavailable
from firstcome.runtime.credentials import credentials, forget, redis_token
from firstcome.settings import Settings


def redis_client(settings: Settings) -> redis.Redis:
    """Return the client of this environment, which connects at its first command.

    A command takes at most (retries + 1)² x the timeout, since each try may have to connect and tries that as often,
    and the pauses between them; then it raises one of redis-py's errors.
    """
    pause_s = settings.redis_pause_ms / 1000
    options: dict[str, Any] = {
        "socket_timeout": settings.redis_timeout_ms / 1000,
        "socket_connect_timeout": settings.redis_timeout_ms / 1000,
        # Explicit: the default is several retries, seconds in all. The pause is anything up to its limit: environments
        # that were too many to connect at once must not come back at once. (An application whose connection died while
        # the environment was frozen is asked again without a pause.)
        "retry": Retry(FullJitterBackoff(pause_s, pause_s), settings.redis_retries),
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
    return KeptClient.from_url(settings.redis_url, **options)


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
