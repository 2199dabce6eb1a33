"""SnapStart: what an environment does before its snapshot is taken, and after it was restored from one.

Init runs once, when a version is published, and every environment starts as a copy of it. So nothing may be in the
snapshot that is only good there and then: no connection, no password, no verdict that time ends. And nothing may be
drawn from it that copies must not share: ids and the kernel's own randomness differ by themselves, the rest is seeded.
"""

import os
import random
import ssl
from typing import Protocol

from firstcome.runtime import collector, credentials, redaction

SEED_BYTES = 32


class Part(Protocol):
    """What holds connections, and what it remembers for a while."""

    def close(self) -> None:
        """Let go of both; whatever is needed again is made again."""


def register(*parts: Part) -> None:
    """Register the hooks where this is Lambda, whose runtime brings the module, and end init."""
    collector.over()
    try:
        from snapshot_restore_py import register_after_restore, register_before_snapshot  # noqa: PLC0415
    except ImportError:
        return
    register_before_snapshot(before_snapshot, *parts)
    register_after_restore(after_restore, *parts)


def before_snapshot(*parts: Part) -> None:
    """Let go of everything that does not survive a copy."""
    _let_go(parts)


def after_restore(*parts: Part) -> None:
    """Make this copy differ from the others, and forget once more: time has passed, perhaps days."""
    seed = os.urandom(SEED_BYTES)  # the kernel is told of the restore, and seeds itself
    random.seed(seed)  # jitter: copies that wait equally long come back together
    ssl.RAND_add(os.urandom(SEED_BYTES), SEED_BYTES)  # keys of TLS: OpenSSL keeps a generator of its own
    _let_go(parts)


def _let_go(parts: tuple[Part, ...]) -> None:
    credentials.forget_all()
    redaction.forget_key()
    for part in parts:
        part.close()
