"""The gate's scripts on a real Redis: one law a test."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import redis

from firstcome.gate import Gate, Reassigned, Word
from firstcome.rules import Ticket, Unavailable
from firstcome.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FAR = 2**53
REST_MS = 60_000
HOUR_MS = 3_600_000


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


@pytest.fixture
def gate(client: redis.Redis) -> Gate:
    return Gate(client, Settings(released_rest_ms=REST_MS))


@pytest.fixture
def impatient(client: redis.Redis) -> Gate:
    """A gate whose released tickets are free at once."""
    return Gate(client, Settings(released_rest_ms=0))


def fields(**changed: Any) -> dict[str, Any]:
    now = int(time.time() * 1000)
    window = {"opens_at_ms": now - HOUR_MS, "closes_at_ms": now + HOUR_MS}
    return {"name": "Spring", "capacity": 3, **window, "state": "open", "generation": 1, **changed}


@pytest.fixture
def event(gate: Gate, event_id: str) -> str:
    assert gate.configure(event_id, 1, fields(), create=True) == "CREATED"
    return event_id


def apply(gate: Gate, event_id: str, user_id: str, call: str = "call") -> Word:
    return gate.apply(event_id, user_id, call).word


def row(event_id: str, user_id: str, ticket: int) -> Ticket:
    return Ticket(event_id, user_id, ticket, 1_700_000_000_000)


def rev(gate: Gate, event_id: str) -> int:
    view = gate.show(event_id)
    assert view is not None
    return view.rev


# --- gate --------------------------------------------------------------------------------------------------------


def test_tickets_are_numbered_in_the_order_of_the_applications(gate: Gate, event: str) -> None:
    """The first three get 1, 2 and 3; the fourth is told that it is over."""
    decisions = [gate.apply(event, f"user-{n}", "call") for n in range(4)]
    assert [decision.word for decision in decisions] == [Word.ACCEPTED] * 3 + [Word.SOLD_OUT]
    assert [decision.ticket for decision in decisions] == [1, 2, 3, None]


def test_a_person_who_asks_again_gets_the_same_ticket(gate: Gate, event: str) -> None:
    """Another call of the same person is ALREADY, with the ticket and the time of the first."""
    first = gate.apply(event, "alice", "one")
    again = gate.apply(event, "alice", "two")
    assert again.word is Word.ALREADY
    assert (again.ticket, again.applied_at_ms, again.pending) == (first.ticket, first.applied_at_ms, True)


def test_a_repetition_of_the_same_call_gets_the_same_answer(gate: Gate, event: str) -> None:
    """The client library repeats a call after a timeout: the repetition is ACCEPTED too, and changes nothing."""
    first = gate.apply(event, "alice", "one")
    before = rev(gate, event)
    again = gate.apply(event, "alice", "one")
    assert (again.word, again.ticket) == (Word.ACCEPTED, first.ticket)
    assert rev(gate, event) == before


def test_a_hundred_thousandth_loser_leaves_no_trace(gate: Gate, client: redis.Redis, event: str) -> None:
    """Memory grows with the winners alone."""
    for n in range(3):
        apply(gate, event, f"winner-{n}")
    before = rev(gate, event)
    for n in range(50):
        assert apply(gate, event, f"loser-{n}") is Word.SOLD_OUT
    assert client.hlen(gate.keys(event)[1]) == 3
    assert rev(gate, event) == before


def test_a_thousand_at_once_get_exactly_the_capacity(redis_url: str, gate: Gate, event: str) -> None:
    """32 connections, 300 people, each three times: three winners, each with a number of their own."""
    with redis.Redis.from_url(redis_url, decode_responses=True) as shared, ThreadPoolExecutor(32) as threads:
        crowd = Gate(shared, Settings())
        decisions = list(threads.map(lambda n: crowd.apply(event, f"user-{n % 300}", f"{n}"), range(900)))
    won = {decision.ticket for decision in decisions if decision.word is Word.ACCEPTED}
    assert won == {1, 2, 3}
    assert sum(decision.word is Word.ACCEPTED for decision in decisions) == 3


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"state": "draft"}, Word.NOT_OPEN),
        ({"opens_at_ms": FAR - 1, "closes_at_ms": FAR}, Word.NOT_OPEN),
        ({"state": "paused"}, Word.PAUSED),
        ({"state": "closed"}, Word.CLOSED),
        ({"state": "ended"}, Word.CLOSED),
        ({"opens_at_ms": 0, "closes_at_ms": 1}, Word.CLOSED),
    ],
)
def test_outside_its_window_nobody_gets_a_ticket(gate: Gate, event_id: str, changed: dict[str, Any], word: Word) -> None:
    """The operator's state and the opening window say why."""
    gate.configure(event_id, 1, fields(**changed), create=True)
    assert apply(gate, event_id, "alice") is word


