"""Sold out, from memory: whom an environment may turn away without asking Redis, and for how long."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from redis import exceptions

from firstcome.gate.answers import ApplyOutcome
from firstcome.gate.gate import Gate
from firstcome.gate.sold_out import EVENTS_MAX, Moment, SoldOut, Winners
from firstcome.rules import Ticket
from firstcome.settings import Settings
from tests.api import NO_REDIS
from tests.world import fields, outcome_of, row

if TYPE_CHECKING:
    from collections.abc import Callable

    import redis

    from tests.api import Api, Reply
    from tests.world import World

LIFE_MS = 600_000  # longer than any test
WINNERS = ("alice", "bob", "carol")


@pytest.fixture
def sold_out(gate: Gate, event: str) -> str:
    """An event whose three tickets alice, bob and carol have."""
    for name in WINNERS:
        assert outcome_of(gate, event, name) is ApplyOutcome.ACCEPTED
    return event


def _told(gate: Gate, event: str, memory: SoldOut) -> Winners | None:
    """Let a stranger be told by the gate, as apply does, and answer what the environment keeps of it."""
    asked = Moment.now()
    decision = gate.apply(event, "a-stranger", "call")
    assert decision.outcome is ApplyOutcome.SOLD_OUT
    memory.remember(event, decision.remember, asked)
    return memory.winners(event)


@pytest.fixture
def memory(gate: Gate) -> SoldOut:
    """The memory of one environment, which outlives the test."""
    return SoldOut(gate, Settings(sold_out_memory_ms=LIFE_MS))


# --- over HTTP -------------------------------------------------------------------------------------------------------


def test_a_loser_is_answered_from_memory_as_by_the_gate(world: World, start: Callable[..., Api]) -> None:
    """The very same answer, with Redis gone; a winner is not told so, and hears that nobody can know."""
    for name in WINNERS:
        world.apply(name)
    api = start(sold_out_memory_ms=str(LIFE_MS), released_rest_ms=str(2 * LIFE_MS))
    by_gate = api.post(world.event_id, {"user_id": "dave"})
    assert by_gate.code == (409, "sold_out")
    away = start(**NO_REDIS).module.applications.gate
    api.module.applications.gate = away
    assert _same(api.post(world.event_id, {"user_id": "dave"}), by_gate)
    assert _same(api.post(world.event_id, {"user_id": "erin"}), by_gate)
    for name in WINNERS:
        assert api.post(world.event_id, {"user_id": name}).code == (503, "try_again"), name


def _same(one: Reply, other: Reply) -> bool:
    """Say whether both are the same, but for the time."""
    return (one.status, one.headers, one.body | {"now": ""}) == (other.status, other.headers, other.body | {"now": ""})


def test_a_wrong_request_is_told_so_though_the_event_is_sold_out(world: World, start: Callable[..., Api]) -> None:
    """Who asks, and for whom, is checked before anything is remembered."""
    for name in WINNERS:
        world.apply(name)
    api = start(sold_out_memory_ms=str(LIFE_MS), released_rest_ms=str(2 * LIFE_MS))
    assert api.post(world.event_id, {"user_id": "dave"}).code == (409, "sold_out")
    assert api.post(world.event_id, {"user_id": "no spaces"}).code == (400, "bad_user_id")
    assert api.post(world.event_id, b"{").code == (400, "bad_json")
    assert api.as_(None).post(world.event_id, {"user_id": "dave"}).code == (401, "unauthenticated")


def test_without_a_memory_every_loser_is_asked_about(world: World, start: Callable[..., Api]) -> None:
    """0 switches it off."""
    for name in WINNERS:
        world.apply(name)
    api = start(sold_out_memory_ms="0")
    assert api.post(world.event_id, {"user_id": "dave"}).code == (409, "sold_out")
    api.module.applications.gate = start(**NO_REDIS).module.applications.gate
    assert api.post(world.event_id, {"user_id": "dave"}).code == (503, "try_again")


# --- who must be asked about -----------------------------------------------------------------------------------------


def test_no_winner_is_ever_taken_for_a_loser(gate: Gate, event_id: str, memory: SoldOut) -> None:
    """Of five hundred winners, whatever their ids, the filter knows every one; of as many losers, few look like one."""
    people = [f"auth0|{number:x}" for number in range(500)]
    gate.configure(event_id, 1, fields(capacity=len(people)), create=True)
    for name in people:
        assert outcome_of(gate, event_id, name) is ApplyOutcome.ACCEPTED
    winners = _told(gate, event_id, memory)
    assert winners is not None
    assert [name for name in people if not winners.may_have(name)] == []
    assert sum(winners.may_have(f"loser-{number}") for number in range(500)) < 50  # 1.4 % are expected


def test_a_repeated_applicant_of_another_spelling_is_nobody_else(gate: Gate, sold_out: str, memory: SoldOut) -> None:
    """`Alice` is not alice: the gate tells them apart, and so does the filter, but for one in seventy."""
    winners = _told(gate, sold_out, memory)
    assert winners is not None
    assert winners.may_have("alice")
    assert not winners.may_have("Alice")


@pytest.mark.parametrize("how", ["learned", "refused", "reconciled", "reassigned"])
def test_whoever_comes_to_be_known_later_is_in_the_next_version(
    gate: Gate, sold_out: str, memory: SoldOut, how: str
) -> None:
    """A person whom a failover forgot, or who was refused: the gate's next answer names a version that knows them."""
    before = _told(gate, sold_out, memory)
    assert before is not None
    assert not before.may_have("zoe")
    if how == "learned":
        gate.settle(sold_out, [row(sold_out, "zoe", 2)])
    elif how == "refused":
        gate.release(Ticket(sold_out, "zoe", 0, 0), None, has_row=False)
    elif how == "reconciled":
        view = gate.show(sold_out)
        assert view is not None
        gate.reconcile(sold_out, view.write_seq, "replid", [("refuse", "zoe")])
    else:
        gate.configure(sold_out, 2, fields(capacity=4))
        gate.reassign(sold_out, "zoe", 2)
        gate.redis.hdel(gate.keys(sold_out).event, "fresh_from_ms")
    after = _told(gate, sold_out, memory)
    assert after is not None
    assert after.version != before.version
    assert after.may_have("zoe")


