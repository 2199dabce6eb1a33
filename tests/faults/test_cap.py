"""I1: never more than N coupons, whatever dies: here, everything."""

from __future__ import annotations

import os
import random
from functools import partial
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.faults.town import Town

COUPONS = 100
PEOPLE = 400
PROCESSES = ["apply", "consume", "retry", "operate", "poller", "front"]
SEED = "FIRSTCOME_FAULT_SEED"  # runs one again: the moment, and the order in which they die


@pytest.mark.parametrize("attempt", [1, 2] if SEED not in os.environ else [1])
def test_everything_dies_at_random_and_all_coupons_are_given(town: Town, attempt: int) -> None:
    """All processes killed and all servers restarted; Redis has forgotten everything, and its gate is restored."""
    town.seed = int(os.environ.get(SEED) or random.randrange(2**32))
    print(f"{SEED}={town.seed}")
    chance = random.Random(town.seed)
    town.open(COUPONS)
    victims = [partial(town.kill, name) for name in PROCESSES]
    victims += [partial(server.stop, kill=True) for server in town.servers.ours.values()]
    chance.shuffle(victims)

    def disaster() -> None:
        for kill in victims:
            kill()
        for server in town.servers.ours.values():
            server.start()

    with town.once(chance.randrange(1, 2 * COUPONS), disaster):
        town.rush(PEOPLE)
    town.assert_promise(forgotten=True)


def test_every_process_is_killed_and_no_server(town: Town) -> None:
    """Then nothing at all is forgotten."""
    town.open(COUPONS)
    with town.once(COUPONS // 2, partial(town.kill, *PROCESSES)):
        town.rush(PEOPLE)
    town.assert_promise()
