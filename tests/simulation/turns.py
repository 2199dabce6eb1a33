"""An event with turns in the simulation: some people's have passed, the others' come when an hour passes."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from tests.turns import HOUR_MS, OPENED_AGO_MS, is_early

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.world import World


def open_with_turns(world: World, capacity: int, people: Sequence[str], early: Sequence[str]) -> None:
    """Open the event by a secret that draws `early` a late turn, and the others one that has passed."""
    world.create(capacity, opens_in_ms=-OPENED_AGO_MS, spread_ms=HOUR_MS)
    secret = next(
        secret
        for secret in (number.to_bytes(32) for number in count())
        if all(is_early(world.event_id, user, secret) == (user in early) for user in people)
    )
    _change_event(world, "turn_secret = %s", secret)
    world.operate("open")


def let_an_hour_pass(world: World) -> None:
    """Let every turn come: the opening is that much longer ago, as the gate hears by the next version."""
    _change_event(world, "opens_at = opens_at - INTERVAL 1 HOUR")


def _change_event(world: World, change: str, *values: object) -> None:
    with world.stores.ledger.connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE coupon_event SET {change}, config_version = config_version + 1 WHERE event_id = %s",
            (*values, world.event_id),
        )
        connection.commit()
