"""What the short way to Redis takes over from redis-py: its bytes, and its names."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from redis.connection import Connection

from firstcome.gate.connect import redis_client
from firstcome.gate.kept import begin, word
from firstcome.settings import Settings

CONNECTION: Any = Connection()  # type: ignore[no-untyped-call]  # it connects at its first command


@given(st.lists(st.text(), min_size=1), st.lists(st.text()))
def test_prepared_bytes_are_those_of_the_library(known: list[str], more: list[str]) -> None:
    """Whatever the words are, Redis reads what redis-py would have sent."""
    packed = CONNECTION.pack_command("EVALSHA", *known, *more)  # the first is split at its spaces
    assert begin(["EVALSHA", *known], len(more)) + b"".join(map(word, more)) == b"".join(map(bytes, packed))


def test_only_public_names_of_the_library_are_used() -> None:
    """An update that takes one of them away fails here."""
    pool = redis_client(Settings()).connection_pool
    assert all(callable(getattr(pool, name)) for name in ("get_connection", "release", "disconnect"))
    names = ("send_packed_command", "read_response", "disconnect")
    assert all(callable(getattr(CONNECTION, name)) for name in names)
    assert callable(pool.connection_kwargs["retry"].get_retries)
    assert callable(CONNECTION.retry.call_with_retry)
