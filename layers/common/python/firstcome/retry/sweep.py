"""Sweep: issue again, straight into the ledger, the tickets that have been pending for too long."""

from collections.abc import Callable, Iterator

from firstcome.issue import issue
from firstcome.ledger.coupons import Claim
from firstcome.rules import Unavailable
from firstcome.runtime.telemetry import logger
from firstcome.settings import Settings
from firstcome.stores import Stores
from firstcome.stream.reader import Backlog, StreamReader

# Later than any ticket: nothing is unread, so nothing explains a pending ticket.
EVERYTHING_READ = 2**53


def backlog(reader: StreamReader) -> Backlog | None:
    """Return what is unread; None where the stream cannot be read."""
    try:
        return reader.backlog()
    except Unavailable:
        return None


def bounds(unread: Backlog | None, settings: Settings) -> tuple[int, int]:
    """Return how old a pending ticket must be (ms), and the time before which it must have been accepted (ms).

    A ticket no older than the oldest unread record waits in the stream: consume will write it. Where the stream
    cannot be read, only age is left to go by, and more of it is asked for.
    """
    if unread is None:
        return settings.sweep_overdue_blind_ms, EVERYTHING_READ
    return settings.sweep_overdue_ms, EVERYTHING_READ if unread.oldest_ms is None else unread.oldest_ms


def sweep(stores: Stores, event_id: str, explained: tuple[int, int], *, stop: Callable[[], bool]) -> Iterator[int]:
    """Issue the event's overdue tickets batch by batch; yield how many tickets each batch swept.

    `explained`: the `bounds`. Raises `Unavailable` where gate or ledger cannot answer. What was swept until then stays.
    """
    overdue_ms, not_after_ms = explained
    while not stop():
        overdue = stores.gate.overdue(event_id, overdue_ms, not_after_ms, stores.settings.sweep_batch)
        claims = [Claim(ticket) for ticket in overdue]
        if not claims or not issue(stores.ledger, stores.gate, claims).gate_updated:
            return  # not told: they are still pending there, and the next run sees the same ones
        # Who applied for them stands in apply's log, by event and ticket.
        logger.info("swept", extra={"event_id": event_id, "tickets": [one.number for one in overdue]})
        yield len(overdue)
