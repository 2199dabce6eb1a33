"""The scripts beside gate.lua on a real Redis: one law a test."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from firstcome.gate.answers import ApplyOutcome, ReassignOutcome
from firstcome.gate.entry import NO_CALL, entry_of
from firstcome.gate.gate import ROWS_AN_ARGUMENT
from firstcome.rules import Ticket
from tests.world import FAR, HOUR_MS, fields, outcome_of, row, write_seq_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import redis

    from firstcome.gate.gate import Gate


# --- settle, mark_failed ---------------------------------------------------------------------------------------------


def test_settle_takes_the_mark_off(gate: Gate, event: str) -> None:
    """A settled winner is no longer pending, and is told so."""
    outcome_of(gate, event, "alice")
    assert gate.settle(event, [row(event, "alice", 1)])
    again = gate.apply(event, "alice", "again")
    assert (again.outcome, again.pending) == (ApplyOutcome.ALREADY, False)


def test_settle_of_another_ticket_changes_nothing(gate: Gate, event: str) -> None:
    """A stale caller, who speaks of a ticket that the person no longer holds, is not heard."""
    outcome_of(gate, event, "alice")
    before = write_seq_of(gate, event)
    gate.settle(event, [row(event, "alice", 2)])
    assert gate.standing(event, "alice").pending
    assert write_seq_of(gate, event) == before


def test_settle_tells_tickets_apart_whose_digits_are_alike(gate: Gate, event_id: str) -> None:
    """Who holds ticket 11 is settled by that row alone: not by ticket 1's, and not by 111's."""
    gate.configure(event_id, 1, fields(capacity=11), create=True)
    for number in range(1, 12):
        gate.apply(event_id, f"u{number}", "call")
    gate.settle(event_id, [row(event_id, "u11", 1), row(event_id, "u1", 11), row(event_id, "u11", 111)])
    assert [gate.standing(event_id, user_id).pending for user_id in ("u1", "u11")] == [True, True]
    gate.settle(event_id, [row(event_id, "u11", 11)])
    assert [gate.standing(event_id, user_id).pending for user_id in ("u1", "u11")] == [True, False]


def test_settle_takes_the_rows_of_every_argument(gate: Gate, event_id: str) -> None:
    """One more than an argument has, of winners and of people whom a failover forgot."""
    many = ROWS_AN_ARGUMENT + 1
    gate.configure(event_id, 1, fields(capacity=2 * many), create=True)
    winners = [gate.apply(event_id, f"w{number}", "call").ticket or 0 for number in range(many)]
    rows = [row(event_id, f"w{number}", ticket) for number, ticket in enumerate(winners)]
    assert gate.settle(event_id, [*rows, *(row(event_id, f"f{number}", many + 1 + number) for number in range(many))])
    view = gate.show(event_id)
    assert view is not None
    assert (view.pending, view.learned, view.coupon_count) == (0, many, 2 * many)


def test_settle_learns_a_winner_whom_a_failover_forgot(gate: Gate, event: str) -> None:
    """They hold the row's ticket from now on, nobody else gets it, and the numbers below it are not skipped."""
    assert gate.settle(event, [row(event, "zoe", 2)])
    standing = gate.standing(event, "zoe")
    assert (standing.ticket, standing.pending) == (2, False)
    assert [gate.apply(event, name, "call").ticket for name in ("alice", "bob")] == [1, 3]


def test_settle_learns_a_person_once_who_is_twice_in_a_batch(gate: Gate, event: str) -> None:
    """A record may stand in a batch twice."""
    gate.settle(event, [row(event, "zoe", 2), row(event, "zoe", 2)])
    view = gate.show(event)
    assert view is not None
    assert (view.learned, view.coupon_count) == (1, 2)


def test_settle_takes_more_people_than_one_command_does(gate: Gate, event_id: str) -> None:
    """In steps: Lua's stack holds some thousands of arguments."""
    gate.configure(event_id, 1, fields(capacity=2_500), create=True)
    people = [f"user-{number}" for number in range(2_500)]
    tickets = [gate.apply(event_id, name, "call").ticket or 0 for name in people]
    gate.settle(event_id, [row(event_id, name, ticket) for name, ticket in zip(people, tickets, strict=True)])
    view = gate.show(event_id)
    assert view is not None
    assert view.pending == 0


def test_mark_failed_takes_the_mark_off_the_ticket_that_it_names(gate: Gate, event: str) -> None:
    """The failed row decides now; of another ticket it decides nothing."""
    outcome_of(gate, event, "alice")
    gate.mark_failed(event, [row(event, "alice", 2)])
    assert gate.standing(event, "alice").pending
    gate.mark_failed(event, [row(event, "alice", 1)])
    assert not gate.standing(event, "alice").pending


# --- reassign, release -------------------------------------------------------------------------------------------


