"""A simulation that explores: the real scripts and the real ledger, under whatever hypothesis thinks of.

Every example ends with the faults stopping, everything tried again and everybody asking again; then the promise is
checked. `make simulate` runs more of it; a failure prints its steps and how to run them again.
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from firstcome.gate.connect import redis_client
from firstcome.gate.gate import Gate
from firstcome.ledger.connect import mysql_connection
from firstcome.ledger.ledger import Ledger
from firstcome.ledger.migrate import migrate
from firstcome.retry import run as retry
from firstcome.settings import Settings
from firstcome.stores import Stores
from firstcome.stream.reader import StreamReader
from tests.conftest import new_event_id
from tests.patience import PATIENT
from tests.simulation.acts import Act, Fate
from tests.simulation.found import FOUND
from tests.simulation.machine import FAULTS, PEOPLE, Simulation

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = int(os.environ.get("FIRSTCOME_SIMULATION_EXAMPLES", "80"))
STEPS = int(os.environ.get("FIRSTCOME_SIMULATION_STEPS", "25"))
CALLS = 16  # of the longest process that is interesting: a retry with something of everything

one = st.integers(0, len(PEOPLE) - 1).map(lambda person: (person,))
several = st.lists(st.integers(0, 7), min_size=1, max_size=3).map(tuple)
sends = st.sampled_from(["delivered", "answer lost", "never", "late", "damaged"])
offsets = st.sampled_from(["committed", "not committed"])
# The whole gate, or any of its keys.
KEYS = ["event", "applied_user", "pending", "released"]
losses = st.lists(st.sampled_from(KEYS), unique=True).map(" ".join)
operations = st.sampled_from(["refuse", "revoke", "raise_capacity", "redrive", "reconcile", "restore"])
uses = st.sampled_from(["redeem key-1", "redeem key-2", "redeem key-3", "take_back key-1"])
deaths = st.none() | st.builds(Fate, st.integers(0, CALLS), st.booleans())


def acts(fates: st.SearchStrategy[Fate | None]) -> st.SearchStrategy[Act]:
    """Whatever may happen, under these fates."""
    return st.one_of(
        st.builds(Act, st.just("apply"), one, sends, fates),
        st.builds(Act, st.just("consume"), several, offsets, fates),
        st.builds(Act, st.sampled_from(["sweep", "redrive", "retry"]), fate=fates),
        st.builds(Act, st.just("operate"), one, operations, fates),
        st.builds(Act, st.just("use"), one, uses, fates),
        st.builds(Act, st.just("lose"), how=losses),
        st.sampled_from([Act("arrive"), Act("replicate"), Act("fail_over"), Act("garble"), Act("turns")]),
    )


fates = deaths | st.builds(
    Fate, st.integers(0, CALLS), st.booleans(), st.lists(acts(deaths), min_size=1, max_size=4).map(tuple)
)


class Machine(RuleBasedStateMachine):
    """Rules for each process, with its fate; the promise at the end."""

    stores: Stores
    faults: frozenset[str]

    def __init__(self) -> None:
        super().__init__()
        self.simulation = Simulation(self.stores, new_event_id("sim"), self.faults)

    @rule(who=one, how=sends, fate=fates)
    def apply(self, who: tuple[int, ...], how: str, fate: Fate | None) -> None:
        self.simulation.do(Act("apply", who, how, fate))

    @rule(who=several, how=offsets, fate=fates)
    def consume(self, who: tuple[int, ...], how: str, fate: Fate | None) -> None:
        self.simulation.do(Act("consume", who, how, fate))

    @rule(what=st.sampled_from(["sweep", "redrive", "retry"]), fate=fates)
    def work(self, what: str, fate: Fate | None) -> None:
        self.simulation.do(Act(what, fate=fate))

    @rule(who=one, how=operations, fate=fates)
    def operate(self, who: tuple[int, ...], how: str, fate: Fate | None) -> None:
        self.simulation.do(Act("operate", who, how, fate))

    @rule(who=one, how=uses, fate=fates)
    def use(self, who: tuple[int, ...], how: str, fate: Fate | None) -> None:
        self.simulation.do(Act("use", who, how, fate))

    @precondition(lambda self: self.faults & {"lose", "lose one"})
    @rule(how=losses)
    def lose(self, how: str) -> None:
        self.simulation.do(Act("lose", how=how))

    @precondition(lambda self: "fail_over" in self.faults)
    @rule(what=st.sampled_from(["replicate", "fail_over"]))
    def fail_over(self, what: str) -> None:
        self.simulation.do(Act(what))

    @rule(what=st.sampled_from(["arrive", "garble"]))
    def happen(self, what: str) -> None:
        self.simulation.do(Act(what))

    @precondition(lambda self: "turns" in self.faults)
    @rule()
    def turns_come(self) -> None:
        self.simulation.do(Act("turns"))

    @rule(who=one)
    def ask(self, who: tuple[int, ...]) -> None:
        self.simulation.check_word(PEOPLE[who[0]])
        self.simulation.check_sizes()

    def teardown(self) -> None:
        try:
            self.simulation.drain()
            self.simulation.check_promise()
        finally:
            empty(self.stores, self.simulation.event_id)


def empty(stores: Stores, event: str) -> None:
    """Leave nothing for the next example: a retry works on whatever is due."""
    stores.ledger.wipe(event)
    with stores.ledger.connect() as connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM failed_event")
        connection.commit()
    stores.gate.delete(event)


@pytest.fixture
def stores(redis_url: str, mysql_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stores]:
    """Real stores, under settings that wait for nothing."""
    monkeypatch.setattr(retry, "WAIT_STEP_S", 0)
    chosen = Settings(
        redis_url=redis_url,
        mysql_url=mysql_url,
        released_rest_ms=0,
        sweep_overdue_ms=0,
        restore_wait_ms=0,
        failed_lease_ms=0,
        failed_attempts=4,
        failed_backoff_base_ms=0,
        known_events_ms=0,
        **PATIENT,
    )
    connect = partial(mysql_connection, chosen, chosen.mysql_read_timeout_ms)
    migrate(connect)
    ledger = Ledger(connect, chosen)
    yield Stores(ledger, Gate(redis_client(chosen), chosen), StreamReader(chosen), chosen)
    ledger.close()


@pytest.mark.parametrize(
    "faults",
    [set(), {"lose", "late"}, {"lose", "lose one"}, {"fail_over"}, FAULTS, {"turns", *FAULTS}],
    ids=["crashes alone", "gates lost", "keys lost", "failovers", "everything", "turns"],
)
def test_whatever_happens_the_promise_holds_in_the_end(stores: Stores, faults: set[str]) -> None:
    """Hypothesis orders steps and faults; after the last step everything that is owed is done."""
    explored = type("Explored", (Machine,), {"stores": stores, "faults": frozenset(faults)})
    run_state_machine_as_test(
        explored,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.parametrize("acts", FOUND.values(), ids=FOUND)
def test_what_was_found_does_not_come_back(stores: Stores, acts: list[Act]) -> None:
    """Each of these once broke the promise, or would without its guard."""
    simulation = Simulation(stores, new_event_id("sim"))
    try:
        for act in acts:
            simulation.do(act)
        simulation.drain()
        simulation.check_promise()
    finally:
        empty(stores, simulation.event_id)
