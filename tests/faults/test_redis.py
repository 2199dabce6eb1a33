"""Whatever Redis does or forgets, nobody is told too much, and in the end every coupon has its owner."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dev.process import wait_until
from tests.faults import redis_faults as faults
from tests.faults import unfinished
from tests.faults.conftest import ENVIRONMENTS, SETTINGS
from tests.faults.faults import nothing, under
from tests.faults.servers import signalling

if TYPE_CHECKING:
    from collections.abc import Callable

    from firstcome.gate.gate import Gate
    from tests.faults.faults import Fault
    from tests.faults.town import Town

COUPONS = 60
EARLY = 20
MEANWHILE = 40
RESTORE_WAIT_MS = int(SETTINGS["FIRSTCOME_RESTORE_WAIT_MS"])


@under(
    nothing,
    faults.redis_is_away,
    faults.redis_hears_nothing,
    faults.redis_answers_are_lost,
    faults.redis_restarts_empty,
    faults.redis_forgets_its_scripts,
    faults.redis_is_out_of_memory,
)
def test_a_burst_ends_whole(distant: Town, fault: Fault) -> None:
    """Whoever cannot be answered is told to try again while it lasts, and is served when they do."""
    distant.open(COUPONS)
    distant.rush(EARLY)
    with fault(distant):
        distant.rush(MEANWHILE, threads=ENVIRONMENTS)  # nobody waits behind somebody who waits for Redis
    distant.assert_promise()


def test_a_burst_ends_whole_after_a_failover_to_an_older_replica(distant: Town) -> None:
    """The ledger decides who keeps a ticket that was given twice; the other is given another, or refused visibly."""
    distant.open(COUPONS)
    distant.rush(EARLY)
    remembered = set(distant.promised())
    with faults.redis_restarts_with_an_older_snapshot(distant):
        distant.rush(MEANWHILE, threads=ENVIRONMENTS)
    figures = distant.assert_promise(failed=None, reassigned=Everybody(but=remembered))
    assert figures["rows"] == COUPONS


class Everybody(set[str]):
    """All people but some: who comes after the snapshot is not known before they have come."""

    def __init__(self, but: set[str]) -> None:
        super().__init__()
        self._but = but

    def __contains__(self, user_id: object) -> bool:
        return user_id not in self._but


# --- out of memory, at any script ------------------------------------------------------------------------------------


def gate(town: Town) -> Callable[[], None]:
    """Apply asks: everybody is told to try again, and nothing is given."""

    def then() -> None:
        assert {told.answer.word for told in town.rush(8)} == {"try_again"}
        with town.gate() as whole:
            view = whole.show(town.event_id)
        assert view is not None
        assert view.coupon_count == 0

    return then


def settle(town: Town) -> Callable[[], None]:
    """Consume settles: a committed batch is a success."""
    town.cloud.poller.stop()
    town.rush(3)
    return lambda: committed(town, 3)


def mark_failed(town: Town) -> Callable[[], None]:
    """Consume hands a ticket over to a failed row."""
    town.cloud.poller.stop()
    town.rush(["bob"])
    town.rush(2)

    def then() -> None:
        with signalling(town, "coupon", 1114, "bob"):
            committed(town, 2)

    return then


def reassign(town: Town) -> Callable[[], None]:
    """Retry finds a ticket taken, and asks for another one."""
    unfinished.somebody_elses_ticket(town, left=2)
    return lambda: put_off(town)


def release(town: Town) -> Callable[[], None]:
    """Retry finds a ticket taken, and none left: the ledger refuses, and the gate has to hear of it."""
    unfinished.somebody_elses_ticket(town, left=0)
    return lambda: put_off(town)


def lost(town: Town) -> Callable[[], None]:
    """Retry finds a gate lost, and cannot note since when."""
    unfinished.a_lost_gate(town)
    return lambda: stays_lost(town)


def restore(town: Town) -> Callable[[], None]:
    """Retry rebuilds a gate that has been lost for long enough."""
    unfinished.a_lost_gate(town)
    with town.gate() as whole:
        wait_until(lambda: lost_ms(whole, town) > RESTORE_WAIT_MS, "the loss is as old as a restore wants it")
    return lambda: stays_lost(town)


def reconcile(town: Town) -> Callable[[], None]:
    """Retry compares the gate with the ledger after a failover that forgot a row."""
    unfinished.a_row_that_the_gate_forgot(town)
    return lambda: put_off(town)


def overdue(town: Town) -> Callable[[], None]:
    """Retry looks for what is overdue, and sweeps it: neither needs memory."""
    unfinished.a_ticket_without_record(town)

    def then() -> None:
        wait_until(lambda: town.sweeps() == 1, "the ticket is swept without memory")
        assert len(town.rows()) == 1

    return then


def configure(town: Town) -> Callable[[], None]:
    """The operator changes the event: the ledger has it, and the gate hears of it later."""

    def then() -> None:
        town.capacity += 1
        assert "away: redis" in str(town.operate("raise_capacity", capacity=town.capacity)["gate"])

    return then


def committed(town: Town, rows: int) -> None:
    """Let consume work, and see that it commits."""
    town.cloud.poller.start()
    unfinished.read(town)
    assert len(town.rows()) == rows


def stays_lost(town: Town) -> None:
    """Let the schedule run: the gate is not rebuilt, and nobody is given anything."""
    put_off(town)
    assert town.ask("late").answer.word == "gate_lost"


def lost_ms(whole: Gate, town: Town) -> int:
    """Return for how long the gate has been known to be lost."""
    found = whole.lost(town.event_id)
    assert found is not None
    return found[0]


def put_off(town: Town) -> None:
    """Let the schedule run: it puts off what it cannot do, and goes on."""
    done = town.schedule()
    assert done is not None


@pytest.mark.parametrize(
    "script",
    [gate, settle, mark_failed, reassign, release, lost, restore, reconcile, overdue, configure],
    ids=lambda step: step.__name__,
)
def test_out_of_memory_a_script_does_all_or_nothing(town: Town, script: Callable[[Town], Callable[[], None]]) -> None:
    """Where it does nothing, somebody hears of it, and what it should have done is done later."""
    town.open(3)
    then = script(town)
    try:
        with faults.redis_is_out_of_memory(town):
            then()
    finally:
        town.cloud.poller.start()
    town.assert_promise(failed=1, reassigned={"forgotten"})


def test_out_of_memory_an_ended_gate_expires_whole(town: Town) -> None:
    """A time to live needs no memory: what has ended makes room when room is wanted most."""
    town.open(3)
    town.fill()
    town.until_whole()
    town.operate("end")
    with faults.redis_is_out_of_memory(town):
        done = town.schedule()
        assert done is not None
        assert done["expiring"] >= 1
    with town.gate() as ended:
        keys = [key for key in ended.keys(town.event_id) if ended.redis.exists(key)]
        until = {ended.redis.pexpiretime(key) for key in keys}
    assert len(keys) == 3, "event, applied_user and winners: nothing is pending or free"
    assert len(until) == 1, until
    assert until != {-1}, "they have a time to live"
    town.assert_promise(fill=False)


# --- half a gate -----------------------------------------------------------------------------------------------------


def half_a_gate(town: Town, part: str) -> None:
    """Lose one key of a gate that has rows, a ticket on its way that no record carries, and a free one."""
    town.open(10)
    town.rush(4)
    for user_id in ("on-the-way", "refused"):
        unfinished.a_ticket_without_record(town, user_id)
    unfinished.read(town)
    town.operate("refuse", user_id="refused")
    town.lose_gate(part)


@pytest.mark.parametrize("part", ["event", "applied_user"])
def test_a_gate_without_this_key_refuses_and_is_restored(town: Town, part: str) -> None:
    """Nobody is given a ticket by half a gate."""
    half_a_gate(town, part)
    assert town.ask("late").answer.word == "gate_lost"
    town.assert_promise()


@pytest.mark.parametrize("part", ["pending", "released"])
def test_a_gate_without_this_key_is_found_lost_and_restored(town: Town, part: str) -> None:
    """An application needs not see it, but the schedule does; and who had a ticket by then keeps it."""
    half_a_gate(town, part)
    late = town.ask("late").answer
    assert (late.status, late.word) in {(202, "accepted"), (503, "gate_lost")}
    town.assert_promise()
    if late.status == 202:
        assert town.ask("late").answer.body["ticket"] == late.body["ticket"]


# --- the policy ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "word"), [("noeviction", "accepted"), ("volatile-lru", "accepted"), ("allkeys-lru", "try_again")]
)
def test_a_cold_start_refuses_a_redis_that_may_evict_gates(town: Town, policy: str, word: str) -> None:
    """Until the policy is another one; those that touch only keys with a time to live do no harm."""
    town.open(3)
    with faults.redis_configured(town, "maxmemory-policy", policy):
        town.kill("apply")
        assert {told.answer.word for told in town.rush(3)} == {word}
    town.assert_promise()
