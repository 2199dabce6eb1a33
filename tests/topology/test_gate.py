"""Redis fails over to a replica: exactly N coupons, one each, and nobody lost who was accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.faults.conftest import ENVIRONMENTS
from tests.faults.faults import under
from tests.faults.test_redis import Everybody
from tests.topology import faults

if TYPE_CHECKING:
    from tests.faults.faults import Fault
    from tests.faults.town import Town

COUPONS = 60
EARLY = 20
MEANWHILE = 30

FAILOVERS = under(faults.the_primary_dies_in_a_burst, faults.the_primary_dies_and_its_replica_lacks_writes)


@FAILOVERS
def test_a_burst_ends_whole_where_redis_is_a_pair(town: Town, fault: Fault) -> None:
    """As it is deployed: one name, which is moved to the replica."""
    ends_whole(town, fault)


@FAILOVERS
def test_a_burst_ends_whole_where_redis_is_a_cluster(clustered: Town, fault: Fault) -> None:
    """The other masters elect the replica, and every client finds it."""
    ends_whole(clustered, fault)


def ends_whole(town: Town, fault: Fault) -> None:
    """Hold the end of a rush to the promise; the number of a ticket whose holder was forgotten is not promised."""
    town.open(COUPONS)
    town.rush(EARLY)
    remembered = set(town.promised())
    with fault(town):
        town.rush(MEANWHILE, threads=ENVIRONMENTS)
    figures = town.assert_promise(failed=None, reassigned=Everybody(but=remembered))
    assert figures["rows"] == COUPONS
