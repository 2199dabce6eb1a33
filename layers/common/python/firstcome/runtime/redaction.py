"""What stands for a person in the logs: the id itself, or, with `log_user_ids=hashed`, a keyed hash of it.

A hash without a key would be no secret: ids can be guessed, and the hash of each guess compared. The key comes from
Secrets Manager (`log_key_secret_arn`); where there is none, or it cannot be read, each execution environment makes one
up: its lines then tell people apart, and nobody can tell who they are. A line's event, ticket and correlation id are
never hashed; they lead from one function's log to the other's.
"""

import hashlib
import hmac
import math
import re
import secrets
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

from firstcome.rules import Unavailable, rfc3339
from firstcome.runtime.credentials import credentials
from firstcome.settings import Settings

# Whatever a library quotes in its words may be a value that we gave it: "Duplicate entry 'E-alice' for key …". From the
# first quotation mark to the last one, since the value may have some itself.
_QUOTED = re.compile(r"""(['"`]).*['"`]""", re.DOTALL)
KEY_BYTES = 32  # of a key that is made up: as long as what it makes
KEY_RETRY_S = 60.0  # a secret that could not be read is asked for again, and not with every line
HASH_LENGTH = 16  # hex digits: 64 bits, so that two people of a campaign do not share one


class _Key(NamedTuple):
    key: bytes | None
    until: float  # monotonic


_kept: list[_Key] = []  # the one of this environment, once it is known


def mark(user_id: str) -> str:
    """Return what the logs call this person."""
    key = _key()
    if key is None:
        return user_id
    return "u:" + hmac.new(key, user_id.encode(), hashlib.sha256).hexdigest()[:HASH_LENGTH]


def conceal(error: BaseException) -> None:
    """Take out of an error's words what may name a person, and what it came from; its type stays."""
    if _key() is not None:
        # A KeyError is nothing but what was looked for.
        error.args = ("…",) if isinstance(error, KeyError) else tuple(_plain(each) for each in error.args)
        error.__cause__, error.__context__ = None, None


def forget_key() -> None:
    """Drop the key; it is read, or made up, again."""
    _kept.clear()


class Formatter(LambdaPowertoolsFormatter):
    """Powertools' JSON, with people as `mark` calls them."""

    def line(self, message: str, location: str, fields: Mapping[str, object]) -> str:
        """Return what `format` makes of a record of INFO with these fields, at a third of its cost: it needs none."""
        at = rfc3339(time.time_ns() // 1_000_000)
        known = {"level": "INFO", "location": location, "message": message}
        known["timestamp"] = f"{at[:10]} {at[11:19]},{at[20:23]}+0000"
        log = {**self.log_format, **known, **fields, "xray_trace_id": self._get_latest_trace_id()}
        return self.serialize({name: value for name, value in log.items() if value is not None})

    def serialize(self, log: Any) -> str:
        """Return the line. The formatted traceback goes, where people are hashed: `stack_trace` has its frames."""
        if _key() is not None:
            log = {name: _named(name, value) for name, value in log.items() if name != "exception"}
        return super().serialize(log)


def _named(name: str, value: Any) -> Any:
    if name == "user_id" and isinstance(value, str):
        return mark(value)
    if isinstance(value, dict):
        return {inner: each if inner == "frames" else _named(inner, each) for inner, each in value.items()}
    if isinstance(value, list | tuple):
        return [_named(name, each) for each in value]
    return _plain(value)


def _plain(value: Any) -> Any:
    """Return the value without what it quotes; an error as its words."""
    if value is None or isinstance(value, bool | int | float):
        return value
    return _QUOTED.sub(r"\1…\1", str(value))


def _key() -> bytes | None:
    """Return the key of the hashes; None: people are called by their ids."""
    if not _kept or time.monotonic() >= _kept[0].until:
        _kept[:] = [_find_key()]
    return _kept[0].key


def _find_key() -> _Key:
    settings = Settings.from_env()
    if settings.log_user_ids == "plain":
        return _Key(None, math.inf)
    made_up = _kept[0].key if _kept else secrets.token_bytes(KEY_BYTES)
    if not settings.log_key_secret_arn:
        return _Key(made_up, math.inf)
    try:
        _, password = credentials(settings.log_key_secret_arn)
    except Unavailable:  # logging must not fail, and must not name anybody
        return _Key(made_up, time.monotonic() + KEY_RETRY_S)
    # What is in a secret is anybody's guess; and an empty key would be one that everybody has.
    return _Key(str(password).encode() if password else made_up, math.inf)
