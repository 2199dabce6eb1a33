"""A gate that loses some of its keys is a lost gate, for everybody, from the first script that meets the difference."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from firstcome.gate.answers import ApplyOutcome
from firstcome.rules import Ticket, Unavailable
from tests.world import FAR, World, outcome_of, row

if TYPE_CHECKING:
    from collections.abc import Callable

    import redis

PARTS = ["event", "applied_user", "pending", "released"]


@pytest.fixture
def full(world: World) -> World:
    """Every key has a member: ann has a row, ben waits for his, and ticket 2 is free; nothing waits for a time."""
    world = world.with_settings(released_rest_ms=0, restore_wait_ms=0)
    ann, bob, _ = world.apply("ann"), world.apply("bob"), world.apply("ben")
    world.consume(ann)
    world.stores.gate.release(bob, None, has_row=False)
    return world


# --- whoever compares ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", PARTS)
def test_a_lost_key_is_seen_by_each_script(full: World, part: str) -> None:
    """Each but the application's compares all sizes, changes nothing, and answers that the gate is lost."""
    gate, event = full.stores.gate, full.event_id
    whole = full.snapshot()
    looks: dict[str, Callable[[], bool]] = {
        "show": lambda: gate.show(event) is None,
        "standing": lambda: not gate.standing(event, "ben").known,
        "settle": lambda: not gate.settle(event, [row(event, "ben", 3)]),
        "own": lambda: not gate.mark_failed(event, [row(event, "ben", 3)]),
        "reassign": lambda: gate.reassign(event, "ben", 3)[0] == "UNKNOWN",
        "release": lambda: gate.release(row(event, "ben", 3), None, has_row=False) == "UNKNOWN",
        "configure": lambda: gate.configure(event, 99, {"capacity": 9}) == "UNKNOWN",
        "reconcile": lambda: gate.reconcile(event, 1, "replid", []) == "UNKNOWN",
        "expire": lambda: gate.expire(event, FAR) == "UNKNOWN",
        "lost": lambda: gate.lost(event) is not None,
        "overdue": lambda: gate.overdue(event, 0, FAR, 10) == [],
    }
    for name, sees in looks.items():
        for key, value in whole.items():
            gate.redis.delete(key)
            if value is not None:
                gate.redis.restore(key, 0, value)
        full.lose_gate(part)
        left = {key: gate.redis.dump(key) for key in gate.keys(event)[1:]}
        assert sees(), f"{name} takes half a gate for a whole one"
        assert {key: gate.redis.dump(key) for key in gate.keys(event)[1:]} == left, f"{name} changes half a gate"
        if part != "event":
            assert str(gate.redis.hget(gate.keys(event).event, "sizes")).startswith("lost "), f"{name} tells nobody"


@pytest.mark.parametrize("part", PARTS)
def test_a_loss_that_was_found_once_holds_for_everybody(full: World, part: str) -> None:
    """Strangers, winners and losers are told UNKNOWN: restore may already have read what they would change."""
    full.lose_gate(part)
    assert full.stores.gate.show(full.event_id) is None
    for user_id in ("ann", "ben", "bob", "zoe"):
        assert full.outcome(user_id) is ApplyOutcome.UNKNOWN


def test_a_missing_mark_says_row_only_while_all_marks_are_there(full: World) -> None:
    """A winner whose mark was lost with all others is told neither `accepted` nor anything else."""
    full.lose_gate("pending")
    assert full.outcome("ben") is ApplyOutcome.UNKNOWN
    assert full.outcome("ann") is ApplyOutcome.UNKNOWN


def test_marks_that_were_begun_anew_are_not_whole(full: World) -> None:
    """Sizes are counted by what each command changed: the next winner's mark hides none of the lost ones."""
    full.lose_gate("pending")
    full.apply("zoe")
    assert full.outcome("ben") is ApplyOutcome.UNKNOWN


def test_who_was_refused_before_anybody_won_stays_so(world: World) -> None:
    """No ticket was handed out, and still the loss of applied_user is seen; the ledger tells restore of the refusal."""
    world.operate("refuse", user_id="mallory")
    world.lose_gate("applied_user")
    assert world.outcome("mallory") is ApplyOutcome.UNKNOWN
    assert world.outcome("zoe") is ApplyOutcome.UNKNOWN
    world.with_settings(restore_wait_ms=0).operate("restore")
    assert world.outcome("mallory") is ApplyOutcome.REFUSED