def test_a_winner_keeps_the_ticket_when_the_event_closes(gate: Gate, event: str) -> None:
    """What was told once is told again, whatever the state."""
    apply(gate, event, "alice")
    gate.configure(event, 2, fields(state="closed"))
    assert apply(gate, event, "alice", "again") is Word.ALREADY


@pytest.mark.parametrize("lost", [0, 1], ids=["event", "applied_user"])
def test_a_gate_that_lost_a_key_refuses_everybody_and_learns_nothing(
    gate: Gate, client: redis.Redis, event: str, lost: int
) -> None:
    """UNKNOWN is the answer until restore, and no other script makes half a gate look whole."""
    apply(gate, event, "alice")
    client.delete(gate.keys(event)[lost])
    left = {key: client.dump(key) for key in gate.keys(event)[1:]}
    assert apply(gate, event, "bob") is Word.UNKNOWN
    assert gate.show(event) is None
    assert not gate.standing(event, "alice").known
    assert not gate.settle(event, [row(event, "alice", 1)])
    assert not gate.own(event, [row(event, "alice", 1)])
    assert gate.reassign(event, "alice", 1) == (Reassigned.UNKNOWN, None)
    assert gate.release(row(event, "alice", 1), None, has_row=False) == "UNKNOWN"
    assert gate.configure(event, 9, fields()) == "UNKNOWN"
    assert gate.reconcile(event, 1, "replid", []) == "UNKNOWN"
    assert gate.expire(event, FAR) == "UNKNOWN"
    assert gate.overdue(event, 0, FAR, 10) == []
    assert {key: client.dump(key) for key in gate.keys(event)[1:]} == left


def test_sold_out_may_be_remembered_only_while_no_ticket_is_free(gate: Gate, event: str) -> None:
    """A released ticket rests before it is handed out, and until it is taken no answer may be remembered."""
    for name in ("alice", "bob", "carol"):
        apply(gate, event, name)
    assert gate.apply(event, "dave", "call").remember
    gate.release(Ticket(event, "bob", 2, 0), None, has_row=False)
    resting = gate.apply(event, "dave", "call")
    assert (resting.word, resting.remember) == (Word.SOLD_OUT, False)


def test_the_lowest_rested_ticket_goes_to_whoever_asks_next(gate: Gate, impatient: Gate, event: str) -> None:
    """A resting ticket is passed over for one that has rested."""
    for name in ("alice", "bob", "carol"):
        apply(gate, event, name)
    gate.release(Ticket(event, "alice", 1, 0), None, has_row=False)
    impatient.release(Ticket(event, "carol", 3, 0), None, has_row=False)
    assert gate.apply(event, "dave", "call").ticket == 3
    view = gate.show(event)
    assert view is not None
    assert (view.free, view.reissued, view.remaining) == (1, 1, 1)


def test_a_policy_that_evicts_gates_is_refused(gate: Gate, client: redis.Redis, event: str) -> None:
    """allkeys-* would take half a gate: nothing is decided on such a server."""
    client.config_set("maxmemory-policy", "allkeys-lru")
    try:
        with pytest.raises(Unavailable, match="noeviction"):
            gate.apply(event, "alice", "call")
    finally:
        client.config_set("maxmemory-policy", "noeviction")
    assert apply(gate, event, "alice") is Word.ACCEPTED


