"""The outage that is long by nature: `make test-faults-long`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults.faults import away
from tests.faults.town import WHOLE_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.faults.town import Town


@pytest.mark.parametrize("coupons", [100, 1_000])
def test_a_broker_killed_for_130_s_in_a_burst_costs_no_coupon(
    town: Town, coupons: int, wait_until: Callable[..., None]
) -> None:
    """Longer than every client's patience; and all coupons are given before the broker is back, by the sweep."""
    town.open(coupons)
    with away(town.servers.kafka, town, 130):
        told = town.rush(coupons + 200)
        wait_until(
            lambda: town.sweeps() == 0 and town.count() == coupons, "every ticket is a coupon", timeout_s=WHOLE_S
        )
        assert not town.servers.kafka.running
    assert {one.answer.status for one in told} <= {202, 409}, "the outage is nobody's business"
    town.assert_promise()
