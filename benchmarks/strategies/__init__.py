"""The ladder that tutorials climb, step by step, each as they write it, and what stands at its top.

A step is a module with `start(settings, capacity)`, which connects once and answers `apply(event_id, user_id)`; this
says whether the person was told yes. Where `apply` only writes into a topic, the module has `consume(settings)` too,
which answers what becomes of one record. A tutorial has one event and no column for it; here many rounds share the
tables.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Apply = Callable[[str, str], bool]
Consume = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Step:
    """One step: its module, its title, the table in which its coupons are, and its topic."""

    number: str
    module: str
    title: str
    table: str = "tutorial_coupon"
    topic: str = ""

    @property
    def ours(self) -> bool:
        """Whether it is firstcome."""
        return self.table == "coupon"

    @property
    def name(self) -> str:
        """Number and title."""
        return f"{self.number} {self.title}"


STEPS = (
    Step("1", "count_rows", "count rows, insert"),
    Step("2a", "for_update", "the same, FOR UPDATE"),
    Step("2b", "unique_key", "the same, unique key", table="tutorial_coupon_of_person"),
    Step("3", "incr", "INCR, insert"),
    Step("4", "incr_kafka", "INCR, Kafka", topic="tutorial_incr"),
    Step("5", "sadd_incr_kafka", "SADD, INCR, Kafka", topic="tutorial_sadd_incr"),
    Step("6", "firstcome_functions", "firstcome", table="coupon", topic="coupon_create"),
)
