"""The protocol keeps its promise in every state of these worlds, and each of its rules is needed."""

from __future__ import annotations

import pytest

from tests.model.protocol import explore
from tests.model.state import Broken, World

# The number of states is part of each law: a change of the model that loses some of them shows.
WHOLE = {
    "crashes": (World(3, 2, two_callers=True), 2_339),
    "one loss": (World(3, 2, losses=1, two_callers=True), 8_859),
    "two losses": (World(2, 2, losses=2, two_callers=True), 17_562),
    "a late record": (World(2, 2, losses=1, late=True), 20_854),
    "one failover": (World(2, 1, failovers=1), 1_756),
    "one failover, two callers": (World(2, 1, failovers=1, two_callers=True), 15_426),
    "a loss and a failover": (World(2, 1, losses=1, failovers=1), 4_475),
    "poison": (World(2, 1, poison=True, two_callers=True), 6_704),
    "poison, two tickets": (World(2, 2, poison=True), 8_660),
    "poison and a loss": (World(2, 1, losses=1, poison=True), 2_614),
}

# The smallest world in which each broken rule shows.
NEEDED = {
    Broken.NO_RECONCILE: World(2, 1, failovers=1, broken=Broken.NO_RECONCILE),
    Broken.RECONCILE_BLIND: World(2, 1, failovers=1, two_callers=True, broken=Broken.RECONCILE_BLIND),
    Broken.RESTORE_ROWS_FIRST: World(2, 1, losses=1, two_callers=True, broken=Broken.RESTORE_ROWS_FIRST),
    Broken.RESTORE_UNFENCED: World(2, 1, losses=1, two_callers=True, broken=Broken.RESTORE_UNFENCED),
    Broken.RESTORE_STALE: World(2, 2, losses=2, two_callers=True, broken=Broken.RESTORE_STALE),
    Broken.LEARN_LEAVES_GAPS: World(2, 2, losses=1, late=True, broken=Broken.LEARN_LEAVES_GAPS),
    Broken.LEARN_UNFENCED: World(3, 2, losses=1, two_callers=True, broken=Broken.LEARN_UNFENCED),
    Broken.SETTLE_FIRST: World(1, 1, broken=Broken.SETTLE_FIRST),
    Broken.OFFSET_FIRST: World(2, 1, losses=1, broken=Broken.OFFSET_FIRST),
    Broken.NO_READ_BACK: World(2, 1, failovers=1, broken=Broken.NO_READ_BACK),
    Broken.TIMEOUT_IS_FAILURE: World(2, 1, broken=Broken.TIMEOUT_IS_FAILURE),
    Broken.REFUSE_GATE_ONLY: World(1, 1, poison=True, broken=Broken.REFUSE_GATE_ONLY),
    Broken.REFUSALS_UNHEARD: World(2, 1, poison=True, broken=Broken.REFUSALS_UNHEARD),
}


@pytest.mark.parametrize(("world", "states"), WHOLE.values(), ids=WHOLE)
def test_the_promise_holds_in_every_state(world: World, states: int) -> None:
    found = explore(world)
    assert not found.faults
    assert (found.states, found.complete) == (states, True)


@pytest.mark.parametrize("broken", Broken)
def test_every_rule_is_needed(broken: Broken) -> None:
    """Without it, a law is broken, and the steps that lead there are named."""
    found = explore(NEEDED[broken], until_fault=True)
    assert found.faults, f"{broken} is not found in {found.states} states"
    assert all(found.faults.values())
