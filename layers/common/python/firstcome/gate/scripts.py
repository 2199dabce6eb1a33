"""One Redis client: it runs the scripts on an event's keys, and says when the server cannot answer."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import redis
from redis import exceptions

from firstcome.gate import server
from firstcome.gate.kept import KeptClient, begin, word
from firstcome.gate.keys import keys_of
from firstcome.rules import Unavailable
from firstcome.runtime import credentials
from firstcome.settings import Settings

# What Redis or the way to it raises.
_ERRORS = (
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.ClusterError,
    exceptions.RedisClusterException,
    exceptions.InvalidResponse,  # whoever answered is no Redis
    exceptions.ResponseError,
)
# Beginnings of commands, 400 bytes each: more than an environment serves events at a time.
_PREPARED_MAX = 64

# The scripts of an application, which read no more than keys and prelude.
_SHORT = ("gate", "delivered")
# In gate.lua: whoever is answered above it does without the prelude's functions, which Redis makes anew at each call.
_PRELUDE_HERE = "--+ prelude.lua\n"


class Scripts:
    """The scripts of the gate, through one client. Every call raises `Unavailable` where Redis cannot answer."""

    keys = staticmethod(keys_of)

    def __init__(self, redis: redis.Redis, settings: Settings) -> None:
        self.redis = redis
        self._settings = settings
        self._scripts: dict[str, Any] = {}
        self._about = server.About()
        self._checked = False

    def run(self, name: str, event_id: str, args: list[Any], keys: Sequence[str] = ()) -> Any:
        """Run `<name>.lua` on the keys of the event, and on these beside; return its answer."""
        script = self.script(name)
        with self.answering():
            return script(keys=[*self.keys(event_id), *keys], args=args)

    def script(self, name: str) -> Any:
        """Return redis-py's object of the script `<name>.lua`, which loads it where Redis does not have it."""
        if name not in self._scripts:
            self._scripts[name] = self.redis.register_script(text_of(name))
        return self._scripts[name]

    def run_kept(self, name: str, event_id: str, *args: str) -> Any:
        """Run a script as `run` does, at a third of what it costs the client; for what a person waits for.

        A cluster's client looks for the node by itself, so it goes the usual way.
        """
        client = self.redis
        if not isinstance(client, KeptClient):
            return self.run(name, event_id, list(args))
        command = _begin(self.script(name).sha, event_id, len(args)) + b"".join(map(word, args))
        try:
            try:
                return client.ask(command)
            except exceptions.NoScriptError:
                client.script_load(self.script(name).script)
                return client.ask(command)
        except _ERRORS as error:
            self._give_up(error)
            raise

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Turn what Redis raises when it cannot answer into `Unavailable`; leave our own mistakes alone."""
        try:
            yield
        except _ERRORS as error:
            self._give_up(error)
            raise

    def _give_up(self, error: Exception) -> None:
        """Raise `Unavailable`, unless the mistake is ours."""
        if isinstance(error, exceptions.ResponseError):
            if not server.is_not_now(error):
                return
            if server.is_replica(error):
                # A primary that was demoted keeps its connections: only a new one finds its successor.
                pool = getattr(self.redis, "connection_pool", None)  # a cluster client follows MOVED by itself
                if pool is not None:
                    pool.disconnect()
        raise Unavailable("redis", str(error)) from error

    def check_server(self) -> None:
        """Raise `Unsuitable` for a Redis that cannot keep gates; it is asked until it can, and then no more."""
        if not self._checked:
            self._about.check(self._info("", None))
            self._checked = True

    def replid(self, event_id: str) -> str:
        """Return the replication id of the Redis that holds the event, which a failover changes; "" if it is untold."""
        return self._about.replid(self._info(event_id, "replication"))

    def _info(self, event_id: str, section: str | None) -> dict[str, Any]:
        """Return a section of INFO, or all of it; nothing where the server refuses the command itself."""
        with self.answering():
            try:
                if self._settings.redis_cluster:
                    node = self.redis.get_node_from_key(self.keys(event_id).event)  # type: ignore[attr-defined]
                    return dict(self.redis.info(section, target_nodes=node))
                return dict(self.redis.info(section))
            except exceptions.ResponseError as error:
                if not server.refuses_info(error):
                    raise
                return {}

    def prime(self, *, ask: bool) -> None:
        """Make ready what the first command needs; with `ask`, the connection that it takes, and the scripts in Redis.

        Raise `Unavailable` where Redis cannot answer.
        """
        if self._settings.redis_secret_arn:
            credentials.prime_secrets()
        elif self._settings.redis_iam_user_arn:
            credentials.prime_tokens()
        if not ask:
            return
        self.check_server()
        with self.answering():
            for name in _SHORT:  # of a cluster, to every primary: any may hold the event
                self.redis.script_load(self.script(name).script)

    def close(self) -> None:
        """Close the connections; the next call opens another."""
        self.redis.close()


@lru_cache(_PREPARED_MAX)
def _begin(sha: str, event_id: str, more: int) -> bytes:
    """Return the bytes with which a script's call on the keys of the event begins; so many words follow."""
    keys = keys_of(event_id)
    return begin(("EVALSHA", sha, str(len(keys)), *keys), more)


def text_of(name: str) -> str:
    """Return the text of a script, with what it reads before."""
    if _PRELUDE_HERE in (text := _read(name)):
        return _read("keys") + text.replace(_PRELUDE_HERE, _read("prelude"))
    parts = ("keys", "prelude") if name in _SHORT else ("keys", "prelude", "sold_out", "repairs")
    return "".join(map(_read, (*parts, name)))


def _read(name: str) -> str:
    return Path(__file__).with_name(f"{name}.lua").read_text(encoding="utf-8")
