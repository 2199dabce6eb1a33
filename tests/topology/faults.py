"""What happens to servers that have replicas: each fault lasts as long as its `with`; who died stays dead."""

from __future__ import annotations

import itertools
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dev.process import wait_until
from tests.topology import gates
from tests.topology.brokers import partition_of
from tests.topology.servers import Topology

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.faults.town import Town

ANSWERS_BEFORE = 20  # of a rush: the fault comes in the middle of it
FORGOTTEN = 10  # people who have a row, and of whom the replica never heard
DOOMED = 1  # a broker
NOBODY = -1  # who leads a partition that nobody leads


def servers_of(town: Town) -> Topology:
    """Return the servers of this cloud."""
    assert isinstance(town.servers, Topology)
    return town.servers


# --- Kafka -----------------------------------------------------------------------------------------------------------


@contextmanager
def a_broker_is_lost_in_a_burst(town: Town) -> Iterator[None]:
    """It is killed and stays away; what it led is led by others, once the controller has missed it for long enough."""
    brokers = servers_of(town).brokers
    with town.once(ANSWERS_BEFORE, lambda: brokers.brokers[DOOMED].stop(kill=True)):
        yield
    brokers.wait_for(lambda _, about: about["leader_id"] not in (DOOMED, NOBODY), "led by others")


@contextmanager
def every_leader_moves_in_a_burst(town: Town) -> Iterator[None]:
    """Somebody has each partition led by another of its replicas, which all are alive."""
    brokers = servers_of(town).brokers
    with town.once(ANSWERS_BEFORE, lambda: brokers.move_leaders(town.settings.kafka_topic)):
        yield


def led_by(town: Town, number: int) -> Iterator[str]:
    """Yield newcomers whose records this broker leads."""
    settings = town.settings
    led = {
        at.partition
        for at, about in servers_of(town).brokers.partitions(settings.kafka_topic).items()
        if about["leader_id"] == number
    }
    assert led, f"broker {number} leads something"
    for _ in itertools.count():
        [user_id] = town.newcomers(1)
        if partition_of(user_id, settings.kafka_partitions) in led:
            yield user_id


# --- Redis -----------------------------------------------------------------------------------------------------------


@contextmanager
def the_primary_dies_in_a_burst(town: Town) -> Iterator[None]:
    """Its replica has all but what was on the way."""
    gate = servers_of(town).gate
    primary, replica = gate.holders(town.event_id)
    wait_until(lambda: gates.has_all(primary, replica), "the replica has what its primary has")

    def fail_over() -> None:
        primary.stop(kill=True)
        gate.promote(replica)

    with town.once(ANSWERS_BEFORE, fail_over):
        yield


@contextmanager
def the_primary_dies_and_its_replica_lacks_writes(town: Town) -> Iterator[None]:
    """Whoever came since the link was cut is forgotten; their records and rows are not.

    Some of them have their rows before it dies, so that nothing but a reconcile can teach the gate of them.
    """
    gate = servers_of(town).gate
    primary, replica = gate.holders(town.event_id)
    gates.cut_off(primary, replica)
    town.rush(FORGOTTEN)

    def issued() -> bool:
        town.sweeps()  # whoever was only told "reserved", as on a machine that is busy
        return town.count() == len(town.promised())

    wait_until(issued, "everybody has a row so far")

    def fail_over() -> None:
        written = gates.offset(primary)
        primary.stop(kill=True)
        replica.resume()
        assert gates.offset(replica) < written, "the replica lacks writes"
        gate.promote(replica)

    with town.once(ANSWERS_BEFORE, fail_over):
        yield