def test_reassign_gives_another_ticket_once(gate: Gate, event: str) -> None:
    """Repeated, it answers the ticket that it gave."""
    outcome_of(gate, event, "alice")
    word, given = gate.reassign(event, "alice", 1)
    assert (word, given and given.number) == (ReassignOutcome.REASSIGNED, 2)
    assert gate.standing(event, "alice").pending
    assert gate.reassign(event, "alice", 1) == (ReassignOutcome.HELD, given)


def test_reassign_takes_a_resting_ticket_before_it_says_sold_out(gate: Gate, event: str) -> None:
    """The person was accepted long ago: resting is for strangers."""
    for name in ("alice", "bob", "carol"):
        outcome_of(gate, event, name)
    assert gate.reassign(event, "alice", 1) == (ReassignOutcome.SOLD_OUT, None)
    gate.release(Ticket(event, "bob", 2, 0), None, has_row=False)
    word, given = gate.reassign(event, "alice", 1)
    assert (word, given and given.number) == (ReassignOutcome.REASSIGNED, 2)
    assert gate.reassign(event, "bob", 2) == (ReassignOutcome.REFUSED, None)


def test_release_frees_the_ticket_of_its_holder_only(gate: Gate, impatient: Gate, event: str) -> None:
    """A stale caller frees nothing; the holder's ticket goes to the next, once."""
    outcome_of(gate, event, "alice")
    assert impatient.release(Ticket(event, "alice", 2, 0), None, has_row=False) == "STALE"
    assert impatient.release(Ticket(event, "alice", 1, 0), None, has_row=False) == "RELEASED"
    assert impatient.release(Ticket(event, "alice", 1, 0), None, has_row=False) == "STALE"
    assert outcome_of(gate, event, "alice") is ApplyOutcome.REFUSED
    assert [gate.apply(event, name, "call").ticket for name in ("bob", "carol")] == [1, 2]


def test_a_released_ticket_with_a_row_is_not_free(gate: Gate, impatient: Gate, event: str) -> None:
    """Its row belongs to somebody else: the next applicant gets another number."""
    outcome_of(gate, event, "alice")
    assert impatient.release(Ticket(event, "alice", 1, 0), row(event, "alice", 3), has_row=True) == "RELEASED"
    assert gate.standing(event, "alice").ticket == 3
    assert gate.apply(event, "bob", "call").ticket == 2


def test_a_stranger_may_be_refused_beforehand(gate: Gate, event: str) -> None:
    """Somebody who never asked is told so when they do."""
    assert gate.release(Ticket(event, "mallory", 0, 0), None, has_row=False) == "RELEASED"
    assert outcome_of(gate, event, "mallory") is ApplyOutcome.REFUSED


# --- configure, restore, reconcile, expire -----------------------------------------------------------------------


def test_configure_makes_a_gate_once_then_follows_versions(gate: Gate, event: str) -> None:
    """A stale caller changes nothing, and a gate that exists is not made again."""
    outcome_of(gate, event, "alice")
    assert gate.configure(event, 1, fields(capacity=9), create=True) == "STALE"
    assert gate.configure(event, 3, fields(capacity=5)) == "UPDATED"
    assert gate.configure(event, 2, fields(capacity=4)) == "STALE"
    view = gate.show(event)
    assert view is not None
    assert (view.capacity, view.coupon_count, view.config_version) == (5, 1, 3)


def test_restore_puts_the_rebuilt_gate_in_place_once_and_whole(gate: Gate, client: redis.Redis, event: str) -> None:
    """A gate that lives is left alone; rebuilt keys that lost members are not used; none of the keys may expire."""
    keys = gate.keys(event)
    held = {one.user_id: entry_of(one, NO_CALL) for one in (Ticket(event, "alice", 2, 5), Ticket(event, "bob", 3, 6))}

    def rebuilt() -> list[str]:
        temporary = [f"{key}:test" for key in (keys.applied_user, keys.pending, keys.released)]
        client.hset(temporary[0], mapping=dict[Any, Any](held))
        client.zadd(temporary[1], {"bob": 6})
        client.zadd(temporary[2], {"1:0": 1})
        for key in temporary:
            client.expire(key, 600)
        return temporary

    new = {**fields(), "coupon_count": 3, "config_version": 1, "replid": "r"}
    assert gate.restore(event, rebuilt(), [2, 1, 1], 0, new) == "ALIVE"
    client.delete(gate.keys(event).event)
    _, since = gate.lost(event) or (0, 0)
    assert gate.restore(event, rebuilt(), [2, 1, 1], since - 1, new) == "ALIVE", "read before an earlier loss"
    assert gate.restore(event, rebuilt(), [3, 1, 1], since, new) == "INCOMPLETE"
    assert gate.restore(event, rebuilt(), [2, 1, 1], since, new) == "RESTORED"
    assert [client.ttl(key) for key in (keys.event, keys.applied_user, keys.pending, keys.released)] == [-1] * 4
    assert gate.apply(event, "bob", "call").ticket == 3
    assert gate.apply(event, "carol", "call").ticket == 1
    assert outcome_of(gate, event, "dave") is ApplyOutcome.SOLD_OUT