def test_out_of_memory_is_unavailable_and_changes_nothing(gate: Gate, client: redis.Redis, event: str) -> None:
    """The first write is one that Redis refuses, so no ticket is half handed out."""
    assert apply(gate, event, "alice") is Word.ACCEPTED
    before = {key: client.dump(key) for key in gate.keys(event)}
    client.config_set("maxmemory", "1")
    try:
        with pytest.raises(Unavailable):
            gate.apply(event, "bob", "call")
        with pytest.raises(Unavailable):
            gate.reassign(event, "alice", 1)
        with pytest.raises(Unavailable):
            gate.release(Ticket(event, "alice", 1, 0), None, has_row=False)
        with pytest.raises(Unavailable):
            gate.settle(event, [row(event, "zoe", 2)])
        assert {key: client.dump(key) for key in gate.keys(event)} == before
        assert gate.settle(event, [row(event, "alice", 1)]), "taking a mark off needs no memory"
    finally:
        client.config_set("maxmemory", "0")


def test_a_forgotten_script_is_loaded_again(gate: Gate, client: redis.Redis, event: str) -> None:
    """SCRIPT FLUSH costs a round trip, no answer."""
    apply(gate, event, "alice")
    client.script_flush()
    assert apply(gate, event, "bob") is Word.ACCEPTED


def test_a_server_that_is_away_is_unavailable(event_id: str) -> None:
    """Nobody listens on the discard port: the answer is unknown, not no."""
    gate = Gate(redis.Redis(port=9, socket_connect_timeout=1), Settings())
    with pytest.raises(Unavailable):
        gate.apply(event_id, "alice", "call")


# --- settle, own -------------------------------------------------------------------------------------------------


def test_settle_takes_the_mark_off(gate: Gate, event: str) -> None:
    """A settled winner is no longer pending, and is told so."""
    apply(gate, event, "alice")
    assert gate.settle(event, [row(event, "alice", 1)])
    again = gate.apply(event, "alice", "again")
    assert (again.word, again.pending) == (Word.ALREADY, False)


def test_settle_of_another_ticket_changes_nothing(gate: Gate, event: str) -> None:
    """A stale caller, who speaks of a ticket that the person no longer holds, is not heard."""
    apply(gate, event, "alice")
    before = rev(gate, event)
    gate.settle(event, [row(event, "alice", 2)])
    assert gate.standing(event, "alice").pending
    assert rev(gate, event) == before


def test_settle_learns_a_winner_whom_a_failover_forgot(gate: Gate, event: str) -> None:
    """They hold the row's ticket from now on; the count is at least that, and the number is no longer free."""
    assert gate.settle(event, [row(event, "zoe", 2)])
    standing = gate.standing(event, "zoe")
    assert (standing.ticket, standing.pending) == (2, False)
    assert gate.apply(event, "alice", "call").ticket == 3


def test_own_takes_the_mark_off_the_ticket_that_it_names(gate: Gate, event: str) -> None:
    """The failed row decides now; of another ticket it decides nothing."""
    apply(gate, event, "alice")
    gate.own(event, [row(event, "alice", 2)])
    assert gate.standing(event, "alice").pending
    gate.own(event, [row(event, "alice", 1)])
    assert not gate.standing(event, "alice").pending


# --- reassign, release -------------------------------------------------------------------------------------------


def test_reassign_gives_another_ticket_once(gate: Gate, event: str) -> None:
    """Repeated, it answers the ticket that it gave."""
    apply(gate, event, "alice")
    word, given = gate.reassign(event, "alice", 1)
    assert (word, given and given.ticket) == (Reassigned.REASSIGNED, 2)
    assert gate.standing(event, "alice").pending
    assert gate.reassign(event, "alice", 1) == (Reassigned.HELD, given)


