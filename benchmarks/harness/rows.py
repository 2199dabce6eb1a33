"""What a benchmark measures: contenders side by side, round by round, and the ratios that are held to a bar.

A figure by itself says more about the machine than about the code. So every claim is a ratio of two contenders of the
same round; a row has as many ratios as rounds, and shows their median and how far they spread.
"""

from __future__ import annotations

import operator
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, TypeVar

T = TypeVar("T")

# A coupon's row, in the form of which pymysql's executemany makes one statement.
INSERT = "INSERT INTO coupon (event_id, ticket, user_id, applied_at, issued_at) VALUES (%s, %s, %s, %s, %s)"


@dataclass(frozen=True, slots=True)
class Bar:
    """The ratio of one contender to another that must be reached: at least, or at most, `limit`."""

    of: str
    to: str
    limit: float
    at_most: bool = False
    why_not: str = ""  # the reasoned explanation, where it is known that it cannot be reached

    def met(self, ratio: float) -> bool:
        """Return whether `ratio` reaches the bar."""
        return ratio <= self.limit if self.at_most else ratio >= self.limit

    def worst(self, ratios: Iterable[float]) -> float:
        """Return the one that is the farthest from what is wanted."""
        return max(ratios) if self.at_most else min(ratios)

    def __str__(self) -> str:
        return f"{self.of} {'≤' if self.at_most else '≥'} {self.limit:g} × {self.to}"  # noqa: RUF001  it multiplies


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the report. `values` has, by contender, one value for each round, in `unit`."""

    what: str
    unit: str
    values: dict[str, list[float]]
    bars: list[Bar] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)  # what the check of the results found: a fast wrong answer is wrong
    notes: list[str] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)  # what is plotted, or what another benchmark needs

    def ratios(self, bar: Bar) -> list[float]:
        """Return the ratio of each round."""
        return list(map(operator.truediv, self.values[bar.of], self.values[bar.to]))

    def ratio(self, bar: Bar) -> float:
        """Return the median of the rounds' ratios."""
        return median(self.ratios(bar))

    @property
    def ok(self) -> bool:
        """Whether the results were right and every bar is met, but for those with a reason."""
        return not self.wrong and all(bar.why_not or bar.met(self.ratio(bar)) for bar in self.bars)


def interleave(
    contenders: Mapping[str, Callable[[], T]], rounds: int, say: Callable[[str], None] = lambda _: None
) -> dict[str, list[T]]:
    """Let every contender measure itself once a round, each round in another order; return what they measured."""
    values: dict[str, list[T]] = {name: [] for name in contenders}
    names = list(contenders)
    for number in range(rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            say(f"round {number + 1} of {rounds}: {name}")
            values[name].append(contenders[name]())
    return values


def rate(work: Callable[[], object], count: int) -> float:
    """Do `work`, which is `count` of something, and return how many of them a second."""
    began = time.perf_counter()
    work()
    return count / (time.perf_counter() - began)


def markdown(head: Sequence[str], rows: Iterable[Iterable[str]], right: int = 0) -> str:
    """Return a table whose last `right` columns are figures."""
    rules = ["---"] * (len(head) - right) + ["---:"] * right
    return "".join(f"| {' | '.join(cells)} |\n".replace("  ", " ") for cells in (head, rules, *rows))
