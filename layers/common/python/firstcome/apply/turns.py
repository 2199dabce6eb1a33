"""What people are told of turns and receipts: when to ask again, why they got nothing, and how to check it later.

A turn is never remembered: each answer has the one that the gate computed for this person.
"""

from __future__ import annotations

import json
import random
import time
from functools import lru_cache
from typing import Any

from firstcome.apply.problem import Answer, Problem, later, usual_answer
from firstcome.gate.answers import Decision, EventView
from firstcome.gate.sold_out import Receipt
from firstcome.ledger.events import Event
from firstcome.rules import public_turns, rfc3339, turn_at_ms
from firstcome.runtime.http import MEDIA_TYPE, RETRY_AFTER_S

_quoted = json.encoder.encode_basestring_ascii


class SoldOut(Problem):
    """Every coupon is given away; with what shows why this person has none.

    Nearly everybody is told this, so what is the same for all of them is made once, and the receipt is added as text.
    """

    code, detail = "sold_out", ""

    def __init__(self, receipt: Receipt, correlation_id: str) -> None:  # all that differs: a tenth of a loser's time
        self._receipt = receipt
        self._correlation_id = correlation_id

    def answer(self, path: str) -> Answer:
        """Return the document of this problem; its `body` lacks the receipt, which `text` has."""
        usual = usual_answer(self.code, self.detail, path)
        sold_out_at, now = self._receipt
        at = f'"sold_out_at":"{_rfc3339(sold_out_at)}",' if sold_out_at else ""
        more = f'{at}"now":"{_rfc3339(now)}","correlation_id":{_quoted(self._correlation_id)}'
        return Answer(409, usual.body, usual.headers, MEDIA_TYPE, "sold_out", f"{usual.text[:-1]},{more}}}")


def not_open(decision: Decision) -> Problem:
    """Return that it is not this person's turn, and when it is; a draft tells nobody a turn."""
    fields = {"now": rfc3339(decision.now_ms), "opens_at": rfc3339(decision.opens_at_ms)}
    if not decision.turn_at_ms:
        return Problem("not_open", fields=fields)
    wait_s = _until(decision.turn_at_ms, decision.now_ms)
    fields["turn_at"] = rfc3339(decision.turn_at_ms)
    return Problem("not_open", headers={"Retry-After": str(wait_s)}, fields=fields)


def paused(decision: Decision) -> Problem:
    """Return that the event gives nothing for now; where there are turns, also when to ask again."""
    now, turn_at = decision.now_ms, decision.turn_at_ms
    if turn_at > now:
        return Problem("paused", headers={"Retry-After": str(_until(turn_at, now))})
    if not decision.spread_ms:
        return Problem("paused")
    wait_s = random.randint(1, _crowd_s(decision.opens_at_ms, decision.spread_ms, now))  # noqa: S311  jitter
    return Problem("paused", headers={"Retry-After": str(wait_s)})


def gate_lost(event: Event, user_id: str) -> Problem:
    """Return that the gate is being restored: it has the same turns afterwards, by what the ledger knows."""
    now = time.time_ns() // 1_000_000  # Redis's clock is not asked: nothing but the wait depends on it
    if event.turn_secret is None:
        return later("gate_lost")
    turn_at = turn_at_ms(event.event_id, user_id, event.opens_at_ms, event.spread_ms, event.turn_secret)
    if turn_at > now:
        return Problem("gate_lost", headers={"Retry-After": str(_until(turn_at, now))})
    return later("gate_lost", _crowd_s(event.opens_at_ms, event.spread_ms, now))


def public(event: Event | EventView) -> dict[str, Any]:
    """Return what everybody may know of an event's turns: the secret itself once the event has ended."""
    known = {"timezone": event.timezone, "spread_ms": event.spread_ms}
    return known | public_turns(event.state, event.turn_secret)


def _until(turn_at: int, now: int) -> int:
    """Return the whole seconds after which the turn has come."""
    return max(1, -((now - turn_at) // 1_000))


def _crowd_s(opens_at: int, spread_ms: int, now: int) -> int:
    """Return over how many seconds those whose turn has passed come back: as slowly as their turns came."""
    return max(RETRY_AFTER_S[1], min(now - opens_at, spread_ms) // 1_000)


def _rfc3339(ms: int) -> str:
    """Return what `rfc3339` returns, cheaply: the crowd of a sold-out event asks in a few seconds."""
    return f"{_second(ms // 1_000)}.{ms % 1_000:03d}Z"


@lru_cache(maxsize=64)  # of the events that are told from memory, the time now and when each was sold out
def _second(seconds: int) -> str:
    return rfc3339(seconds * 1_000)[:19]
