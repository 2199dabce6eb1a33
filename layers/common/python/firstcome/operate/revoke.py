"""Revoke: take a coupon back from somebody who should not have it, such as a bot that was found after the rush."""

from typing import Any

from firstcome.operate.arguments import Input
from firstcome.operate.changes import REASON
from firstcome.rules import BadInput
from firstcome.stores import Stores


def revoke(stores: Stores, given: Input) -> dict[str, Any]:
    """Delete one person's coupon, and refuse them for good; the gate is told afterwards, as of a refusal.

    Repeated, it finds it done. Turned down where the coupon is redeemed.
    """
    event_id, user_id = given["event_id"], given["user_id"]
    done = stores.ledger.revoke(event_id, user_id, given.get("reason", REASON))
    if not done.done and done.ticket is not None:
        raise BadInput("redeemed", f"ticket {done.ticket} is redeemed: the shop takes the redemption back first")
    if not done.done:
        raise BadInput("no_coupon", f"this person has no coupon of {event_id}: `refuse` is for those")
    return {"event_id": event_id, "user_id": user_id, "ticket": done.ticket, "code_spent": done.code_spent}
