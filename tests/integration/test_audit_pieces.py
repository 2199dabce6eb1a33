"""The audit in pieces finds what an audit of one moment finds, whoever works off the pieces, and how small they are."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from kafka import KafkaProducer

from firstcome.audit.pieces import Progress, audit, piece
from firstcome.ledger.coupons import PAGE
from firstcome.ledger.failed_events import Failure
from firstcome.ledger.statements import sql_time
from firstcome.rules import Reason
from firstcome.stream.record import encode
from tests.audit_of_one_moment import audit as audit_of_one_moment
from tests.integration import test_audit as planted

if TYPE_CHECKING:
    from collections.abc import Callable

    from firstcome.ledger.events import Event
    from firstcome.stream.reader import Part
    from tests.world import World

ROW_MAX_BYTES = 16_384  # of what is kept between two pieces
# Of the large event. By hand: FIRSTCOME_AUDIT_COUPONS=1000000, and -s for how long it took.
PEOPLE = int(os.environ.get("FIRSTCOME_AUDIT_COUPONS", "20000"))
SMALL = 2  # rows or records of one piece


def a_failed_row_waits(world: World) -> None:
    """Somebody's ticket waits for the retry."""
    erin = world.ticket("erin", 3)
    world.stores.ledger.write([], [Failure(Reason.LEDGER_REJECTED, "full", b"raw", *erin)])


def an_unread_record_is_overdue(world: World) -> None:
    """The stream has not been read for a long time; the ticket is on its way all the same."""
    planted._stuck(world)
    world.send(world.ticket("dave", 4))


def two_pending_people_hold_a_ticket(world: World) -> None:
    """Neither of them has a row."""
    gate = world.stores.gate
    for name in ("frank", "grace"):
        world.plant(name, 5, 2**40)
        world.mark(name, 2**42)
    gate.redis.hset(gate.keys(world.event_id).event, "coupon_count", 5)


def refused_and_a_row(world: World) -> None:
    """The ledger contradicts itself."""
    with world.stores.ledger.connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO refusal (event_id, user_id, reason, refused_at) VALUES (%s, 'alice', 'x', '2030-01-01')",
            (world.event_id,),
        )


PLANTS = [
    planted._gate_forgot_a_row,
    planted._gate_names_another_ticket,
    planted._row_is_missing,
    planted._nobody_owns_a_number,
    planted._free_ticket_has_a_row,
    planted._stuck,
    planted._two_people_hold_a_ticket,
    planted._mark_without_ticket,
    planted._key_expires,
    planted._refused_in_the_ledger_alone,
    planted._refused_in_the_gate_alone,
    planted._order_is_wrong,
    a_failed_row_waits,
    an_unread_record_is_overdue,
    two_pending_people_hold_a_ticket,
    refused_and_a_row,
]
# The first eight plant everything together, one to three at once, and lose a gate; the others are for the mixture.
SEEDS = (0, 8, 10, 11, 18, 19, 20, 29, 1, 2, 3, 4)


@pytest.fixture
def whole(world: World) -> World:
    """Three people with a coupon each, nothing wrong, and an audit whose pieces are small."""
    return planted.won_by_three(world, sweep_overdue_ms=0, restore_wait_ms=0, audit_piece=SMALL)


def the_event(world: World) -> Event:
    """Return the event as the ledger has it."""
    event = world.stores.ledger.event(world.event_id)
    assert event is not None
    return event


def in_order(answer: dict[str, Any]) -> dict[str, Any]:
    """Return the answer, its findings in one order, without an age that grows."""
    answer["invariants"]["I4"]["figures"].pop("oldest_pending_age_ms", None)
    return answer | {"findings": sorted(answer["findings"], key=str)}


def test_the_seeds_plant_everything() -> None:
    """Each fault alone or beside others, and a gate that is lost."""
    drawn = [draw(seed) for seed in SEEDS]
    assert {plant for plants, _ in drawn for plant in plants} == set(PLANTS)
    assert {len(plants) for plants, _ in drawn} == {1, 2, 3}
    assert {lost for _, lost in drawn} == {True, False}


def draw(seed: int) -> tuple[list[Callable[[World], None]], bool]:
    """Return what is planted at once, and whether the gate is lost as well."""
    dice = random.Random(seed)
    return dice.sample(PLANTS, dice.randrange(1, 4)), dice.random() < 1 / 8


