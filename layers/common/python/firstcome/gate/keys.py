"""The names of an event's keys in Redis; what each holds stands in keys.lua. They share a hash slot."""

from typing import NamedTuple


class Keys(NamedTuple):
    """The keys of one event, in the order in which the scripts take them."""

    event: str
    applied_user: str
    pending: str
    released: str
    winners: str


def keys_of(event_id: str) -> Keys:
    """Return the keys of one event."""
    # Spelled out: every application passes here, and a loop takes four times as long.
    of = f"coupon:{{{event_id}}}:"
    return Keys(of + "event", of + "applied_user", of + "pending", of + "released", of + "winners")


def secret_key(event_id: str, nonce: str) -> str:
    """Return a key at which one call leaves the secret of the turns for its script; it is no part of the gate."""
    return f"coupon:{{{event_id}}}:secret:{nonce}"


def lost_key(event_id: str) -> str:
    """Return the key that notes since when the gate has been lost; it is no part of the gate."""
    return f"coupon:{{{event_id}}}:lost"
