"""The protocol keeps its promise in every state of these worlds, and each of its rules is needed."""

from __future__ import annotations

import pytest

from tests.model.protocol import explore
from tests.model.state import Broken, World

# The number of states is part of each law: a change of the model that loses some of them shows.
WHOLE = {
    "crashes": (World(3, 2, two_callers=True), 2_593),
    "one loss": (World(3, 2, losses=1, two_callers=True), 14_360),
    "two losses": (World(2, 2, losses=2, two_callers=True), 30_267),
    "a late record": (World(2, 2, losses=1, late=True), 30_427),
    "one failover": (World(2, 1, failovers=1), 2_297),
    "one failover, two callers": (World(2, 1, failovers=1, two_callers=True), 20_473),
    "a loss and a failover": (World(2, 1, losses=1, failovers=1), 7_420),
    "keys lost, twice": (World(2, 1, key_losses=2), 747),
    "keys lost, two tickets": (World(2, 2, key_losses=1, two_callers=True), 47_990),
    "keys lost, twice, and everything": (World(2, 1, key_losses=2, losses=1, two_callers=True), 8_564),
    "keys, then everything": (World(2, 2, key_losses=1, losses=1), 22_576),
    "keys lost, poison": (World(2, 1, key_losses=1, poison=True), 11_385),
    "keys lost, and a failover": (World(2, 1, key_losses=1, failovers=1), 19_895),
    "old scripts": (World(2, 2, old_scripts=2), 3_213),
    "poison": (World(2, 1, poison=True, two_callers=True), 6_772),
    "poison, two tickets": (World(2, 2, poison=True), 8_893),
    "poison and a loss": (World(2, 1, losses=1, poison=True), 3_194),
    "turns": (World(3, 2, turns=True), 1_264),
    "turns and a loss": (World(2, 1, losses=1, turns=True, two_callers=True), 709),
    "turns, and keys lost": (World(2, 1, key_losses=1, turns=True), 714),
    "turns and a failover": (World(2, 1, failovers=1, turns=True), 2_503),
    "turns and poison": (World(2, 1, turns=True, poison=True), 864),
    "a revocation": (World(2, 1, revocations=1, two_callers=True), 8_429),
    "a revocation, two tickets": (World(2, 2, revocations=1), 17_549),
    "a revocation and a loss": (World(2, 1, revocations=1, losses=1, two_callers=True), 52_646),
    "a revocation and a failover": (World(2, 1, revocations=1, failovers=1), 52_785),
}

# The smallest world in which each broken rule shows.
NEEDED = {
    Broken.NO_RECONCILE: World(2, 1, failovers=1, broken=Broken.NO_RECONCILE),
    Broken.RECONCILE_BLIND: World(2, 1, failovers=1, two_callers=True, broken=Broken.RECONCILE_BLIND),
    Broken.RESTORE_ROWS_FIRST: World(2, 1, losses=1, two_callers=True, broken=Broken.RESTORE_ROWS_FIRST),
    Broken.RESTORE_LIVING: World(2, 1, losses=1, two_callers=True, broken=Broken.RESTORE_LIVING),
    Broken.RESTORE_STALE: World(2, 2, losses=2, two_callers=True, broken=Broken.RESTORE_STALE),
    Broken.LEARN_LEAVES_GAPS: World(2, 2, losses=1, late=True, broken=Broken.LEARN_LEAVES_GAPS),
    Broken.LEARN_WHILE_LOST: World(3, 2, losses=1, two_callers=True, broken=Broken.LEARN_WHILE_LOST),
    Broken.SETTLE_FIRST: World(1, 1, broken=Broken.SETTLE_FIRST),
    Broken.OFFSET_FIRST: World(2, 1, losses=1, broken=Broken.OFFSET_FIRST),
    Broken.NO_READ_BACK: World(2, 1, failovers=1, broken=Broken.NO_READ_BACK),
    Broken.TIMEOUT_IS_FAILURE: World(2, 1, broken=Broken.TIMEOUT_IS_FAILURE),
    Broken.REFUSE_GATE_ONLY: World(1, 1, poison=True, broken=Broken.REFUSE_GATE_ONLY),
    Broken.REFUSALS_UNHEARD: World(2, 1, poison=True, broken=Broken.REFUSALS_UNHEARD),
    Broken.NOTHING_COMPARED: World(1, 1, key_losses=1, losses=1, broken=Broken.NOTHING_COMPARED),
    Broken.COMPARED_WHERE_READ: World(3, 2, key_losses=1, broken=Broken.COMPARED_WHERE_READ),
    Broken.SIZES_BY_LENGTH: World(2, 2, key_losses=1, losses=1, broken=Broken.SIZES_BY_LENGTH),
    Broken.OLD_SCRIPTS_UNSEEN: World(2, 2, old_scripts=1, broken=Broken.OLD_SCRIPTS_UNSEEN),
    Broken.SURVIVORS_DROPPED: World(2, 1, key_losses=1, broken=Broken.SURVIVORS_DROPPED),
    Broken.TURN_UNHEEDED: World(1, 1, turns=True, broken=Broken.TURN_UNHEEDED),
    Broken.TURN_AFTER_TICKET: World(1, 1, turns=True, broken=Broken.TURN_AFTER_TICKET),
    Broken.RESTORE_WITHOUT_TURNS: World(1, 1, losses=1, turns=True, broken=Broken.RESTORE_WITHOUT_TURNS),
    Broken.REFUSALS_FIRST: World(2, 1, revocations=1, losses=1, two_callers=True, broken=Broken.REFUSALS_FIRST),
    Broken.CODE_UNSPENT: World(2, 1, revocations=1, broken=Broken.CODE_UNSPENT),
    Broken.REVOKE_REDEEMED: World(1, 1, revocations=1, broken=Broken.REVOKE_REDEEMED),
    Broken.REDEEM_UNLOCKED: World(1, 1, revocations=1, two_callers=True, broken=Broken.REDEEM_UNLOCKED),
}


@pytest.mark.parametrize(("world", "states"), WHOLE.values(), ids=WHOLE)
def test_the_promise_holds_in_every_state(world: World, states: int) -> None:
    """All states of the set-up are explored, their number is known, and no law is broken in any."""
    found = explore(world)
    assert not found.faults
    assert (found.states, found.complete) == (states, True)


@pytest.mark.parametrize("broken", Broken)
def test_every_rule_is_needed(broken: Broken) -> None:
    """Without it, a law is broken, and the steps that lead there are named."""
    found = explore(NEEDED[broken], until_fault=True)
    assert found.faults, f"{broken} is not found in {found.states} states"
    assert all(found.faults.values())
