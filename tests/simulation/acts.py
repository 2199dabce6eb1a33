"""What may happen in the simulation: a process, and what befalls it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Died(BaseException):
    """The process is no more. Not an `Exception`: nothing it runs may catch this."""


@dataclass(frozen=True)
class Fate:
    """What becomes of a process at one of its calls: it dies, or stalls while others act."""

    call: int  # counted from 0
    after: bool  # the call has been carried out
    meanwhile: tuple[Act, ...] = ()  # none: it dies


@dataclass(frozen=True)
class Act:
    """One process, from its start to its end; `who` and `how` are read by each in its own way."""

    what: str
    who: tuple[int, ...] = (0,)
    how: str = ""
    fate: Fate | None = None


def after(calls: int) -> Callable[[], bool]:
    """Return a `stop` that says so from that call on."""
    left = iter(range(calls))
    return lambda: next(left, None) is None
