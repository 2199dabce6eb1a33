"""What somebody was told, and when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dev.crowd import Answer


@dataclass(frozen=True, slots=True)
class Told:
    """One answer, and between which times it was asked for and given (monotonic, s)."""

    answer: Answer
    asked: float
    given: float

    @property
    def ticket(self) -> int | None:
        """The ticket that it promises; None where it promises none."""
        return self.answer.body["ticket"] if self.answer.status in (200, 202) else None

    @property
    def definite(self) -> bool:
        """Whether it is a yes or a no; the others are "try again", and the loss of the process that was asked."""
        return self.answer.status in (200, 202, 409)
