"""Work that is left for the schedule: each leaves one piece of another kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dev.process import wait_until
from firstcome.rules import Ticket
from tests.faults.servers import signalling

if TYPE_CHECKING:
    from tests.faults.town import Town

FORGOTTEN = "forgotten"  # whoever has somebody else's ticket; what becomes of them is not promised


def a_ticket_without_record(town: Town, user_id: str = "unsent") -> None:
    """Apply died between gate and stream: the sweep is to issue it."""
    with town.dies("apply", "before", "Stream.send"):
        town.ask(user_id)


def a_failed_row(town: Town, user_id: str = "bob") -> None:
    """The ledger had no room for one row, and has some now: redrive is to issue it."""
    with signalling(town, "coupon", 1114, user_id):
        town.rush([user_id])
        town.rush(2)
        read(town)
    assert (user_id, "waiting", "ledger_rejected") in town.failures()


def somebody_elses_ticket(town: Town, left: int) -> None:
    """A record carries a ticket that has a row, as after a failover; so many tickets are left to reassign."""
    town.rush(town.capacity - left)
    town.until_whole()
    first = town.rows()[0]
    town.send(Ticket(town.event_id, FORGOTTEN, first.number, first.applied_at_ms))
    read(town)
    assert town.failures() == [(FORGOTTEN, "waiting", "ticket_taken")]


def the_last_ticket_twice(town: Town) -> None:
    """Somebody else's ticket, and none is left: redrive is to refuse."""
    somebody_elses_ticket(town, left=0)


def the_first_ticket_twice(town: Town) -> None:
    """Somebody else's ticket, and others are left: redrive is to reassign."""
    somebody_elses_ticket(town, left=1)


def a_lost_gate(town: Town) -> None:
    """Redis has lost all of the event: restore is to rebuild it."""
    town.rush(2)
    town.lose_gate()


def a_row_that_the_gate_forgot(town: Town) -> None:
    """A failover took a winner whose row is there: reconcile is to teach the gate."""
    town.rush(2)
    town.until_whole()
    with town.gate() as gate:
        keys = gate.keys(town.event_id)
        gate.redis.hset(keys.event, "replid", "the old primary's")
        gate.redis.hdel(keys.applied_user, town.rows()[0].user_id)
        gate.redis.hdel(keys.event, "sizes")  # counted as the older replica counted


def read(town: Town) -> None:
    """Wait until every record is read."""
    wait_until(lambda: town.operate("show")["unread"] == 0, "every record is read")
