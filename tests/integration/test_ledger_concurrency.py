"""Many writers at a time: exactly N rows, one each, and every claim has its verdict."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

from firstcome.ledger.coupons import Claim, Outcome
from firstcome.ledger.ledger import Ledger
from firstcome.rules import FailedStatus, Ticket

AT_MS = 1_700_000_000_123
CAPACITY = 300
WRITERS = 4


def test_overlapping_batches_end_exact(ledger: Ledger) -> None:
    """Batches that share tickets, people and doubles end with exactly N rows, and one verdict each."""
    ledger.create_event("E", "An event", CAPACITY, 0, 1)
    right = [Claim(Ticket("E", f"u{n}", n, AT_MS)) for n in range(1, CAPACITY + 1)]
    wrong = [Claim(Ticket("E", f"late{n}", n, AT_MS)) for n in range(1, CAPACITY + 50)]

    def write(seed: int) -> list[Outcome]:
        chance = random.Random(seed)
        mine = Ledger(ledger.connect, ledger.settings)
        batches = right + chance.sample(wrong, 30) + chance.sample(right, 100)
        chance.shuffle(batches)
        said: list[Outcome] = []
        while batches:
            batch = [batches.pop() for _ in range(min(50, len(batches)))]
            said += [verdict.outcome for verdict in mine.write(batch).verdicts]
        mine.close()
        return said

    with ThreadPoolExecutor(WRITERS) as pool:
        said = [one for future in [pool.submit(write, seed) for seed in range(WRITERS)] for one in future.result()]
    counts = ledger.audit_counts("E")
    assert (counts.rows, counts.people, counts.tickets, counts.low, counts.high) == (
        CAPACITY,
        CAPACITY,
        CAPACITY,
        1,
        CAPACITY,
    )
    assert len(said) == WRITERS * (CAPACITY + 130)
    assert set(said) == {Outcome.ISSUED, Outcome.TAKEN, Outcome.OUT_OF_RANGE}
    failed = {row.claim for row in ledger.list_failed("E", FailedStatus.WAITING, 1_000)}
    rows = set(ledger.coupons("E"))
    assert {one.ticket for one in right} <= rows | failed


def test_four_retries_work_every_row_once(ledger: Ledger) -> None:
    """Each waiting row is claimed by exactly one of them."""
    ledger.write([Claim(Ticket("E", f"u{n}", n, AT_MS)) for n in range(200)])

    def work(_: int) -> list[int]:
        mine = Ledger(ledger.connect, ledger.settings)
        done: list[int] = []
        while rows := mine.claim_failed(7, 60_000).rows:
            done += [row.id for row in rows if mine.resolve_failed(row, FailedStatus.RESOLVED)]
        mine.close()
        return done

    with ThreadPoolExecutor(WRITERS) as pool:
        done = [one for found in pool.map(work, range(WRITERS)) for one in found]
    assert len(done) == len(set(done))
    left = ledger.redrive(None, None)
    assert len(done) + left == 200
    assert left == 0, "a claim passes over rows that another one has locked, so the last one sees them"


def test_refusals_and_batches_never_give_one_person_both(ledger: Ledger) -> None:
    """Whoever is first in the ledger is right: a row or a refusal, and never both or neither."""
    ledger.create_event("E", "An event", CAPACITY, 0, 1)
    people = [Ticket("E", f"u{n}", n, AT_MS) for n in range(1, 101)]

    def issue(seed: int) -> None:
        mine = Ledger(ledger.connect, ledger.settings)
        mixed = random.Random(seed).sample(people, len(people))
        for start in range(0, len(mixed), 10):
            mine.write([Claim(ticket) for ticket in mixed[start : start + 10]])
        mine.close()

    def refuse(seed: int) -> None:
        mine = Ledger(ledger.connect, ledger.settings)
        for ticket in random.Random(seed).sample(people, 50):
            mine.refuse("E", ticket.user_id, "for the test")
        mine.close()

    with ThreadPoolExecutor(WRITERS) as pool:
        for future in [pool.submit(issue, 1), pool.submit(refuse, 2), pool.submit(issue, 3), pool.submit(refuse, 4)]:
            future.result()
    winners, refused = {row.user_id for row in ledger.coupons("E")}, set(ledger.refusals("E"))
    assert not winners & refused
    assert winners | refused == {ticket.user_id for ticket in people}
