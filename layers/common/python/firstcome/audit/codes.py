"""How far an event has its codes. No answer holds one."""

from typing import Any

from firstcome.ledger.codes import TICKETS_SHOWN
from firstcome.ledger.events import Event
from firstcome.stores import Stores


def progress(stores: Stores, event: Event) -> dict[str, Any] | None:
    """Return how many tickets have a code; None where the event has none at all."""
    counts = stores.ledger.count_codes(event.event_id)
    return {"uploaded": counts.uploaded, "of": event.capacity} if counts.any else None


def missing(stores: Stores, event: Event) -> dict[str, Any] | None:
    """Return what an audit says of the codes: coupons without one are no breach of the promise, and are named."""
    found = progress(stores, event)
    if found is None:
        return None
    without = stores.ledger.count_codes(event.event_id).issued_without
    found["issued_without_code"] = without
    if without:
        found |= {
            "tickets": stores.ledger.issued_without_code(event.event_id),
            "what": f"coupons without a code; the first {TICKETS_SHOWN} are named",
            "command": "upload_codes",
        }
    return found
