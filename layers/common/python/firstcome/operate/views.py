"""What an operator looks at: events, winners, what was issued when, and who did what. None of it changes anything."""

from contextlib import suppress
from typing import Any

from firstcome.ledger.views import Listed, Winner
from firstcome.operate.arguments import Input
from firstcome.operate.bounded import SAID_MAX_LENGTH
from firstcome.operate.fields import LIST_LIMIT
from firstcome.operate.pages import page
from firstcome.operate.shown import find_event, show_event, show_operation
from firstcome.retry import operations
from firstcome.rules import TIME_MIN_MS, BadInput, OperationStatus, Unavailable, rfc3339
from firstcome.stores import Stores

SECONDS_LIMIT = 3_600  # an hour of seconds in one answer: more than a chart has points


def list_events(stores: Stores, given: Input) -> dict[str, Any]:
    """List events by id, with state, window and counts that cost one look each; `show` counts the rows.

    Where Redis is away, `gate` says so once, and the other counts are shown.
    """
    limit = given.get("limit", LIST_LIMIT)
    found = stores.ledger.list_events(given.get("after", ""), given.get("state"), limit + 1)
    gates = _Gates(stores)
    answer = page(found, limit, lambda one: _listed(one, gates), lambda one: one.event.event_id)
    return answer | ({"gate": gates.away} if gates.away else {})


class _Gates:
    """The gates of a list's events; once Redis has not answered, it is not asked again."""

    def __init__(self, stores: Stores) -> None:
        self.stores = stores
        self.away = ""

    def counts(self, event_id: str) -> dict[str, int] | None:
        if self.away:
            return None
        try:
            view = self.stores.gate.show(event_id)
        except Unavailable as trouble:
            self.away = f"away: {trouble}"[:SAID_MAX_LENGTH]
            return None
        return None if view is None else {"remaining": view.remaining, "pending": view.pending}


def _listed(one: Listed, gates: _Gates) -> dict[str, Any]:
    return show_event(one.event) | {
        "highest_ticket": one.highest_ticket,
        "failed": {"waiting": one.waiting, "dead": one.dead},
        "gate": gates.counts(one.event.event_id),
    }


def winners(stores: Stores, given: Input) -> dict[str, Any]:
    """List an event's coupon rows by ticket, beginning after `after`."""
    event, limit = find_event(stores, given["event_id"]), given.get("limit", LIST_LIMIT)
    found = stores.ledger.winners(event.event_id, given.get("after", 0), limit + 1)
    return page(found, limit, lambda one: show_winner(one) | {"code": one.code}, lambda one: one.ticket)


def show_winner(one: Winner) -> dict[str, Any]:
    """Return a coupon row as the answers show it; its code is added where the table hides it."""
    redeemed = None if one.redeemed_at_ms is None else {"at": rfc3339(one.redeemed_at_ms), "by": one.redeemed_by}
    return {
        "ticket": one.ticket,
        "user_id": one.user_id,
        "applied_at": rfc3339(one.applied_at_ms),
        "issued_at": rfc3339(one.issued_at_ms),
        "has_code": one.code is not None,
        "redeemed": redeemed,
    }


def issued(stores: Stores, given: Input) -> dict[str, Any]:
    """List the seconds in which coupons of the event were issued, and how many in each, for a chart."""
    event, after = find_event(stores, given["event_id"]), given.get("after")
    from_ms = TIME_MIN_MS if after is None else after + 1_000
    found = stores.ledger.issued_per_second(event.event_id, from_ms, SECONDS_LIMIT + 1)
    return page(found, SECONDS_LIMIT, lambda one: [rfc3339(one[0]), one[1]], lambda one: rfc3339(one[0]))


def history(stores: Stores, given: Input) -> dict[str, Any]:
    """List what was asked for, the newest first, of one event or of all."""
    limit = given.get("limit", LIST_LIMIT)
    found = stores.ledger.operations(given.get("event_id"), limit + 1, given.get("after"))
    return page(found, limit, show_operation, lambda one: one.id)


def operation(stores: Stores, given: Input) -> dict[str, Any]:
    """Show one operation, with what it came to; where it takes long and nobody works on it, do so for a while."""
    found = stores.ledger.operation_of_id(given["id"])
    if found is not None and found.status is OperationStatus.WORKING:
        with suppress(Unavailable):  # the row is what counts, and it is due again
            operations.work_off(stores, operations.deadline(stores.settings.operation_ask_ms), found.id, asked=True)
        found = stores.ledger.operation_of_id(found.id)
    if found is None:
        raise BadInput("unknown_operation", f"there is no operation {given['id']}: history names those that there are")
    return {"operation": show_operation(found) | {"answer": found.answer}}
