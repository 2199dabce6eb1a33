"""What the server refuses for its size: the batch goes in parts, and one record alone may be cut; the rest is whole."""

from __future__ import annotations

import json
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import pymysql
import pytest

from firstcome.ledger import coupons, failed_events
from firstcome.ledger.connect import mysql_connection
from firstcome.ledger.coupons import Claim, Outcome
from firstcome.ledger.failed_events import Failure, Source
from firstcome.ledger.ledger import Ledger
from firstcome.rules import Reason, Ticket, Unavailable
from firstcome.stream.record import encode
from tests.patience import PATIENCE_MS
from tests.world import World, msk_event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from firstcome.settings import Settings

AT_MS = 1_700_000_000_123
MIB = 1 << 20
FOREIGN_BYTES = 900_000  # in base64, and so in a statement, it is larger than 1 MiB
PEOPLE = 24


@contextmanager
def at_most(ledger: Ledger, limit: int) -> Iterator[None]:
    """Let the server take packets of this size only, on connections that are made from now on."""
    with ledger.connect() as root, root.cursor() as cursor:
        cursor.execute("SELECT @@GLOBAL.max_allowed_packet")
        [[before]] = cursor.fetchall()
        cursor.execute("SET GLOBAL max_allowed_packet = %s", (limit,))
        try:
            yield
        finally:
            cursor.execute("SET GLOBAL max_allowed_packet = %s", (before,))


@pytest.fixture
def small(ledger: Ledger, ledger_settings: Settings) -> Iterator[Ledger]:
    """The same ledger, whose server takes a mebibyte, and an event for everybody."""
    ledger.create_event("E", "An event", PEOPLE, AT_MS, AT_MS + 1)
    with at_most(ledger, MIB):
        small = Ledger(partial(mysql_connection, ledger_settings, PATIENCE_MS), ledger_settings)
        yield small
        small.close()


def claim(number: int, payload: bytes = b"{}") -> Claim:
    return Claim(Ticket("E", f"u{number}", number, AT_MS), payload, Source("t", 0, number, AT_MS))


