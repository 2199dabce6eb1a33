"""Turns as anybody can compute them, and people whose turn has come, or is far off."""

from __future__ import annotations

from hashlib import sha1
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

SECRET = bytes(range(32))
HOUR_MS = 3_600_000
# An event that opened half an hour ago, with an hour of turns: a minute on either side is far from any test.
SPREAD = {"spread_ms": HOUR_MS, "turn_secret": SECRET.hex()}
OPENED_AGO_MS = HOUR_MS // 2
MARGIN_MS = 60_000


def offset(event_id: str, user_id: str, spread_ms: int = HOUR_MS, secret: bytes = SECRET) -> int:
    """Return how long after the opening this person's turn is, ms."""
    digits = sha1(f"{secret.hex()}:{event_id}:{user_id}".encode(), usedforsecurity=False).hexdigest()[:12]
    return int(digits, 16) % spread_ms


def is_early(event_id: str, user_id: str, secret: bytes) -> bool | None:
    """Return this person where their turn is far off, of an event that opened half an hour ago; else None."""
    left = offset(event_id, user_id, secret=secret) - OPENED_AGO_MS
    return left > 0 if abs(left) > MARGIN_MS else None


def early(event_id: str, secret: bytes = SECRET, which: int = 0) -> str:
    """Return somebody whose turn is far off, of an event that opened half an hour ago."""
    return _one(lambda name: is_early(event_id, name, secret) is True, which)


def due(event_id: str, secret: bytes = SECRET, which: int = 0) -> str:
    """Return somebody whose turn has come long ago."""
    return _one(lambda name: is_early(event_id, name, secret) is False, which)


def _one(fits: Callable[[str], bool], which: int) -> str:
    found = (name for number in count() if fits(name := f"user-{number:04}"))
    return next(name for number, name in enumerate(found) if number == which)