def test_restore_leaves_a_gate_alone_that_was_made_meanwhile(gate: Gate, event_id: str) -> None:
    """The schedule was between the operator's ledger and gate: it found none, and now there is one."""
    _, since = gate.lost(event_id) or (0, 0)
    assert gate.configure(event_id, 1, fields(), create=True) == "CREATED"
    alice = gate.apply(event_id, "alice", "call")
    new = {**fields(), "coupon_count": 0, "config_version": 1, "replid": "r"}
    assert gate.restore(event_id, ["no:1", "no:2", "no:3"], [0, 0, 0], since, new) == "ALIVE"
    assert gate.apply(event_id, "alice", "again").ticket == alice.ticket


def test_restore_of_an_event_with_no_winners_makes_a_new_gate(gate: Gate, client: redis.Redis, event: str) -> None:
    """Marks of the old gate do not live on in the new one."""
    outcome_of(gate, event, "alice")
    client.delete(gate.keys(event).event)
    new = {**fields(), "coupon_count": 0, "config_version": 1, "replid": "r"}
    _, since = gate.lost(event) or (0, 0)
    assert gate.restore(event, ["no:1", "no:2", "no:3"], [0, 0, 0], since, new) == "RESTORED"
    assert client.exists(*gate.keys(event)) == 1
    assert gate.apply(event, "bob", "call").ticket == 1


def test_reconcile_does_nothing_once_the_gate_has_moved(gate: Gate, event: str) -> None:
    """What was read is stale: not one of the repairs is made."""
    seen = write_seq_of(gate, event)
    outcome_of(gate, event, "alice")
    assert gate.reconcile(event, seen, "new", [("refuse", "bob")]) == "MOVED"
    assert not gate.standing(event, "bob").refused


def test_reconcile_makes_every_repair(gate: Gate, client: redis.Redis, event: str) -> None:
    """Learn, pend, refuse, free and taken, each as its header says."""
    for name in ("alice", "bob"):
        outcome_of(gate, event, name)
    gate.settle(event, [row(event, "alice", 1), row(event, "bob", 2)])
    repairs = [("learn", "alice", 3, 7), ("pend", "bob", 8), ("refuse", "carol"), ("free", 1, 0), ("taken", 3)]
    assert gate.reconcile(event, write_seq_of(gate, event), "new", repairs) == "RECONCILED"
    view = gate.show(event)
    assert view is not None
    assert (view.coupon_count, view.free, view.pending, view.replid) == (3, 1, 1, "new")
    assert gate.standing(event, "alice").ticket == 3
    assert gate.standing(event, "carol").refused
    assert gate.apply(event, "dave", "call").ticket == 1


def test_a_gate_expires_whole_once_it_has_ended_and_settled(gate: Gate, client: redis.Redis, event: str) -> None:
    """Live or pending, nothing of it may ever go by itself."""
    outcome_of(gate, event, "alice")
    at_ms = int(time.time() * 1000) + HOUR_MS
    assert gate.expire(event, at_ms) == "LIVE"
    gate.configure(event, 2, fields(state="ended"))
    assert gate.expire(event, at_ms) == "PENDING"
    keys = gate.keys(event)
    assert gate.times_to_live(event) == {}
    gate.settle(event, [row(event, "alice", 1)])
    assert gate.expire(event, at_ms) == "EXPIRING"
    assert [client.pexpiretime(key) for key in (keys.event, keys.applied_user)] == [at_ms, at_ms]
    assert gate.times_to_live(event).keys() == {keys.event, keys.applied_user, keys.winners}


# --- overdue, lost -----------------------------------------------------------------------------------------------


def test_overdue_tickets_come_oldest_first_but_for_the_backlogs(gate: Gate, event: str) -> None:
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
    assert gate.lost(event) is None
    outcome_of(gate, event, "alice")
    client.delete(gate.keys(event).applied_user)
    age_ms, since = gate.lost(event) or (-1, -1)
    assert age_ms == 0
    wait_until(lambda: (gate.lost(event) or (0, 0))[0] > 0, "the time since the loss grows")
    assert (gate.lost(event) or (0, 0))[1] == since
    new = {**fields(), "coupon_count": 0, "config_version": 1, "replid": "r"}
    assert gate.restore(event, ["no:1", "no:2", "no:3"], [0, 0, 0], since, new) == "RESTORED"
    assert gate.lost(event) is None


def test_a_loss_holds_until_restore_whatever_comes_back(gate: Gate, client: redis.Redis, event: str) -> None:
    """A key that is there again is not the key that restore has read without: what was found lost is restored."""
    outcome_of(gate, event, "alice")
    held = client.dump(gate.keys(event).applied_user)
    client.delete(gate.keys(event).applied_user)
    assert gate.show(event) is None
    assert held is not None
    client.restore(gate.keys(event).applied_user, 0, held)
    assert gate.show(event) is None
    assert outcome_of(gate, event, "alice") is ApplyOutcome.UNKNOWN
