"""What a Redis says of itself, and which of its errors mean "not now"."""

import re
from typing import Any

from redis import exceptions

from firstcome.rules import Unsuitable
from firstcome.runtime.telemetry import logger

# Debian 12 has it, and Valkey says 7.2 of itself. Older ones are not tested, and get no corrections any more.
OLDEST = (7, 0)

# Since Redis 7 the word comes first, unless redis-py has taken it away for a class of its own. Before that, it stood in
# the middle where a script failed: "Error running script (…): @user_script:1: @user_script: 1: -OOM command not …".
_NOT_NOW = re.compile(
    r"(?:^|-)(OOM|READONLY|LOADING|MISCONF|NOREPLICAS|BUSY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|NOPERM|NOAUTH)\b"
)
# Not now either; the last one until somebody has mended the user's rights.
_CLASSES = (exceptions.OutOfMemoryError, exceptions.ReadOnlyError, exceptions.NoPermissionError)


def is_not_now(error: exceptions.ResponseError) -> bool:
    """Say whether the server's state stands in the way. Otherwise the mistake is ours."""
    return isinstance(error, _CLASSES) or bool(_NOT_NOW.search(str(error)))


def is_replica(error: exceptions.ResponseError) -> bool:
    """Say whether the server takes no writes because another one is the primary."""
    found = _NOT_NOW.search(str(error))
    return isinstance(error, exceptions.ReadOnlyError) or (found is not None and found[1] == "READONLY")


def refuses_info(error: exceptions.ResponseError) -> bool:
    """Say whether the server does not let us use INFO: by its user's rights, or because it has no such command."""
    return isinstance(error, exceptions.NoPermissionError) or "unknown command" in str(error)


class About:
    """Reads what INFO says. A managed server may keep a field to itself: that is logged, once, with what follows."""

    def __init__(self) -> None:
        self._untold: set[str] = set()

    def check(self, info: dict[str, Any]) -> None:
        """Raise `Unsuitable` for a server that is too old, or would evict keys without a time to live: half a gate.

        What it does not tell is taken to be right: the sizes tell of a key that is gone.
        """
        version = self._read(info, "redis_version", "it is taken to be new enough")
        if version and tuple(map(int, re.findall(r"\d+", version)[:2])) < OLDEST:
            oldest = ".".join(map(str, OLDEST))
            raise Unsuitable("redis", f"version {version} is too old: expected Redis {oldest} or newer, or Valkey")
        policy = self._read(info, "maxmemory_policy", "make sure that it is noeviction, or gates may be evicted")
        if policy.startswith("allkeys"):
            raise Unsuitable("redis", f"maxmemory-policy {policy} evicts gates: set noeviction")

    def replid(self, info: dict[str, Any]) -> str:
        """Return the replication id, which a failover changes; "" where the server does not tell it."""
        return self._read(info, "master_replid", "a failover is not noticed: reconcile every event after one")

    def _read(self, info: dict[str, Any], field: str, therefore: str) -> str:
        value = str(info.get(field, ""))
        if not value and field not in self._untold:
            self._untold.add(field)
            logger.warning("redis does not say", extra={"field": field, "therefore": therefore})
        return value
