"""`expect_version`: what an operator has seen, while another one, or a restore, is at work."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

from firstcome.operate import changes
from firstcome.operate.actions import ACTIONS, act
from firstcome.operate.recorded import Decision
from firstcome.rules import BadInput
from firstcome.stores import Stores
from tests.integration.test_recorded import ANA, rows

if TYPE_CHECKING:
    import pytest

    from tests.world import World

MET_S = 1.0  # in which two who are let in at the same time meet


def test_of_two_at_the_same_moment_one_succeeds(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who looks at the version keeps it until they have decided: the other waits, and then reads `changed`."""
    seen = world.operate("show")["event"]["config_version"]
    both = threading.Barrier(2)

    def meets(stores: Stores, given: dict[str, Any]) -> dict[str, Any]:
        with suppress(threading.BrokenBarrierError):  # the other one is not let in: so it must be
            both.wait(MET_S)
        return changes.raise_capacity(stores, given)

    def raises(capacity: int) -> str:
        with closing(Stores.of(world.stores.settings)) as mine:
            order = {"action": "raise_capacity", "event_id": world.event_id, "expect_version": seen}
            try:
                return str(act(mine, order | {"capacity": capacity}, ANA)["gate"])
            except BadInput as refused:
                return refused.code

    monkeypatch.setitem(ACTIONS, "raise_capacity", Decision(meets, changes.tell))
    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(raises, (5, 6))) == ["UPDATED", "changed"]
    assert sorted(one.status for one in rows(world)[-2:]) == ["done", "refused"]
    assert world.operate("show")["event"]["config_version"] == seen + 1


def test_a_restore_is_nobodys_change(world: World) -> None:
    """An operator who looked before the gate was lost decides afterwards; the gate follows them."""
    seen = world.operate("show")["event"]["config_version"]
    world.lose_gate()
    assert world.with_settings(restore_wait_ms=0).operate("restore")["outcome"] == "restored"
    order = {"action": "pause", "event_id": world.event_id, "expect_version": seen}
    assert act(world.stores, order, ANA)["gate"] == "UPDATED"
    assert world.outcome("alice") == "PAUSED"