def test_reassign_takes_a_resting_ticket_before_it_says_sold_out(gate: Gate, event: str) -> None:
    """The person was accepted long ago: resting is for strangers."""
    for name in ("alice", "bob", "carol"):
        apply(gate, event, name)
    assert gate.reassign(event, "alice", 1) == (Reassigned.SOLD_OUT, None)
    gate.release(Ticket(event, "bob", 2, 0), None, has_row=False)
    word, given = gate.reassign(event, "alice", 1)
    assert (word, given and given.ticket) == (Reassigned.REASSIGNED, 2)
    assert gate.reassign(event, "bob", 2) == (Reassigned.REFUSED, None)


def test_release_frees_the_ticket_of_its_holder_only(gate: Gate, impatient: Gate, event: str) -> None:
    """A stale caller frees nothing; the holder's ticket goes to the next, once."""
    apply(gate, event, "alice")
    assert impatient.release(Ticket(event, "alice", 2, 0), None, has_row=False) == "STALE"
    assert impatient.release(Ticket(event, "alice", 1, 0), None, has_row=False) == "RELEASED"
    assert impatient.release(Ticket(event, "alice", 1, 0), None, has_row=False) == "STALE"
    assert apply(gate, event, "alice") is Word.REFUSED
    assert [gate.apply(event, name, "call").ticket for name in ("bob", "carol")] == [1, 2]


def test_a_released_ticket_with_a_row_is_not_free(gate: Gate, impatient: Gate, event: str) -> None:
    """Its row belongs to somebody else: the next applicant gets another number."""
    apply(gate, event, "alice")
    assert impatient.release(Ticket(event, "alice", 1, 0), row(event, "alice", 3), has_row=True) == "RELEASED"
    assert gate.standing(event, "alice").ticket == 3
    assert gate.apply(event, "bob", "call").ticket == 2


def test_a_stranger_may_be_refused_beforehand(gate: Gate, event: str) -> None:
    """Somebody who never asked is told so when they do."""
    assert gate.release(Ticket(event, "mallory", 0, 0), None, has_row=False) == "RELEASED"
    assert apply(gate, event, "mallory") is Word.REFUSED


# --- configure, restore, reconcile, expire -----------------------------------------------------------------------


def test_configure_makes_a_gate_once_and_follows_newer_versions_only(gate: Gate, event: str) -> None:
    """A stale caller changes nothing, and a gate that exists is not made again."""
    apply(gate, event, "alice")
    assert gate.configure(event, 1, fields(capacity=9), create=True) == "STALE"
    assert gate.configure(event, 3, fields(capacity=5)) == "UPDATED"
    assert gate.configure(event, 2, fields(capacity=4)) == "STALE"
    view = gate.show(event)
    assert view is not None
    assert (view.capacity, view.coupon_count, view.version) == (5, 1, 3)


def test_restore_puts_the_rebuilt_gate_in_place_once_and_whole(gate: Gate, client: redis.Redis, event: str) -> None:
    """A gate that lives is left alone; rebuilt keys that lost members are not used; none of the keys may expire."""

    def rebuilt() -> list[str]:
        temporary = [f"{key}:test" for key in gate.keys(event)[1:]]
        client.hset(temporary[0], mapping={"alice": "2 5 -", "bob": "3 6 -"})
        client.zadd(temporary[1], {"bob": 6})
        client.zadd(temporary[2], {"1:0": 1})
        for key in temporary:
            client.expire(key, 600)
        return temporary

    new = {**fields(), "coupon_count": 3, "version": 1, "replid": "r"}
    assert gate.restore(event, rebuilt(), [2, 1, 1], new) == "ALIVE"
    client.delete(gate.keys(event)[0])
    assert gate.restore(event, rebuilt(), [3, 1, 1], new) == "INCOMPLETE"
    assert gate.restore(event, rebuilt(), [2, 1, 1], new) == "RESTORED"
    assert [client.ttl(key) for key in gate.keys(event)] == [-1, -1, -1, -1]
    assert gate.apply(event, "bob", "call").ticket == 3
    assert gate.apply(event, "carol", "call").ticket == 1
    assert apply(gate, event, "dave") is Word.SOLD_OUT


