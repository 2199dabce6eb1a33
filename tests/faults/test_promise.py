"""The proof that all the others end with: it sees what is planted, or it proves nothing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from dev.crowd import Answer
from tests.faults.told import Told
from tests.promise import assert_told

if TYPE_CHECKING:
    from tests.faults.town import Town

COUPONS = 10


def say(town: Town, user_id: str, status: int, /, **body: Any) -> None:
    """Plant an answer, as the last one that this person was given."""
    now = time.monotonic()
    town.told.append(Told(Answer(user_id, status, body, 0), now, now))


def test_the_proof_sees_each_broken_law(town: Town) -> None:
    """The proof of these tests fails for each law that is broken on purpose."""
    town.open(COUPONS)
    town.rush(COUPONS)
    town.assert_promise()
    [first, second, *_] = town.rows()
    honest = list(town.told)

    def broken(law: str) -> None:
        with pytest.raises(AssertionError, match=law):
            assert_told(town, full=True)
        town.told[:] = honest

    say(town, "ghost", 202, status="accepted", ticket=3)
    broken("I3: promised, or sent, and come to nothing: .'ghost'")
    say(town, first.user_id, 200, status="accepted", ticket=second.number)
    broken(f"I6: {first.user_id} was told")
    say(town, first.user_id, 409, code="sold_out")
    broken(f"I6: {first.user_id} was told")
    say(town, first.user_id, 202, status="reserved", ticket=first.number)
    broken(f"I6: {first.user_id} was told")
    say(town, "nobody", 404, code="unknown_event")
    broken("I7: ")

    def plant(ticket: int, user_id: str, applied_at: str) -> None:
        columns = "INSERT INTO coupon (event_id, ticket, user_id, applied_at, issued_at)"
        town.sql(f"{columns} VALUES (%s, %s, %s, %s, NOW(3))", town.event_id, ticket, user_id, applied_at)

    def uproot(ticket: int) -> None:
        town.sql("DELETE FROM coupon WHERE event_id = %s AND ticket = %s", town.event_id, ticket)

    plant(COUPONS + 1, "one-too-many", "2026-01-01")
    broken("I1: ")
    uproot(COUPONS + 1)
    uproot(first.number)
    broken("I3: ")
    plant(first.number, first.user_id, "2036-01-01")
    broken("I5: ")
    uproot(first.number)
    plant(first.number, first.user_id, "2026-01-01")
    assert_told(town, full=True)
    with town.gate() as gate:
        gate.redis.hdel(gate.keys(town.event_id).event, "sizes")
        gate.redis.zadd(gate.keys(town.event_id).pending, {first.user_id: 1})
        broken("I4: 1 pending")
        gate.redis.hdel(gate.keys(town.event_id).event, "sizes")
        gate.redis.delete(gate.keys(town.event_id).pending)
        gate.redis.hdel(gate.keys(town.event_id).applied_user, first.user_id)
        broken("I6: gate and ledger")
