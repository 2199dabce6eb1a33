"""Codes as the operator handles them: their upload. No answer holds one."""

from typing import Any

from firstcome.audit.codes import progress
from firstcome.operate.arguments import Input
from firstcome.stores import Stores

FIRST_TICKET = 1  # where an upload begins that does not say


def upload_codes(stores: Stores, given: Input) -> dict[str, Any]:
    """Give tickets their codes, line by line: all of them, or none. Repeated, it changes nothing."""
    event_id, first = given["event_id"], given.get("first_ticket", FIRST_TICKET)
    done = stores.ledger.upload_codes(event_id, first, given["codes"])
    event = stores.ledger.event(event_id)
    return {
        "event_id": event_id,
        "new": done.new,
        "unchanged": done.unchanged,
        "codes": None if event is None else progress(stores, event),
    }
