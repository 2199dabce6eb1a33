"""gate.lua on a real Redis: one law a test."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis

from firstcome.gate.answers import ApplyOutcome, ReassignOutcome
from firstcome.gate.connect import redis_client
from firstcome.gate.gate import Gate
from firstcome.rules import Ticket, Unavailable
from firstcome.settings import Settings
from tests.world import FAR, fields, outcome_of, row, write_seq_of


def test_tickets_are_numbered_in_the_order_of_the_applications(gate: Gate, event: str) -> None:
    """The first three get 1, 2 and 3; the fourth is told that it is over."""
    decisions = [gate.apply(event, f"user-{n}", "call") for n in range(4)]
    assert [decision.outcome for decision in decisions] == [ApplyOutcome.ACCEPTED] * 3 + [ApplyOutcome.SOLD_OUT]
    assert [decision.ticket for decision in decisions] == [1, 2, 3, None]


def test_a_person_who_asks_again_gets_the_same_ticket(gate: Gate, event: str) -> None:
    """Another call of the same person is ALREADY, with the ticket and the time of the first."""
    first = gate.apply(event, "alice", "one")
    again = gate.apply(event, "alice", "two")
    assert again.outcome is ApplyOutcome.ALREADY
    assert (again.ticket, again.applied_at_ms, again.pending) == (first.ticket, first.applied_at_ms, True)


def test_a_repetition_of_the_same_call_gets_the_same_answer(gate: Gate, event: str) -> None:
    """The client library repeats a call after a timeout: the repetition is ACCEPTED too, and changes nothing."""
    first = gate.apply(event, "alice", "one")
    before = write_seq_of(gate, event)
    again = gate.apply(event, "alice", "one")
    assert (again.outcome, again.ticket) == (ApplyOutcome.ACCEPTED, first.ticket)
    assert write_seq_of(gate, event) == before


def test_a_hundred_thousandth_loser_leaves_no_trace(gate: Gate, client: redis.Redis, event: str) -> None:
    """Memory grows with the winners alone."""
    for n in range(3):
        outcome_of(gate, event, f"winner-{n}")
    before = write_seq_of(gate, event)
    for n in range(50):
        assert outcome_of(gate, event, f"loser-{n}") is ApplyOutcome.SOLD_OUT
    assert client.hlen(gate.keys(event).applied_user) == 3
    assert write_seq_of(gate, event) == before


def test_a_thousand_at_once_get_exactly_the_capacity(redis_url: str, gate: Gate, event: str) -> None:
    """32 connections, 300 people, each three times: three winners, each with a number of their own."""
    with redis.Redis.from_url(redis_url, decode_responses=True) as shared, ThreadPoolExecutor(32) as threads:
        crowd = Gate(shared, Settings())
        decisions = list(threads.map(lambda n: crowd.apply(event, f"user-{n % 300}", f"{n}"), range(900)))
    won = {decision.ticket for decision in decisions if decision.outcome is ApplyOutcome.ACCEPTED}
    assert won == {1, 2, 3}
    assert sum(decision.outcome is ApplyOutcome.ACCEPTED for decision in decisions) == 3


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"state": "draft"}, ApplyOutcome.NOT_OPEN),
        ({"opens_at_ms": FAR - 1, "closes_at_ms": FAR}, ApplyOutcome.NOT_OPEN),
        ({"state": "paused"}, ApplyOutcome.PAUSED),
        ({"state": "closed"}, ApplyOutcome.CLOSED),
        ({"state": "ended"}, ApplyOutcome.CLOSED),
        ({"opens_at_ms": 0, "closes_at_ms": 1}, ApplyOutcome.CLOSED),
    ],
)
def test_outside_its_window_nobody_gets_a_ticket(
    gate: Gate, event_id: str, changed: dict[str, Any], word: ApplyOutcome
) -> None:
    """The operator's state and the opening window say why."""
    gate.configure(event_id, 1, fields(**changed), create=True)
    assert outcome_of(gate, event_id, "alice") is word


def test_a_winner_keeps_the_ticket_when_the_event_closes(gate: Gate, event: str) -> None:
    """What was told once is told again, whatever the state."""
    outcome_of(gate, event, "alice")
    gate.configure(event, 2, fields(state="closed"))
    assert outcome_of(gate, event, "alice", "again") is ApplyOutcome.ALREADY


@pytest.mark.parametrize("lost", ["event", "applied_user"])
def test_a_gate_that_lost_a_key_refuses_all_and_learns_nothing(
    gate: Gate, client: redis.Redis, event: str, lost: str
) -> None:
    """UNKNOWN is the answer until restore, and no other script makes half a gate look whole."""
    outcome_of(gate, event, "alice")
    client.delete(getattr(gate.keys(event), lost))
    left = {key: client.dump(key) for key in gate.keys(event)[1:]}
    assert outcome_of(gate, event, "bob") is ApplyOutcome.UNKNOWN
    assert gate.show(event) is None
    assert not gate.standing(event, "alice").known
    assert not gate.settle(event, [row(event, "alice", 1)])
    assert not gate.mark_failed(event, [row(event, "alice", 1)])
    assert gate.reassign(event, "alice", 1) == (ReassignOutcome.UNKNOWN, None)
    assert gate.release(row(event, "alice", 1), None, has_row=False) == "UNKNOWN"
    assert gate.configure(event, 9, fields()) == "UNKNOWN"
    assert gate.reconcile(event, 1, "replid", []) == "UNKNOWN"
    assert gate.expire(event, FAR) == "UNKNOWN"
    assert gate.overdue(event, 0, FAR, 10) == []
    assert {key: client.dump(key) for key in gate.keys(event)[1:]} == left


def test_sold_out_may_be_remembered_only_while_no_ticket_is_free(gate: Gate, event: str) -> None:
    """A released ticket rests before it is handed out, and until it is taken no answer may be remembered."""
    for name in ("alice", "bob", "carol"):
        outcome_of(gate, event, name)
    assert gate.apply(event, "dave", "call").remember
    gate.release(Ticket(event, "bob", 2, 0), None, has_row=False)
    resting = gate.apply(event, "dave", "call")
    assert (resting.outcome, resting.remember) == (ApplyOutcome.SOLD_OUT, "")


def test_the_lowest_rested_ticket_goes_to_whoever_asks_next(gate: Gate, impatient: Gate, event: str) -> None:
    """A resting ticket is passed over for one that has rested."""
    for name in ("alice", "bob", "carol"):
        outcome_of(gate, event, name)
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
    assert outcome_of(gate, event, "alice") is ApplyOutcome.ACCEPTED


def test_out_of_memory_is_unavailable_and_changes_nothing(gate: Gate, client: redis.Redis, event: str) -> None:
    """The first write is one that Redis refuses, so no ticket is half handed out."""
    assert outcome_of(gate, event, "alice") is ApplyOutcome.ACCEPTED
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
    outcome_of(gate, event, "alice")
    client.script_flush()
    assert outcome_of(gate, event, "bob") is ApplyOutcome.ACCEPTED


def test_a_server_that_is_away_is_unavailable(event_id: str) -> None:
    """Nobody listens on the discard port: the answer is unknown, not no."""
    gate = Gate(redis_client(Settings(redis_url="redis://127.0.0.1:9/0")), Settings())
    with pytest.raises(Unavailable):
        gate.apply(event_id, "alice", "call")
