"""Turns of a crowd: a fair draw, and nobody is served before theirs."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import redis

from firstcome.gate.answers import ApplyOutcome, Decision
from firstcome.gate.gate import Gate
from firstcome.settings import Settings
from tests.patience import PATIENCE_S
from tests.turns import SPREAD, offset
from tests.world import fields

CROWD = 20_000
CROWD_SPREAD_MS = 10_000
CROWD_WINNERS = 17_000  # more than the turns that have passed when the first of them ask: the rest are waited for
BINS = 100
CHI_SQUARE_MAX = 148.2  # of 99 degrees of freedom: one fair draw in a thousand is above


def test_a_crowd_is_drawn_fairly_and_served_in_turn(redis_url: str, gate: Gate) -> None:
    """20,000 people, ten seconds of turns: even, exactly N, in Redis's order, and nobody before theirs.

    The event's id and secret are always the same, so the draw is, too. Before the opening each is told a turn; then the
    opening is moved so that half of the turns have passed, and the others ask again until theirs has.
    """
    event = "turns-of-a-crowd"
    people = [f"user-{number:05}" for number in range(CROWD)]
    turns = {**SPREAD, "spread_ms": CROWD_SPREAD_MS, "capacity": CROWD_WINNERS, "closes_at_ms": 2**53}
    gate.delete(event)
    gate.configure(event, 1, fields(**turns, opens_at_ms=2**52), create=True)
    try:
        with redis.Redis.from_url(redis_url, decode_responses=True) as shared, ThreadPoolExecutor(4) as threads:
            crowd = Gate(shared, Settings())

            def ask(user_id: str) -> Decision:
                return crowd.apply(event, user_id, "call")

            told = list(threads.map(ask, people))
            offsets = [decision.turn_at_ms - decision.opens_at_ms for decision in told]
            assert {decision.outcome for decision in told} == {ApplyOutcome.NOT_OPEN}
            assert offsets == [offset(event, name, CROWD_SPREAD_MS) for name in people]
            assert _chi_square(offsets) < CHI_SQUARE_MAX

            opens_at = told[-1].now_ms - CROWD_SPREAD_MS // 2
            gate.configure(event, 2, fields(**turns, opens_at_ms=opens_at))
            turn_at = dict(zip(people, (opens_at + one for one in offsets), strict=True))
            given: dict[str, Decision] = {}
            outside, deadline = people, time.monotonic() + PATIENCE_S
            waited = 0
            while outside:
                assert time.monotonic() < deadline, f"{len(outside)} wait still for their turn"
                answers = dict(zip(outside, threads.map(ask, outside), strict=True))
                for name, decision in answers.items():
                    early = decision.now_ms < turn_at[name]
                    assert (decision.outcome is ApplyOutcome.NOT_OPEN) <= early, f"{name} is kept after the turn"
                    assert not (decision.ticket and early), f"{name} is served before the turn"
                    assert decision.turn_at_ms in {0, turn_at[name]}, f"the turn of {name} has moved"
                given |= {name: decision for name, decision in answers.items() if decision.ticket}
                outside = [name for name in outside if answers[name].outcome is ApplyOutcome.NOT_OPEN]
                waited = max(waited, len(outside))
        assert waited, "some were told to wait, and served later"
        by_ticket = sorted(given.values(), key=lambda decision: decision.ticket or 0)
        assert [decision.ticket for decision in by_ticket] == list(range(1, CROWD_WINNERS + 1))
        times = [decision.applied_at_ms or 0 for decision in by_ticket]
        assert times == sorted(times), "tickets are numbered in Redis's order"
    finally:
        gate.delete(event)


def _chi_square(offsets: list[int]) -> float:
    expected = len(offsets) / BINS
    found = Counter(offset * BINS // CROWD_SPREAD_MS for offset in offsets)
    return sum((found[number] - expected) ** 2 / expected for number in range(BINS))
