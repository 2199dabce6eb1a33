"""Bring an event to where an erasure finds it, and read all that the ledger says of people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from firstcome.ledger.failed_events import Failure, Source
from firstcome.rules import BadInput, FailedStatus, Reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.world import World

TABLES = ("coupon_event", "coupon", "coupon_code", "redemption", "refusal", "failed_event")

SOURCE = Source("coupon_create", 0, 7, 1_700_000_000_000)


def end(world: World) -> None:
    """End the event, longer ago than its retention: its gate goes as a whole."""
    outlive(world)
    assert world.operate("expire")["gate"] == "EXPIRING"
    assert world.stores.gate.show(world.event_id) is None


def outlive(world: World) -> None:
    """End the event, longer ago than its retention; nothing has let the gate go."""
    world.operate("end")
    with world.stores.ledger.connect() as connection, connection.cursor() as cursor:
        past = "UPDATE coupon_event SET ended_at = UTC_TIMESTAMP(3) - INTERVAL 40 DAY WHERE event_id = %s"
        cursor.execute(past, (world.event_id,))


def everything(world: World) -> str:
    """Return every row of the ledger as text: what somebody reads who looks for a name."""
    found = []
    with world.stores.ledger.connect() as connection, connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"SELECT * FROM {table}")
            found += [repr(row) for row in cursor.fetchall()]
    return "\n".join(found)


def fail(world: World, user_id: str | None, payload: bytes, status: FailedStatus, source: Source | None = None) -> None:
    """Store a failed row of this event, and bring it into a status."""
    known = (world.event_id, user_id, None if user_id is None else 3, None)
    failure = Failure(Reason.LEDGER_REJECTED, f"the server said {user_id}", payload, *known, source)
    ledger = world.stores.ledger
    assert ledger.write([], [failure]).stored == 1
    with ledger.connect() as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE failed_event SET status = %s WHERE payload = %s", (status, payload))


def code(call: Callable[[], Any]) -> str:
    """Return what the operator is told."""
    with pytest.raises(BadInput) as told:
        call()
    return told.value.code