@pytest.mark.parametrize("seed", SEEDS)
def test_it_finds_what_an_audit_of_one_moment_finds(whole: World, seed: int) -> None:
    """Whatever is wrong at once: the same findings, figures and laws."""
    plants, lost = draw(seed)
    for plant in plants:
        plant(whole)
    whole.adopt()
    if lost:
        whole.lose_gate("event")
    event = the_event(whole)
    expected = audit_of_one_moment(whole.stores, event)
    assert in_order(audit(whole.stores, event)) == in_order(expected | {"codes": None})


def sell_out(world: World, people: int) -> None:
    """Make an event in which so many people have a coupon, a record and a place in the gate."""
    world.operate("raise_capacity", capacity=people)
    world.lose_gate()
    at = sql_time(the_event(world).created_at_ms)
    with world.stores.ledger.connect() as connection, connection.cursor() as cursor:
        for start in range(1, people + 1, PAGE):
            rows = [(world.event_id, n, f"person-{n}", at, at) for n in range(start, min(start + PAGE, people + 1))]
            cursor.executemany("INSERT INTO coupon VALUES (%s, %s, %s, %s, %s)", rows)
            connection.commit()
    settings = world.stores.settings
    large = {"batch_size": 500_000, "linger_ms": 20}  # or a million records take a quarter of an hour
    with closing(KafkaProducer(bootstrap_servers=settings.kafka_bootstrap, **large)) as producer:
        for row in world.rows():
            producer.send(settings.kafka_topic, encode(row, 1), partition=0)
            if row.number % PAGE == 0:
                producer.flush()
        producer.flush()
    world.commit(people)
    assert world.operate("restore")["outcome"] == "restored"


def test_a_large_event_is_audited_in_pieces(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many pieces as its size asks for, each record read once, and a few KB kept between two of them."""
    world = world.with_settings(restore_wait_ms=0, audit_piece=min(PEOPLE // 10, 10_000))
    sell_out(world, PEOPLE)
    page, read = world.stores.reader.page, Counter[int]()

    def counted(event_id: str, part: Part, limit: int) -> Any:
        found = page(event_id, part, limit)
        read.update(range(part.start, found.rest.start))
        return found

    monkeypatch.setattr(world.stores.reader, "page", counted)
    event, text, took = the_event(world), Progress().dump(), list[float]()
    while True:
        progress, begun = Progress.load(text), time.monotonic()
        answer = piece(world.stores, event, progress)
        took.append(time.monotonic() - begun)
        text = progress.dump()
        assert len(text) < ROW_MAX_BYTES
        if answer is not None:
            break
    print(f"{PEOPLE:,} coupons: {len(took)} pieces in {sum(took):.1f} s; the longest {max(took):.1f} s")
    assert answer["ok"], answer
    assert (answer["quiet"], answer["stable"], answer["invariants"]["I4"]["figures"]["rows"]) == (True, True, PEOPLE)
    assert set(read.values()) == {1}, "a record was read twice"
    assert len(read) == PEOPLE
    assert len(took) > 30


def test_records_that_come_meanwhile_are_left_alone(whole: World) -> None:
    """What will be read is fixed at the start: an audit in the middle of an opening ends."""
    event, progress = the_event(whole), Progress()
    assert piece(whole.stores, event, progress) is None
    while progress.stage != "stream" or progress.cursor is None:
        assert piece(whole.stores, event, progress) is None
        whole.send(whole.rows()[0])
    while (answer := piece(whole.stores, event, progress)) is None:
        whole.send(whole.rows()[0])
    figures = answer["invariants"]["I3"]["figures"]
    assert (answer["ok"], figures["delivered"], figures["unread"]) == (True, 3, 0)


def test_who_moves_meanwhile_is_not_found(whole: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that is seen late is no finding: whoever looks wrong is asked about again."""
    people = whole.stores.ledger.people
    late = iter([True])

    def seen_late(event_id: str, asked: Any) -> Any:
        said = people(event_id, asked)
        return [one._replace(row=None, holder=None) for one in said] if next(late, False) else said

    monkeypatch.setattr(whole.stores.ledger, "people", seen_late)
    found = whole.audit()
    assert next(late, False) is False
    assert (found["ok"], found["findings"]) == (True, [])
