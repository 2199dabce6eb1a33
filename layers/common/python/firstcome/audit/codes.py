"""How far an event has its codes. No answer holds one."""

from typing import Any

from firstcome.ledger.codes import TICKETS_SHOWN, CodeCounts
from firstcome.ledger.events import Event
from firstcome.stores import Stores


def progress(stores: Stores, event: Event) -> dict[str, Any] | None:
    """Return how many tickets have a code; None where the event has none at all."""
    return _shown(stores.ledger.count_codes(event.event_id), event)


def missing(stores: Stores, event: Event) -> dict[str, Any] | None:
    """Return what an audit says of the codes: coupons without one are no breach of the promise, and are named."""
    counts = stores.ledger.count_codes(event.event_id)
    found = _shown(counts, event)
    if found is None:
        return None
    found["issued_without_code"] = counts.issued_without
    if counts.issued_without:
        found |= {
            "tickets": stores.ledger.issued_without_code(event.event_id),
            "what": f"coupons without a code; the first {TICKETS_SHOWN} are named",
            "command": "upload_codes",
        }
    return found


def _shown(counts: CodeCounts, event: Event) -> dict[str, Any] | None:
    return {"uploaded": counts.uploaded, "of": event.capacity} if counts.any else None
