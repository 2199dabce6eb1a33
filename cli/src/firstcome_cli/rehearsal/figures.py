"""What a rehearsal came to, in figures."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from firstcome_cli.rehearsal.crowd import UNKNOWN, Told

QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest value that at least this share of the ordered values does not exceed; 0 of none."""
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)] if ordered else 0.0


def milliseconds(values: Sequence[float]) -> dict[str, float]:
    """Return the quantiles of seconds, in milliseconds."""
    ordered = sorted(values)
    return {name: round(1000 * quantile(ordered, share), 1) for name, share in QUANTILES.items()}


def per_second(told: Sequence[Told]) -> dict[int, Counter[str]]:
    """Return the answers of each second, by outcome."""
    found: dict[int, Counter[str]] = {}
    for one in told:
        found.setdefault(int(one.told_s), Counter())[one.outcome] += 1
    return dict(sorted(found.items()))


def figures(told: Sequence[Told]) -> dict[str, Any]:
    """Return the figures of the crowd."""
    tickets = [one.ticket for one in told if one.ticket is not None]
    return {
        "answers": dict(Counter(one.outcome for one in told).most_common()),
        "winners": len(tickets),
        "distinct_tickets": len(set(tickets)),
        "latency_ms": milliseconds([one.latency_s for one in told]),
        "sender_lag_ms": milliseconds([one.lag_s for one in told]),
        "most_per_second": max((sum(by.values()) for by in per_second(told).values()), default=0),
        "seconds": round(max((one.told_s for one in told), default=0.0), 1),
    }


def problems(found: Mapping[str, Any], audit: Mapping[str, Any], capacity: int) -> list[str]:
    """Return what contradicts the promise, a sentence each."""
    said = [f"{one['invariant']}: {one['what']}" for one in audit["findings"]]
    if found["winners"] != found["distinct_tickets"]:
        said.append(f"{found['winners']} winners were told {found['distinct_tickets']} different tickets")
    if found["winners"] > capacity:
        said.append(f"{found['winners']} people were told that they won {capacity} coupons")
    if found["winners"] < capacity and "sold_out" in found["answers"] and UNKNOWN not in found["answers"]:
        said.append(f"only {found['winners']} of {capacity} coupons were given, and somebody was told sold_out")
    return said
