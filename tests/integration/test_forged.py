"""A record that another producer forged: what it gets, and what the keys of the ledger keep it from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from firstcome.rules import FailedStatus

if TYPE_CHECKING:
    from tests.world import World


def test_a_forged_record_takes_a_coupon_and_never_adds_one(world: World) -> None:
    """Whoever may write into the topic may name a winner; the cap holds, and whose ticket it was gets another."""
    world = world.with_settings(sweep_overdue_ms=0)
    alice = world.apply("alice")
    world.consume(world.ticket("mallory", alice.number), *(world.ticket("mallory", n) for n in (2, 3, 4)))
    assert world.holders() == {"mallory": alice.number}, "one each, and the first that was read"
    world.consume(alice)
    world.retry()
    assert world.holders()["mallory"] == 1
    assert world.holders()["alice"] in {2, 3}
    world.consume(*(world.ticket(f"forged-{n}", n) for n in range(-1, 9)))
    assert sorted(world.holders().values()) == [1, 2, 3], "never more than there are"
    waiting = world.stores.ledger.list_failed(world.event_id, FailedStatus.WAITING, 100)
    assert {row.user_id for row in waiting} >= {"forged-1", "forged-8"}, "and the rest is seen"
