"""When somebody's turn is, computed from the secret that an event shows once it has ended."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime

DIGITS = 12  # of the hash: as many as a double holds exactly


@dataclass(frozen=True, slots=True)
class Turn:
    """One person's turn. `commitment_holds`: the secret is the one whose hash was public from the first opening."""

    turn_at_ms: int
    commitment_holds: bool | None


def turn(secret: str, event_id: str, user_id: str, opens_at_ms: int, spread_ms: int, commitment: str | None) -> Turn:
    """Return the turn that follows from the secret, 64 hexadecimal digits; `commitment` None: it was not compared.

    Raises `ValueError` where the secret is not hexadecimal.
    """
    digest = hashlib.sha1(f"{secret}:{event_id}:{user_id}".encode()).hexdigest()  # noqa: S324  as gate.lua has it
    holds = None if commitment is None else hashlib.sha256(bytes.fromhex(secret)).hexdigest() == commitment
    return Turn(opens_at_ms + (int(digest[:DIGITS], 16) % spread_ms if spread_ms else 0), holds)


def milliseconds(text: str) -> int:
    """Return a time of the API, RFC 3339, in milliseconds; raise `ValueError` where it is none."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text} names no offset: add Z, or +09:00")
    return round(at.timestamp() * 1000)


def rfc3339(at_ms: int) -> str:
    """Return the time as the API writes it."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
