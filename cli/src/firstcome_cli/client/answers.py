"""What the API answers, typed. A field that a later release adds is ignored; one that may be missing has a default."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

OVER = {"closed": "the event is over", "ended": "the event is over"}  # states in which nobody gets a ticket any more


class _Body:
    """An answer that is made of a JSON object."""

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Self:
        """Return the answer that the object holds; raise `TypeError` where a field without a default is missing."""
        names = {field.name for field in fields(cls)}  # type: ignore[arg-type]
        return cls(**{name: value for name, value in body.items() if name in names})


@dataclass(frozen=True, slots=True)
class Application(_Body):
    """A ticket that was given. `accepted`, or `reserved` where the record may have to be sent once more."""

    event_id: str
    user_id: str
    status: str
    ticket: int
    applied_at: str


@dataclass(frozen=True, slots=True)
class Standing(_Body):
    """How far an application has come: `pending`, `issued`, `failed` or `refused`."""

    event_id: str
    user_id: str
    status: str
    ticket: int | None = None
    applied_at: str | None = None
    issued_at: str | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Event(_Body):
    """An event as everybody may see it. `now` is the server's time; `turn_secret` is shown once the event has ended."""

    event_id: str
    name: str
    state: str
    capacity: int
    remaining: int
    opens_at: str
    closes_at: str
    now: str
    timezone: str = "UTC"
    spread_ms: int = 0
    turn_commitment: str | None = None
    turn_secret: str | None = None

    @property
    def over(self) -> tuple[str, str] | None:
        """Return the code and the sentence of a refusal that is certain without asking; None otherwise."""
        if self.state in OVER:
            return "closed", OVER[self.state]
        return ("sold_out", "every coupon is given away") if self.remaining == 0 and self.state == "open" else None


@dataclass(frozen=True, slots=True)
class Redemption(_Body):
    """A coupon that was redeemed. After an erasure it does not say whose it was."""

    event_id: str
    ticket: int | None = None
    user_id: str | None = None
    redeemed_at: str | None = None
