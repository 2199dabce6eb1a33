"""Sold out, from memory: once an event is sold out, nearly all who ask are losers, and need not cost a round trip.

What was told may be told again for `sold_out_memory_ms`, counted from before it was asked for. The gate says whether:
only while no ticket is free or resting, and a ticket that comes free rests for longer than that time, so nobody is
turned away here while somebody is served elsewhere. Whoever has a ticket, or is refused for good, is asked about in
Redis: the gate keeps a Bloom filter of them, and its answer names the version that is complete.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from hashlib import sha1
from typing import TYPE_CHECKING, NamedTuple

from firstcome.rules import Unavailable

if TYPE_CHECKING:
    from firstcome.gate.gate import Gate
    from firstcome.settings import Settings

# An environment that serves more sold-out events than this at a time forgets the oldest: each may hold 200 KB.
EVENTS_MAX = 16
# Of the filter of winners, for each coupon. A person sets two, so 1.4 % of the losers look like a winner, which costs a
# round trip; with half as many bits, 5 % would.
FILTER_BITS = 16


def filter_bits(capacity: int, settings: Settings) -> int:
    """Return how large the event's filter of winners is to be; 0: its "sold out" is never remembered."""
    return FILTER_BITS * capacity if capacity <= settings.sold_out_memory_coupons else 0


@dataclass(frozen=True, slots=True)
class Moment:
    """A time by two clocks: one of them stands still while an environment is frozen, and the other may be set."""

    wall_s: float
    monotonic_s: float

    @classmethod
    def now(cls) -> Moment:
        """Return this very moment."""
        return cls(time.time(), time.monotonic())

    def is_within(self, seconds: float) -> bool:
        """Say whether it was no longer ago than this, and not in the future, by both clocks."""
        return 0 <= time.time() - self.wall_s < seconds and 0 <= time.monotonic() - self.monotonic_s < seconds


@dataclass(frozen=True, slots=True)
class Winners:
    """Everybody who must not be told "sold out", and a few others. `version` is the gate's."""

    version: str
    bits: int
    bitmap: bytes

    @classmethod
    def read(cls, gate: Gate, event_id: str, version: str) -> Winners | None:
        """Read the filter, which may be newer than this version; None where it is not whole."""
        bits = int(version.rpartition(":")[2])
        bitmap = gate.winners(event_id)
        return cls(version, bits, bitmap) if len(bitmap) == bits // 8 + 1 else None

    def may_have(self, user_id: str) -> bool:
        """Say whether the person is one of them, or looks like one: False is certain. As in prelude.lua."""
        digits = sha1(user_id.encode(), usedforsecurity=False).hexdigest()
        return self._has(int(digits[:8], 16) % self.bits) and self._has(int(digits[8:16], 16) % self.bits)

    def _has(self, bit: int) -> bool:
        return bool(self.bitmap[bit >> 3] & (0x80 >> (bit & 7)))


class Receipt(NamedTuple):
    """What shows a loser why they have nothing. Times are Redis's, in milliseconds since the epoch."""

    sold_out_at_ms: int  # when the last ticket was given; 0: not known
    now_ms: int


UNTOLD = Receipt(0, 0)


@dataclass(frozen=True, slots=True)
class _Memory:
    winners: Winners
    asked: Moment
    told: Receipt


class SoldOut:
    """The sold-out events of one execution environment."""

    def __init__(self, gate: Gate, settings: Settings) -> None:
        self._gate = gate
        self._lives_s = settings.sold_out_memory_ms / 1000
        self._memories: dict[str, _Memory] = {}

    def remember(self, event_id: str, version: str, asked: Moment, told: Receipt = UNTOLD) -> None:
        """Keep that the event was sold out, as an answer to who asked at that moment said."""
        if not self._lives_s or not version:
            self._memories.pop(event_id, None)
            return
        known = self._memories.get(event_id)
        try:
            if known and known.winners.version == version:
                winners: Winners | None = known.winners
            else:
                winners = Winners.read(self._gate, event_id, version)
        except Unavailable:  # the answer stands, and the next one is asked for
            return
        if winners is None:
            return
        self._memories.pop(event_id, None)
        while len(self._memories) >= EVENTS_MAX:
            del self._memories[next(iter(self._memories))]
        self._memories[event_id] = _Memory(winners, asked, told)

    def winners(self, event_id: str) -> Winners | None:
        """Return whom Redis must be asked about, while all others may be told that it is sold out; None: everybody."""
        known = self._memories.get(event_id)
        return known.winners if known and known.asked.is_within(self._lives_s) else None

    def receipt(self, event_id: str, user_id: str) -> Receipt | None:
        """Return the receipt of a person who may be told, without asking anybody, that it is sold out; else None."""
        winners = self.winners(event_id)
        if winners is None or winners.may_have(user_id):
            return None
        known = self._memories[event_id]
        since_ms = int((time.monotonic() - known.asked.monotonic_s) * 1000)
        return Receipt(known.told.sold_out_at_ms, known.told.now_ms + since_ms)

    def forget(self) -> None:
        """Forget everything; the next answer is the gate's."""
        self._memories.clear()
