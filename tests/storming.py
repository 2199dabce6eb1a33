"""How a storm of environments ends at a broker that lets in 100 new connections a second: the backoff, and no network.

python -m tests.storming    prints a table; docs/connections.md has one

Each environment has a winner four times a second for as long as it is not connected, so that nothing but the backoff
holds it. The broker counts who is refused as well, which is the harder case: who knocks on keeps the door shut.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter, deque
from types import SimpleNamespace
from typing import Any

from firstcome.settings import Settings
from firstcome.stream import backoff
from firstcome.stream.backoff import Backoff

LIMIT = 100  # of MSK with IAM, new connections a second
SECOND_S = 1.0
WINNER_EVERY_S = 0.25
GIVEN_UP_S = 900.0
ENVIRONMENTS = (200, 1_000, 3_000)
SEED = 6


def storm(environments: int, base_ms: int, cap_ms: int) -> tuple[float, float, int, int]:
    """Return seconds until half are connected, and until all are; tries; the most tries in one later second."""
    clock: Any = SimpleNamespace(now_s=0.0)
    clock.monotonic = lambda: clock.now_s
    backoff.time = clock  # type: ignore[attr-defined]
    random.seed(SEED)
    waiting = [(0.0, number, Backoff(base_ms, cap_ms)) for number in range(environments)]
    knocks: deque[float] = deque()
    connected: list[float] = []
    tries: list[float] = []
    while waiting and clock.now_s < GIVEN_UP_S:
        clock.now_s, number, own = heapq.heappop(waiting)
        if not own.quiet:
            while knocks and clock.now_s - knocks[0] >= SECOND_S:
                knocks.popleft()
            let_in = len(knocks) < LIMIT
            knocks.append(clock.now_s)
            tries.append(clock.now_s)
            if let_in:
                connected.append(clock.now_s)
                continue
            own.failed()
        heapq.heappush(waiting, (clock.now_s + WINNER_EVERY_S, number, own))
    later = Counter(int(one) for one in tries if one)
    half = connected[environments // 2] if len(connected) > environments // 2 else float("inf")
    whole = float("inf") if waiting else clock.now_s
    return half, whole, len(tries), max(later.values(), default=0)


def main() -> None:
    """Print the table."""
    usual = Settings()
    base_ms, cap_ms = usual.kafka_backoff_base_ms, usual.kafka_backoff_cap_ms
    print("| environments | wait | half, s | all, s | tries each | most in a later second |")
    print("| --- | --- | --- | --- | --- | --- |")
    for environments in ENVIRONMENTS:
        for name, cap in (("doubled", cap_ms), ("always the first", base_ms)):
            half, last, tries, most = storm(environments, base_ms, cap)
            shown = [f"{one:.0f}" if one < GIVEN_UP_S else "never" for one in (half, last)]
            print(f"| {environments:,} | {name} | {' | '.join(shown)} | {tries / environments:.1f} | {most:,} |")


if __name__ == "__main__":
    main()