def test_a_filter_is_read_once_for_each_version(gate: Gate, sold_out: str, memory: SoldOut) -> None:
    """What an environment pays a second is one round trip, however large the filter."""
    first = _told(gate, sold_out, memory)
    assert _told(gate, sold_out, memory) is first


@pytest.mark.parametrize("later", [False, True], ids=["gone", "begun anew"])
def test_a_filter_that_was_lost_is_not_believed(gate: Gate, sold_out: str, memory: SoldOut, *, later: bool) -> None:
    """It is shorter than it was, also when it has been begun anew by somebody who came later."""
    gate.redis.delete(gate.keys(sold_out).winners)
    if later:
        gate.settle(sold_out, [row(sold_out, "zoe", 2)])
    assert _told(gate, sold_out, memory) is None


def test_a_filter_that_cannot_be_read_leaves_the_answer_as_it_is(
    gate: Gate, sold_out: str, memory: SoldOut, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loser was told by the gate; the next one asks it, too."""

    def away(*_: object, **__: object) -> None:
        raise exceptions.TimeoutError

    monkeypatch.setattr(gate.redis, "execute_command", away)
    memory.remember(sold_out, "1:1:3:48", Moment.now())
    assert memory.winners(sold_out) is None


# --- when and for how long -------------------------------------------------------------------------------------------


def test_a_memory_lives_from_before_its_request_by_two_clocks(gate: Gate, sold_out: str, memory: SoldOut) -> None:
    """A frozen environment's monotonic clock stands still, and the other may be set: either one ends it."""
    life_s, now = LIFE_MS / 1000, Moment.now()
    assert _told(gate, sold_out, memory) is not None
    version = gate.apply(sold_out, "dave", "call").remember
    for asked in (
        Moment(now.wall_s - life_s, now.monotonic_s - life_s),
        Moment(now.wall_s - life_s, now.monotonic_s),  # frozen since
        Moment(now.wall_s, now.monotonic_s - life_s),
        Moment(now.wall_s + life_s, now.monotonic_s),  # the clock was set back since
    ):
        memory.remember(sold_out, version, asked)
        assert memory.winners(sold_out) is None, asked


def test_a_free_ticket_is_given_after_every_memory_has_ended(
    client: redis.Redis, sold_out: str, wait_until: Callable[..., None]
) -> None:
    """And no answer meanwhile may be remembered: nobody is turned away while somebody else is served."""
    gate, memory, told_until_ms = _short_memory(client, sold_out)
    gate.release(Ticket(sold_out, "bob", 2, 0), None, has_row=False)
    _served_only_after(gate, sold_out, told_until_ms, wait_until)
    assert memory.winners(sold_out) is None


def test_numbers_that_are_added_to_a_sold_out_event_rest_as_well(
    client: redis.Redis, sold_out: str, wait_until: Callable[..., None]
) -> None:
    """The same law for a capacity that was raised."""
    gate, memory, told_until_ms = _short_memory(client, sold_out)
    assert gate.configure(sold_out, 2, fields(capacity=4)) == "UPDATED"
    _served_only_after(gate, sold_out, told_until_ms, wait_until)
    assert memory.winners(sold_out) is None


def _short_memory(client: redis.Redis, event: str) -> tuple[Gate, SoldOut, float]:
    """Return an environment that was told just now, its gate, and until when it may say so (ms)."""
    settings = Settings(sold_out_memory_ms=200, released_rest_ms=300)
    gate = Gate(client, settings)
    memory = SoldOut(gate, settings)
    _told(gate, event, memory)
    return gate, memory, time.time() * 1000 + settings.sold_out_memory_ms


def _served_only_after(gate: Gate, event: str, told_until_ms: float, wait_until: Callable[..., None]) -> None:
    def served() -> bool:
        decision = gate.apply(event, "dave", "call")
        assert not decision.remember, "a ticket is resting"
        if decision.outcome is not ApplyOutcome.ACCEPTED:
            return False
        assert decision.now_ms >= told_until_ms, "somebody may still be turned away from memory"
        return True

    wait_until(served, "the ticket has rested, and is handed out")
    assert gate.apply(event, "erin", "call").remember, "it is taken: the answer may be remembered again"


def test_an_event_too_large_for_a_filter_is_asked_each_time(client: redis.Redis, event_id: str) -> None:
    """Every environment would fetch a filter that is too large."""
    gate = Gate(client, Settings(sold_out_memory_coupons=2))
    gate.configure(event_id, 1, fields(), create=True)
    for name in WINNERS:
        outcome_of(gate, event_id, name)
    assert gate.apply(event_id, "dave", "call").remember == ""
    assert not client.exists(gate.keys(event_id).winners)


def test_a_restored_gate_is_asked_each_time(world: World) -> None:
    """It has no filter, and one of before the loss is not taken for its own."""
    for name in WINNERS:
        world.consume(world.apply(name))
    assert world.stores.gate.apply(world.event_id, "dave", "call").remember
    world.lose_gate("applied_user")
    world = world.with_settings(restore_wait_ms=0)
    assert world.retry()["restored"] == 1
    decision = world.stores.gate.apply(world.event_id, "dave", "call")
    assert (decision.outcome, decision.remember) == (ApplyOutcome.SOLD_OUT, "")


def test_the_oldest_events_are_forgotten(gate: Gate, memory: SoldOut, event_id: str) -> None:
    """An environment that serves many sold-out events keeps a bounded number of filters."""
    events = [f"{event_id}-{number}" for number in range(EVENTS_MAX + 1)]
    for event in events:
        gate.configure(event, 1, fields(capacity=1), create=True)
        outcome_of(gate, event, "alice")
        assert _told(gate, event, memory) is not None
    assert [memory.winners(event) is None for event in events] == [True] + [False] * EVENTS_MAX
    memory.forget()
    assert all(memory.winners(event) is None for event in events)
