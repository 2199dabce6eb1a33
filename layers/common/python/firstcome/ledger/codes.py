"""Codes: what a coupon is, where an event has them. Line i of the upload is ticket i's code.

Nothing allocates a code: the ticket does, so there is no race for it. A code is told by joining a coupon row and by
nothing else, to its owner and the back end. What a server says of a statement may quote it, so that is told to nobody.
"""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import pymysql

from firstcome.ledger.database import Connection, Database
from firstcome.ledger.errors import code_of
from firstcome.ledger.statements import statements
from firstcome.rules import BadInput

AT_A_TIME = 1_000  # codes of one statement: 150 KB, which every server takes
TICKETS_SHOWN = 20  # of those that an error or a report names; it says how many there are

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Uploaded:
    """What an upload came to."""

    new: int
    unchanged: int  # had this code already


@dataclass(frozen=True, slots=True)
class CodeCounts:
    """How far an event has codes."""

    any: bool  # the event has codes, be they spent
    uploaded: int  # tickets that have one
    issued_without: int  # coupons that have none
    redeemed: int  # coupons that are redeemed, with a code or without


def quoting_nothing(work: Callable[[Connection], _T]) -> Callable[[Connection], _T]:
    """Return `work`, with errors of the server that keep their number and lose their text: it may quote a code."""

    def careful(connection: Connection) -> _T:
        try:
            return work(connection)
        except pymysql.Error as error:
            silent = type(error)(code_of(error), "its words are left out: they may quote a code")
            silent.__context__ = error.__context__  # `Database` tells a timeout by it
        raise silent

    return careful


def upload_codes(ledger: Database, event_id: str, first_ticket: int, codes: Sequence[str]) -> Uploaded:
    """Give the tickets from `first_ticket` on these codes, all of them or none; repeated, it changes nothing.

    Raises `BadInput` where there is no such event, a ticket is beyond its capacity, or has another code, or where a
    code is there twice: in this upload, or as another ticket's. It names tickets, and no code.
    """
    chunk = [(first_ticket + n, code.encode("ascii").hex()) for n, code in enumerate(codes)]
    parts = [json.dumps(chunk[n : n + AT_A_TIME]) for n in range(0, len(chunk), AT_A_TIME)]

    def work(connection: Connection) -> Uploaded:
        capacity = statements.capacity_locked(connection, event_id=event_id)
        if capacity is None:
            raise BadInput("unknown_event", f"there is no event {event_id}")
        if first_ticket + len(codes) - 1 > capacity:
            raise BadInput(
                "beyond_capacity",
                f"{event_id} has {capacity} coupons: {len(codes)} codes from ticket {first_ticket} on are too many",
            )
        known = [row for part in parts for row in statements.known_codes(connection, event_id=event_id, batch=part)]
        _check(chunk, known)
        new = [row for row, (_, same, *_) in zip(chunk, known, strict=True) if same is None]
        for n in range(0, len(new), AT_A_TIME):
            statements.insert_codes(connection, event_id=event_id, batch=json.dumps(new[n : n + AT_A_TIME]))
        return Uploaded(len(new), len(chunk) - len(new))

    return ledger.transact(quoting_nothing(work))


def count_codes(ledger: Database, event_id: str) -> CodeCounts:
    """Return how far the event has codes."""
    uploaded, without, any_, redeemed = ledger.read(
        lambda connection: statements.count_codes(connection, event_id=event_id)
    )
    return CodeCounts(bool(any_), uploaded, without if any_ else 0, redeemed)


def issued_without_code(ledger: Database, event_id: str) -> list[int]:
    """Return the first `TICKETS_SHOWN` tickets with a coupon row and no code."""
    found = ledger.read(
        lambda connection: statements.issued_without_code(connection, event_id=event_id, page=TICKETS_SHOWN)
    )
    return [ticket for (ticket,) in found]


def _check(chunk: Sequence[tuple[int, str]], known: Sequence[tuple[int, int | None, bool, bool]]) -> None:
    """Raise `BadInput` naming the tickets whose codes cannot be theirs."""
    times = Counter(code for _, code in chunk)
    twice = [ticket for ticket, code in chunk if times[code] > 1]
    elsewhere = [ticket for ticket, same, _, _ in known if same not in (None, ticket)]
    others = [ticket for ticket, same, _, has_one in known if same is None and has_one]
    for code, tickets, what in (
        ("duplicate_codes", twice, "have a code that stands twice in this upload"),
        ("duplicate_codes", elsewhere, "have a code that is, or was, another ticket's"),
        ("has_code", others, "have another code already: a code is never replaced"),
    ):
        if tickets:
            raise BadInput(code, f"nothing was uploaded: {_named(tickets)} {what}")


def _named(tickets: Sequence[int]) -> str:
    more = f" and {len(tickets) - TICKETS_SHOWN} more" if len(tickets) > TICKETS_SHOWN else ""
    return f"tickets {', '.join(str(one) for one in tickets[:TICKETS_SHOWN])}{more}"
