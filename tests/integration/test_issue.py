"""What a batch comes to, in the ledger and in the gate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from firstcome.gate.connect import redis_client
from firstcome.gate.gate import Gate
from firstcome.issue import issue
from firstcome.ledger.coupons import Claim, Outcome
from firstcome.settings import Settings

if TYPE_CHECKING:
    from tests.world import World


def outcomes(issued: object) -> list[Outcome]:
    return [verdict.outcome for verdict in issued.written.verdicts]  # type: ignore[attr-defined]


def test_an_issued_ticket_is_settled(world: World) -> None:
    """The row is committed, and its holder is no longer pending."""
    alice, bob = world.apply("alice"), world.apply("bob")
    assert world.consume(alice, bob).written.issued == 2
    assert world.holders() == {"alice": 1, "bob": 2}
    assert world.pending() == set()


def test_a_batch_may_come_twice(world: World) -> None:
    """The second time nothing is new, and nothing changes."""
    tickets = [world.apply("alice"), world.apply("bob")]
    world.consume(*tickets)
    again = world.consume(*tickets)
    assert (again.written.issued, outcomes(again)) == (0, [Outcome.ISSUED] * 2)
    world.assert_promise(rows=2)


def test_a_second_ticket_of_one_person_is_released(world: World) -> None:
    """The row stays; the other ticket is free for the next who asks."""
    world = world.with_settings(released_rest_ms=0)
    replica = world.snapshot()
    first = world.apply("alice")
    world.fail_over(replica)  # it forgot alice's ticket
    bob, again = world.apply("bob"), world.apply("alice")
    assert (first.number, bob.number, again.number) == (1, 1, 2)
    world.consume(first)
    assert outcomes(world.consume(again)) == [Outcome.OTHER]
    assert world.holders() == {"alice": 1}
    assert world.stores.gate.standing(world.event_id, "alice").ticket == 1
    assert world.apply("carol").number == 2


def test_a_ticket_that_somebody_else_has_becomes_a_failed_row(world: World) -> None:
    """The sweep leaves it alone from then on."""
    replica = world.snapshot()
    alice = world.apply("alice")
    world.fail_over(replica)
    bob = world.apply("bob")
    issued = world.consume(alice, bob)
    assert outcomes(issued) == [Outcome.ISSUED, Outcome.TAKEN]
    assert world.pending() == set()
    assert [row.user_id for row in world.stores.ledger.open_failed(world.event_id)] == ["bob"]


def test_a_late_record_gives_a_refused_person_no_row(world: World) -> None:
    """The ledger's refusal holds against redelivery; the ticket is free."""
    alice = world.apply("alice")
    world.operate("refuse", user_id="alice")
    assert outcomes(world.consume(alice)) == [Outcome.REFUSED]
    assert world.holders() == {}
    assert world.outcome("alice") == "REFUSED"
    world.assert_promise(rows=0)


def test_the_ledger_goes_on_when_the_gate_is_away(world: World) -> None:
    """A committed batch is a success: settling is the sweep's then."""
    alice = world.apply("alice")
    away = Gate(redis_client(Settings(redis_url="redis://127.0.0.1:9/0")), Settings())
    issued = issue(world.stores.ledger, away, [Claim(alice)])
    assert (issued.gate_updated, world.holders(), world.pending()) == (False, {"alice": 1}, {"alice"})
    assert world.with_settings(sweep_overdue_ms=0).retry()["swept"] == 1
    world.assert_promise(rows=1)