def foreign(offset: int, size: int = FOREIGN_BYTES) -> Failure:
    payload = (b"%06d" % offset) * (size // 6)
    return Failure(Reason.NOT_JSON, "not ours", payload, source=Source("t", 1, offset, AT_MS))


def the_whole_of(row_payload: bytes, whole: bytes) -> tuple[int, int]:
    """Return how much is kept, and how long it is said to have been; what is kept is how it began."""
    kept, _, note = row_payload.rpartition(b"[payload cut: the first ")
    first, _, rest = note.partition(b" of ")
    assert whole.startswith(kept)
    assert int(first) == len(kept)
    return len(kept), int(rest.removesuffix(b" bytes]"))


@pytest.mark.parametrize("size", [FOREIGN_BYTES, 3_000_000, 4_500_000])
def test_a_record_that_is_too_large_costs_no_neighbour(small: Ledger, size: int) -> None:
    """It is kept as far as it fits, with its true length; everybody else has a coupon. 4.5 MB: a function gets no more.

    Much larger than the limit, the server hangs up in the middle of the statement, as if it had died.
    """
    claims = [claim(n) for n in range(1, PEOPLE + 1)]
    written = small.write(claims, [foreign(7, size)])
    assert (written.issued, written.stored) == (PEOPLE, 1)
    assert [verdict.ticket for verdict in written.verdicts] == [one.ticket for one in claims]
    assert {verdict.outcome for verdict in written.verdicts} == {Outcome.ISSUED}
    [row] = small.list_failed(None, None, 10)
    kept, length = the_whole_of(row.payload, foreign(7, size).payload)
    assert length == len(foreign(7, size).payload)
    assert kept > MIB // 8
    assert row.detail == f"payload cut: the first {kept} of {length} bytes; not ours"
    assert row.source == foreign(7).source


def test_records_that_fit_one_by_one_are_kept_whole(small: Ledger) -> None:
    """Together they are many times what the server takes; in parts, nothing is cut, and their order stays."""
    failures = [foreign(n, 60_000) for n in range(60)]
    assert small.write([], failures).stored == 60
    rows = small.list_failed(None, None, 100)
    assert [(row.source, row.payload, row.detail) for row in rows] == [
        (one.source, one.payload, one.detail) for one in failures
    ]


def test_a_good_record_that_cannot_be_issued_is_cut_too(small: Ledger) -> None:
    """It owns its ticket as every failed row does; a good record of any length that can be issued is a row."""
    written = small.write([claim(1, b"x" * 3_000_000), claim(99, b"y" * 3_000_000), claim(2)])
    outcomes = [verdict.outcome for verdict in written.verdicts]
    assert outcomes == [Outcome.ISSUED, Outcome.OUT_OF_RANGE, Outcome.ISSUED]
    assert written.failed_tickets == [claim(99).ticket]
    [row] = small.list_failed("E", None, 10)
    assert row.claim == claim(99).ticket
    assert the_whole_of(row.payload, b"y" * 3_000_000)[1] == 3_000_000
    assert "ticket 99" in row.detail


def test_a_batch_in_parts_changes_nothing_the_second_time(small: Ledger) -> None:
    """The same rows, the same failed row."""
    batch = [claim(n) for n in range(1, PEOPLE + 1)], [foreign(7)]
    small.write(*batch)
    again = small.write(*batch)
    assert (again.issued, again.stored) == (0, 0)
    assert {verdict.outcome for verdict in again.verdicts} == {Outcome.ISSUED}
    assert small.audit_counts("E").rows == PEOPLE


def test_a_batch_whose_last_part_fails_is_not_done(small: Ledger, ledger_settings: Settings) -> None:
    """The caller hears that nobody knows; what was committed stays, and the batch may come again."""
    connections: list[Any] = []

    def connect() -> Any:
        if len(connections) == 6:
            raise OSError("the server has gone, in the middle of the parts")
        connections.append(mysql_connection(ledger_settings, PATIENCE_MS))
        return connections[-1]

    claims = [claim(n) for n in range(1, PEOPLE + 1)]
    dying = Ledger(connect, ledger_settings)
    with pytest.raises(Unavailable):
        dying.write(claims, [foreign(7)])
    assert 0 < small.audit_counts("E").rows <= PEOPLE
    assert small.write(claims, [foreign(7)]).stored == 1
    assert small.audit_counts("E").rows == PEOPLE


@pytest.mark.parametrize("code", [1153, 1301, 2020, 1197])
def test_every_refusal_for_size_is_answered_with_parts(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """By the packet, a function, the client, or the binary log's cache: smaller transactions are taken."""
    ledger.create_event("E", "An event", PEOPLE, AT_MS, AT_MS + 1)
    real = failed_events.store_failed

    def store(connection: Any, failures: list[Failure]) -> int:
        if sum(len(one.payload) for one in failures) > 1_000:
            raise pymysql.OperationalError(code, "too large")
        return real(connection, failures)

    monkeypatch.setattr(coupons, "store_failed", store)
    written = ledger.write([claim(1), claim(2)], [foreign(1, 600), foreign(2, 600), foreign(3, 6_000)])
    assert (written.issued, written.stored) == (2, 3)
    assert [len(row.payload) > 600 for row in ledger.list_failed(None, None, 10)] == [False, False, True]


def test_a_server_that_takes_no_row_at_all_is_unavailable(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """What to raise is named, and nobody believes the record to be stored."""

    def refuse(*_: object) -> int:
        raise pymysql.OperationalError(1153, "too large")

    monkeypatch.setattr(coupons, "store_failed", refuse)
    with pytest.raises(Unavailable, match="max_allowed_packet is too small for a single row"):
        ledger.write([], [foreign(1, 60)])


def test_winners_beside_a_record_that_is_too_large_are_committed(
    world: World, load_handler: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One answer, nobody pending: the gate hears of every part."""
    servers = world.stores.settings
    for name in ("redis_url", "mysql_url", "kafka_topic"):
        monkeypatch.setenv(f"FIRSTCOME_{name.upper()}", getattr(servers, name))
    world.operate("raise_capacity", capacity=PEOPLE)
    tickets = [world.apply(f"user-{n}") for n in range(PEOPLE)]
    strange = json.dumps({"v": 1, "note": "x" * FOREIGN_BYTES}).encode()
    records = [strange, *(encode(ticket, 1) for ticket in tickets)]
    with at_most(world.stores.ledger, MIB):
        answer = load_handler("consume").handler(msk_event(world.event_id, records), None)
    assert answer == {"records": PEOPLE + 1, "issued": PEOPLE, "failed": 1}
    assert len(world.holders()) == PEOPLE
    assert world.pending() == set()
