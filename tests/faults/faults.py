"""Faults by name: subject, verb, exact point. Each is a context manager around a rush; `nothing` is the control.

A test that is marked `@under(nothing, apply_dies_before_the_gate)` does its rush in `with fault(town):`.
"""

from __future__ import annotations

import os
import random
import signal
import time
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import pytest
from kafka import KafkaAdminClient

from dev.process import PATIENCE_S, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from dev.servers import Server
    from tests.faults.town import Town

    Fault = Callable[[Town], AbstractContextManager[None]]


def under(*faults: Fault) -> pytest.MarkDecorator:
    """Run the test once with each of these as `fault`."""
    return pytest.mark.parametrize("fault", faults, ids=lambda fault: fault.__name__)


@contextmanager
def nothing(town: Town) -> Iterator[None]:
    """Break nothing: what the others are compared with."""
    yield


@contextmanager
def apply_dies_before_the_gate(town: Town) -> Iterator[None]:
    """Nobody knows of the application."""
    with town.dies("apply", "before", "Gate.apply"):
        yield


@contextmanager
def apply_dies_after_the_gate_before_the_send(town: Town) -> Iterator[None]:
    """The gate has given a ticket that no record carries, and its owner was not told."""
    with town.dies("apply", "before", "Stream.send"):
        yield


@contextmanager
def apply_dies_after_the_send_before_the_answer(town: Town) -> Iterator[None]:
    """The record is on its way, and its owner was not told."""
    with town.dies("apply", "after", "Stream.send"):
        yield


@contextmanager
def consume_dies_before_the_insert(town: Town) -> Iterator[None]:
    """The batch is read, and nothing is done."""
    with town.dies("consume", "before", "Ledger.write"):
        yield


@contextmanager
def consume_dies_between_insert_and_commit(town: Town) -> Iterator[None]:
    """The rows are there, in a transaction that nobody will commit."""
    with town.dies("consume", "before", "Connection.commit"):
        yield


@contextmanager
def consume_dies_after_the_commit_before_settling(town: Town) -> Iterator[None]:
    """The rows are there for good, and the gate has not heard of them."""
    with town.dies("consume", "before", "Gate.settle"):
        yield


@contextmanager
def consume_dies_after_settling_before_the_offset(town: Town) -> Iterator[None]:
    """Everything is done, and the batch will come again."""
    with town.dies("consume", "after", "Gate.settle"):
        yield


@contextmanager
def apply_freezes_after_the_gate_before_the_send(town: Town) -> Iterator[None]:
    """Its client gives up and asks another environment; then it thaws, and sends its record."""
    with town.dies("apply", "before", "Stream.send", signal.SIGSTOP):
        yield
    for pid in town.cloud.environments("apply"):
        os.kill(pid, signal.SIGCONT)


@contextmanager
def the_poller_dies_in_a_burst(town: Town) -> Iterator[None]:
    """The event source mapping begins anew at the committed offsets."""
    with town.once(20, partial(town.kill, "poller")):
        yield


# --- Kafka --------------------------------------------------------------------------------------------------------


def away(server: Server, town: Town, seconds: float, *, answers: int = 20) -> AbstractContextManager[None]:
    """Kill `server` after so many answers of the rush, and have it back that much later."""
    return _away(server, town, seconds, answers)


@contextmanager
def _away(server: Server, town: Town, seconds: float, answers: int) -> Iterator[None]:
    killed: list[float] = []

    def kill() -> None:
        server.stop(kill=True)
        killed.append(time.monotonic())

    with town.once(answers, kill):
        yield
    wait_until(
        lambda: time.monotonic() - killed[0] > seconds,
        f"{server.name} was away for {seconds} s",
        timeout_s=seconds + PATIENCE_S,
    )
    server.start()


@contextmanager
def kafka_is_killed_in_a_burst_for_10_s(town: Town) -> Iterator[None]:
    """The broker dies without a word, and comes back with what its disk has."""
    with away(town.servers.kafka, town, 10):
        yield


@contextmanager
def the_leader_moves_in_a_burst(town: Town) -> Iterator[None]:
    """The broker says goodbye and comes back at once: what clients see of an election."""

    def restart() -> None:
        town.servers.kafka.stop()
        town.servers.kafka.start()

    with town.once(20, restart):
        yield


@contextmanager
def kafka_refuses_connections(town: Town) -> Iterator[None]:
    """Nobody listens at the broker's address, and the connections there were are cut."""
    town.rehearse()
    kafka = town.through.kafka
    kafka.refuse()
    yield
    kafka.start()


@contextmanager
def kafka_accepts_and_never_hears(town: Town) -> Iterator[None]:
    """Connections are made and requests taken, and nothing comes of them."""
    town.rehearse()
    kafka = town.through.kafka
    kafka.deafen()
    yield
    kafka.cut()
    kafka.start()


@contextmanager
def kafka_hears_after_the_send_has_timed_out(town: Town) -> Iterator[None]:
    """What was given up arrives after all, when the sweep has done its work."""
    town.rehearse()
    kafka = town.through.kafka
    kafka.deafen()
    yield
    wait_until(lambda: town.sweeps() >= 1, "the sweep has issued a ticket")
    before = len(town.records())
    kafka.start()
    wait_until(lambda: len(town.records()) > before, "a record has arrived that was given up")


@contextmanager
def kafka_takes_the_records_and_the_answers_are_lost(town: Town) -> Iterator[None]:
    """The acknowledgement is swallowed: the record is there, and the producer does not know."""
    town.rehearse()
    kafka = town.through.kafka
    swallowed = kafka.swallowed
    kafka.swallow()
    yield
    assert kafka.swallowed > swallowed, "an answer was swallowed"
    kafka.start()


@contextmanager
def the_topic_is_missing(town: Town) -> Iterator[None]:
    """Somebody deletes the topic; it is made again when the burst is over."""
    topic = town.settings.kafka_topic
    admin = KafkaAdminClient(bootstrap_servers=town.servers.kafka_bootstrap)
    try:
        admin.delete_topics([topic])
        wait_until(lambda: topic not in admin.list_topics(), "the topic is gone")
    finally:
        admin.close()
    yield
    wait_until(lambda: town.sweeps() >= 1, "the sweep has issued a ticket")
    town.operate("migrate")


@contextmanager
def records_come_twice_and_out_of_order(town: Town) -> Iterator[None]:
    """The stream carries everything twice more: backwards, and shuffled together."""
    yield
    records = town.records()
    assert records
    town.send(*reversed(records), *random.Random(town.seed).sample(records, len(records)))