def test_restore_without_winners_leaves_no_rest_of_the_old_gate(gate: Gate, client: redis.Redis, event: str) -> None:
    """Marks of the old gate do not live on in the new one."""
    apply(gate, event, "alice")
    client.delete(gate.keys(event)[0])
    new = {**fields(), "coupon_count": 0, "version": 1, "replid": "r"}
    assert gate.restore(event, ["no:1", "no:2", "no:3"], [0, 0, 0], new) == "RESTORED"
    assert client.exists(*gate.keys(event)) == 1
    assert gate.apply(event, "bob", "call").ticket == 1


def test_reconcile_does_nothing_once_the_gate_has_moved(gate: Gate, event: str) -> None:
    """What was read is stale: not one of the repairs is made."""
    seen = rev(gate, event)
    apply(gate, event, "alice")
    assert gate.reconcile(event, seen, "new", [("refuse", "bob")]) == "MOVED"
    assert not gate.standing(event, "bob").refused


def test_reconcile_makes_every_repair(gate: Gate, client: redis.Redis, event: str) -> None:
    """Learn, pend, refuse, free and taken, each as its header says."""
    for name in ("alice", "bob"):
        apply(gate, event, name)
    gate.settle(event, [row(event, "alice", 1), row(event, "bob", 2)])
    repairs = [("learn", "alice", 3, 7), ("pend", "bob", 8), ("refuse", "carol"), ("free", 1, 0), ("taken", 3)]
    assert gate.reconcile(event, rev(gate, event), "new", repairs) == "RECONCILED"
    view = gate.show(event)
    assert view is not None
    assert (view.coupon_count, view.free, view.pending, view.replid) == (3, 1, 1, "new")
    assert gate.standing(event, "alice").ticket == 3
    assert gate.standing(event, "carol").refused
    assert gate.apply(event, "dave", "call").ticket == 1


def test_a_gate_expires_whole_and_only_when_it_has_ended_and_settled(
    gate: Gate, client: redis.Redis, event: str
) -> None:
    """Live or pending, nothing of it may ever go by itself."""
    apply(gate, event, "alice")
    at_ms = int(time.time() * 1000) + HOUR_MS
    assert gate.expire(event, at_ms) == "LIVE"
    gate.configure(event, 2, fields(state="ended"))
    assert gate.expire(event, at_ms) == "PENDING"
    assert [client.pttl(key) for key in gate.keys(event)[:3]] == [-1, -1, -1]
    gate.settle(event, [row(event, "alice", 1)])
    assert gate.expire(event, at_ms) == "EXPIRING"
    assert [client.pexpiretime(key) for key in gate.keys(event)[:2]] == [at_ms, at_ms]


# --- overdue, lost -----------------------------------------------------------------------------------------------


def test_overdue_tickets_come_oldest_first_and_only_those_the_backlog_does_not_explain(gate: Gate, event: str) -> None:
    """Age, the time of the oldest unread record, and the limit each hold some back."""
    first = gate.apply(event, "alice", "call")
    second = gate.apply(event, "bob", "call")
    assert [ticket.user_id for ticket in gate.overdue(event, 0, FAR, 10)] == ["alice", "bob"]
    assert [ticket.user_id for ticket in gate.overdue(event, 0, FAR, 1)] == ["alice"]
    assert gate.overdue(event, HOUR_MS, FAR, 10) == []
    assert first.applied_at_ms is not None
    assert second.applied_at_ms is not None
    assert gate.overdue(event, 0, first.applied_at_ms, 10) == []


def test_a_gate_is_lost_from_the_first_look_until_it_lives_again(
    gate: Gate, client: redis.Redis, event: str, wait_until: Callable[..., Any]
) -> None:
    """The clock of the wait before a restore starts once, and anew with each loss."""
    assert gate.lost_for_ms(event) is None
    apply(gate, event, "alice")
    held = client.dump(gate.keys(event)[1])
    client.delete(gate.keys(event)[1])
    assert gate.lost_for_ms(event) == 0
    wait_until(lambda: (gate.lost_for_ms(event) or 0) > 0, "the time since the loss grows", timeout_s=5)
    client.restore(gate.keys(event)[1], 0, held)
    assert gate.lost_for_ms(event) is None
