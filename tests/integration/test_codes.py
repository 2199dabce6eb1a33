"""Codes in the ledger: line i is ticket i's, each is one ticket's for ever, and no server's text quotes one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import pymysql
import pytest

from firstcome.ledger.codes import CodeCounts, Uploaded
from firstcome.ledger.connect import mysql_connection
from firstcome.ledger.coupons import Claim
from firstcome.ledger.ledger import Ledger
from firstcome.ledger.statements import statements
from firstcome.rules import BadInput, Ticket, Unavailable
from tests.patience import PATIENCE_MS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.world import World

CODES = ["CODE", "CODE ", "code", " ~!"]  # exact: case counts, and so does a space at the end


@pytest.fixture
def event(ledger: Ledger) -> str:
    """An event of four coupons, without a gate."""
    ledger.create_event("E", "An event", 4, 0, 1)
    return "E"


def issue(ledger: Ledger, event_id: str, *people: str) -> None:
    """Give these people the tickets from 1 on."""
    ledger.write([Claim(Ticket(event_id, user_id, n, 0)) for n, user_id in enumerate(people, 1)])


def code_of(ledger: Ledger, event_id: str, user_id: str) -> str | None:
    """Return the code that the person is told."""
    return ledger.standing(event_id, user_id).code


def turned_down(call: Callable[[], Any]) -> tuple[str, str]:
    """Return code and words of what the operator is told."""
    with pytest.raises(BadInput) as told:
        call()
    return told.value.code, told.value.detail


def test_line_i_is_the_code_of_ticket_i(ledger: Ledger, event: str) -> None:
    """Byte by byte: nothing is folded, nothing is padded; without a coupon row nobody has it."""
    assert ledger.upload_codes(event, 1, CODES) == Uploaded(4, 0)
    assert not ledger.standing(event, "alice").code
    issue(ledger, event, "alice", "bob", "carol", "dave")
    assert [code_of(ledger, event, user) for user in ("alice", "bob", "carol", "dave")] == CODES


def test_an_upload_may_be_repeated_and_comes_in_chunks(ledger: Ledger, event: str) -> None:
    """In any order, overlapping, and after it was cut off."""
    assert ledger.upload_codes(event, 3, CODES[2:]) == Uploaded(2, 0)
    assert ledger.upload_codes(event, 2, CODES[1:3]) == Uploaded(1, 1)
    assert ledger.count_codes(event) == CodeCounts(any=True, uploaded=3, issued_without=0, redeemed=0)
    assert ledger.upload_codes(event, 1, CODES) == Uploaded(1, 3)
    assert ledger.upload_codes(event, 1, CODES) == Uploaded(0, 4)


def test_a_coupon_without_a_code_may_be_given_its_first_one(ledger: Ledger, event: str) -> None:
    """Before that it has none, and is counted and named."""
    issue(ledger, event, "alice", "bob")
    assert not ledger.standing(event, "alice").has_codes
    ledger.upload_codes(event, 2, CODES[1:2])
    alice = ledger.standing(event, "alice")
    assert (alice.has_codes, alice.code) == (True, None)
    assert ledger.count_codes(event).issued_without == 1
    assert ledger.issued_without_code(event) == [1]
    ledger.upload_codes(event, 1, CODES[:1])
    assert code_of(ledger, event, "alice") == CODES[0]
    assert ledger.count_codes(event).issued_without == 0


@pytest.mark.parametrize(
    ("first", "codes", "code", "tickets"),
    [
        pytest.param(2, ["KEY-X", "KEY-Y", "KEY-X"], "duplicate_codes", "tickets 2, 4 ", id="twice in one upload"),
        pytest.param(2, ["KEY-X", "KEY-1"], "duplicate_codes", "tickets 3 ", id="another ticket's"),
        pytest.param(1, ["KEY-X", "KEY-Y"], "has_code", "tickets 1 ", id="a ticket has another one"),
        pytest.param(4, ["KEY-X", "KEY-Y"], "beyond_capacity", "from ticket 4 on", id="beyond the capacity"),
    ],
)
def test_a_bad_chunk_uploads_nothing(  # noqa: PLR0917
    ledger: Ledger, event: str, first: int, codes: list[str], code: str, tickets: str
) -> None:
    """All or none; the tickets are named, and no code."""
    ledger.upload_codes(event, 1, ["KEY-1"])
    told, words = turned_down(lambda: ledger.upload_codes(event, first, codes))
    assert (told, tickets in words) == (code, True), words
    assert "KEY" not in words
    assert ledger.count_codes(event).uploaded == 1


def test_only_an_event_takes_codes(ledger: Ledger) -> None:
    """Not one that is not there."""
    assert turned_down(lambda: ledger.upload_codes("nowhere", 1, CODES))[0] == "unknown_event"


def test_uploads_at_the_same_time_give_each_code_once(
    ledger: Ledger, event: str, world_of: Callable[[], Ledger]
) -> None:
    """Eight operators upload other codes for the same tickets: one is first, and the others are told."""

    def upload(n: int) -> bool:
        mine = world_of()
        try:
            mine.upload_codes(event, 1, [f"{n}-{i}" for i in range(4)])
        except BadInput as told:
            assert told.code == "has_code"  # noqa: PT017
            return False
        finally:
            mine.close()
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(upload, range(8))) == [False] * 7 + [True]
    assert ledger.count_codes(event).uploaded == 4


@pytest.fixture
def world_of(ledger: Ledger) -> Callable[[], Ledger]:
    """Return another connection to the same ledger, as another process has one."""
    return lambda: Ledger(partial(mysql_connection, ledger.settings, PATIENCE_MS), ledger.settings)


def test_what_the_server_says_of_a_code_is_told_to_nobody(
    ledger: Ledger, event: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its words quote the code; the number of the error is what is left of them."""
    ledger.upload_codes(event, 1, ["SECRET"])
    monkeypatch.setattr(statements, "known_codes", lambda *_, **__: [(2, None, False, False)])
    with pytest.raises(pymysql.IntegrityError) as raised:
        ledger.upload_codes(event, 2, ["SECRET"])
    assert raised.value.args[0] == 1062
    for text in (repr(raised.value), repr(raised.value.__cause__), repr(raised.value.__context__)):
        assert "SECRET" not in text
        assert "534543524554" not in text


def test_an_upload_that_the_server_interrupts_is_not_known(
    ledger: Ledger, event: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of the server stays one that is tried again, without its words."""

    def interrupted(*_: object, **__: object) -> None:
        raise pymysql.OperationalError(1317, "interrupted at 'SECRET'")

    monkeypatch.setattr(statements, "insert_codes", interrupted)
    with pytest.raises(Unavailable, match="1317") as raised:
        ledger.upload_codes(event, 1, ["SECRET"])
    assert "SECRET" not in str(raised.value)
    assert ledger.count_codes(event).uploaded == 0


def test_wipe_takes_codes_and_redemptions_along(world: World) -> None:
    """Nothing of the event stays."""
    world.consume(world.apply("alice"))
    ledger = world.stores.ledger
    ledger.upload_codes(world.event_id, 1, ["A"])
    ledger.redeem_code(world.event_id, "A", "key", "shop")
    ledger.wipe(world.event_id)
    with ledger.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT (SELECT COUNT(*) FROM coupon_code), (SELECT COUNT(*) FROM redemption)")
        assert cursor.fetchall() == ((0, 0),)
