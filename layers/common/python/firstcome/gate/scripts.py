"""One Redis client: it runs the scripts on an event's keys, and says when the server cannot answer."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis
from redis import exceptions

from firstcome.gate import server
from firstcome.gate.keys import keys_of
from firstcome.rules import Unavailable
from firstcome.settings import Settings

# The scripts of an application, which read the prelude alone.
_SHORT = ("gate", "delivered")


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
            parts = ("prelude", name) if name in _SHORT else ("prelude", "sold_out", "repairs", name)
            self._scripts[name] = self.redis.register_script("".join(map(_read, parts)))
        return self._scripts[name]

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Turn what Redis raises when it cannot answer into `Unavailable`; leave our own mistakes alone."""
        try:
            yield
        except (
            exceptions.ConnectionError,
            exceptions.TimeoutError,
            exceptions.ClusterError,
            exceptions.RedisClusterException,
            exceptions.InvalidResponse,  # whoever answered is no Redis
        ) as error:
            raise Unavailable("redis", str(error)) from error
        except exceptions.ResponseError as error:
            if not server.is_not_now(error):
                raise
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

    def close(self) -> None:
        """Close the connections; the next call opens another."""
        self.redis.close()


def _read(name: str) -> str:
    return Path(__file__).with_name(f"{name}.lua").read_text(encoding="utf-8")