def test_a_lost_filter_is_forgotten_and_the_gate_lives(full: World) -> None:
    """The filter of winners saves round trips and holds nothing: "sold out" is asked for each time from then on."""
    full.apply("zoe")
    full.lose_gate("winners")
    assert full.stores.gate.show(full.event_id) is not None
    decision = full.stores.gate.apply(full.event_id, "loser", "call")
    assert (decision.outcome, decision.remember) == (ApplyOutcome.SOLD_OUT, "")


# --- whoever counts --------------------------------------------------------------------------------------------------


def test_what_older_scripts_wrote_is_adopted(full: World) -> None:
    """In a rolling deploy a script that does not count has raised `write_seq`: what is there counts from then on."""
    gate, event = full.stores.gate, full.event_id
    looks: list[Callable[[], bool]] = [
        lambda: gate.show(event) is not None,
        lambda: full.outcome("ann") is ApplyOutcome.ALREADY,
    ]
    for look in looks:
        number = int(str(gate.redis.hlen(gate.keys(event).applied_user)))
        full.plant(f"old-{number}", number + 1, 5)
        gate.redis.hincrby(gate.keys(event).event, "write_seq", 1)
        assert look()
    full.lose_gate("pending")
    assert gate.show(event) is None, "a loss after the deploy is seen again"


def test_a_new_event_takes_nothing_over(world: World, event_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys left behind under its id hand out no ticket and make no lost gate, though `create` could not delete them."""
    gate, event = world.stores.gate, f"{event_id}-new"
    gate.redis.zadd(gate.keys(event).released, {"77:0": 77})
    gate.redis.zadd(gate.keys(event).pending, {"nobody": 1})
    made = World(world.stores, event)

    def away(event_id: str) -> None:
        raise Unavailable("redis", f"cut by the test: {event_id}")

    with monkeypatch.context() as cut:
        cut.setattr(gate, "delete", away)
        made.create()
    made.operate("open")
    assert made.apply("ann").number == 1
    assert gate.show(event) is not None


def test_an_application_makes_no_more_calls_than_it_must(world: World, client: redis.Redis) -> None:
    """Comparing everything would cost each of them a fifth: a loser compares one size, a settled winner another.

    And nobody looks for a free ticket where the sizes say that there is none.
    """

    def calls(user_id: str) -> dict[str, int]:
        client.config_resetstat()
        outcome_of(world.stores.gate, world.event_id, user_id)
        stats: dict[str, dict[str, int]] = client.info("commandstats")
        names = {name.removeprefix("cmdstat_"): stat["calls"] for name, stat in stats.items()}
        return {name: names[name] for name in sorted(names) if name not in {"evalsha", "info", "config|resetstat"}}

    outcome_of(world.stores.gate, world.event_id, "ann")  # loads the script
    accepted = {"hget": 1, "hlen": 1, "hmget": 1, "hset": 2, "setbit": 2, "time": 1, "zadd": 1}
    assert calls("ben") == accepted
    assert calls("ben") == {"hget": 1, "hmget": 1, "time": 1, "zscore": 1}
    outcome_of(world.stores.gate, world.event_id, "cat")
    assert calls("loser") == {"hget": 1, "hlen": 1, "hmget": 1, "time": 1}
    world.consume(Ticket(world.event_id, "ann", 1, 5))
    assert calls("ann") == {"hget": 1, "hmget": 1, "time": 1, "zcard": 1, "zscore": 1}


# --- restore ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("parts", [("pending",), ("released",), ("pending", "released")])
def test_restore_keeps_who_was_only_reserved(full: World, parts: tuple[str, ...]) -> None:
    """An applied_user of the right size is the last source: neither stream nor ledger knows of these tickets."""
    full.lose_gate(*parts)
    assert full.operate("restore")["outcome"] == "restored"
    assert full.pending() == {"ben"}
    assert full.apply("ben").number == 3
    assert full.apply("zoe").number == 2


def test_restore_takes_no_part_of_the_applicants(full: World) -> None:
    """Who is left of an applied_user that lost members is not believed: ledger and stream alone tell of the gate."""
    gate = full.stores.gate
    gate.redis.hdel(gate.keys(full.event_id).applied_user, "ann")
    assert gate.show(full.event_id) is None
    assert gate.survivors(full.event_id) == {}
    full.operate("restore")
    assert gate.standing(full.event_id, "ann").ticket == 1, "her row tells"
    assert gate.standing(full.event_id, "ben").ticket is None
