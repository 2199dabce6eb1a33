"""The schema: keys that hold the promise, words equal to Python's, plans that use the keys."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pymysql
import pytest

from firstcome.ledger.coupons import Claim
from firstcome.ledger.redemptions import hash_of
from firstcome.ledger.statements import statements
from firstcome.rules import ActorKind, EventState, FailedStatus, OperationStatus, Reason, Ticket

if TYPE_CHECKING:
    from enum import StrEnum

    from firstcome.ledger.ledger import Ledger

DUPLICATE = 1062
CHECK_FAILED = {4025, 3819}  # MariaDB, MySQL
NOW = "2030-01-01 00:00:00.000"


def execute(ledger: Ledger, statement: str, *values: object) -> tuple[tuple[Any, ...], ...]:
    with ledger.connect() as connection, connection.cursor() as cursor:
        cursor.execute(statement, values or None)
        return cursor.fetchall()


def insert_coupon(ledger: Ledger, event_id: str, ticket: int, user_id: str) -> None:
    execute(ledger, "INSERT INTO coupon VALUES (%s, %s, %s, %s, %s)", event_id, ticket, user_id, NOW, NOW)


@pytest.mark.parametrize(("ticket", "user_id"), [(1, "b"), (2, "a")])
def test_the_keys_hold_the_promise_without_any_code(ledger: Ledger, ticket: int, user_id: str) -> None:
    """No second row for a ticket, none for a person; another event, and a name in another case, are others."""
    insert_coupon(ledger, "E", 1, "a")
    insert_coupon(ledger, "E", 3, "A")
    insert_coupon(ledger, "e", ticket, user_id)
    with pytest.raises(pymysql.IntegrityError) as raised:
        insert_coupon(ledger, "E", ticket, user_id)
    assert raised.value.args[0] == DUPLICATE


def test_the_keys_of_codes_and_redemptions_hold_without_any_code(ledger: Ledger) -> None:
    """One unspent code per ticket, one ticket per code for ever; one live redemption per ticket, one use per key."""
    code = "INSERT INTO coupon_code (event_id, code, ticket, uploaded_at, spent_at) VALUES (%s, %s, %s, %s, %s)"
    execute(ledger, code, "E", b"A", 1, NOW, NOW)
    execute(ledger, code, "E", b"B", 1, NOW, None)
    redeemed = "INSERT INTO redemption (event_id, key_hash, ticket, caller, taken_back_at) VALUES (%s, %s, %s, %s, %s)"
    execute(ledger, redeemed, "E", b"1" * 32, 1, "shop", NOW)
    execute(ledger, redeemed, "E", b"2" * 32, 1, "shop", None)
    for statement, values in (
        (code, ("E", b"A", 2, NOW, None)),
        (code, ("E", b"C", 1, NOW, None)),
        (redeemed, ("E", b"1" * 32, 2, "shop", None)),
        (redeemed, ("E", b"3" * 32, 1, "shop", None)),
    ):
        with pytest.raises(pymysql.IntegrityError) as raised:
            execute(ledger, statement, *values)
        assert raised.value.args[0] == DUPLICATE


def test_impossible_rows_are_refused(ledger: Ledger) -> None:
    """Ticket 0, an event of no coupons, a window that ends before it begins or before the last turn."""
    for impossible in (
        lambda: insert_coupon(ledger, "E", 0, "a"),
        lambda: ledger.create_event("F", "", 0, 0, 1),
        lambda: ledger.create_event("F", "", 1, 1, 1),
        lambda: ledger.create_event("F", "", 1, 0, 1_000, spread_ms=1_000),
        lambda: ledger.create_event("F", "", 1, 0, 2**42, spread_ms=-1),
        lambda: ledger.create_event("F", "", 1, 0, 2**42, spread_ms=3_600_001),
    ):
        with pytest.raises(pymysql.Error) as raised:
            impossible()
        assert raised.value.args[0] in CHECK_FAILED


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ("coupon_event.state", EventState),
        ("failed_event.status", FailedStatus),
        ("failed_event.reason", Reason),
        ("operation.actor_kind", ActorKind),
        ("operation.status", OperationStatus),
    ],
)
def test_the_schema_knows_the_words_of_the_code(ledger: Ledger, column: str, words: type[StrEnum]) -> None:
    """A word that only one of the two knows could not be stored, or could not be read."""
    ((found,),) = execute(
        ledger,
        "SELECT column_type FROM information_schema.columns"
        " WHERE table_schema = DATABASE() AND CONCAT(table_name, '.', column_name) = %s",
        column,
    )
    assert set(found.removeprefix("enum('").removesuffix("')").split("','")) == set(words)


def test_no_id_is_folded_by_a_collation(ledger: Ledger) -> None:
    """`a`, `A` and whatever else a collation would fold are different people, on both servers alike."""
    found = execute(
        ledger,
        "SELECT table_name, column_name, collation_name FROM information_schema.columns"
        " WHERE table_schema = DATABASE() AND column_name IN ('event_id', 'user_id')",
    )
    assert len(found) == 11
    assert {collation for _, _, collation in found} == {"ascii_bin"}


BATCH = json.dumps([["E", n, f"u{n}", NOW] for n in range(1, 500)])
PLANS: dict[str, tuple[dict[str, object], dict[str, str]]] = {
    "insert_coupons": ({"batch": BATCH}, {"coupon_event": "PRIMARY", "refusal": "PRIMARY"}),
    "read_back": (
        {"batch": BATCH},
        {"coupon_event": "PRIMARY", "refusal": "PRIMARY", "mine": "coupon_one_each", "holder": "PRIMARY"},
    ),
    "outcomes": (
        {"batch": json.dumps([["E", f"u{n}", n, "t", 0, n, n] for n in range(1, 500)])},
        {
            "coupon": "coupon_one_each",
            "refusal": "PRIMARY",
            "placed": "failed_event_source",
            "waits": "failed_event_open",
        },
    ),
    "due_failed": ({"page": 100}, {"failed_event": "failed_event_due"}),
    "standing": (
        {"event_id": "E", "user_id": "u1"},
        {"coupon": "coupon_one_each", "coupon_code": "coupon_code_unspent", "failed_event": "failed_event_open"},
    ),
    "lock_failed_of": ({"event_id": "E", "user_id": "u1"}, {"failed_event": "failed_event_open", "coupon": "PRIMARY"}),
    "open_failed": ({"event_id": "E"}, {"failed_event": "failed_event_status"}),
    "has_row": ({"event_id": "E", "ticket": 1}, {"coupon": "PRIMARY"}),
    "coupons_after": ({"event_id": "E", "after": 5, "page": 10}, {"coupon": "PRIMARY"}),
    "coupon_of_locked": ({"event_id": "E", "user_id": "u1"}, {"coupon": "coupon_one_each"}),
    "lock_event": ({"event_id": "E"}, {"coupon_event": "PRIMARY"}),
    "winners_after": ({"event_id": "E", "after": 5, "page": 10}, {"coupon": "PRIMARY"}),
    "issued_per_second": ({"event_id": "E", "after": NOW, "page": 10}, {"coupon": "PRIMARY"}),
    "failed_of": (
        {"event_id": "E", "user_id": "u1", "cut_at": 10, "page": 10},
        {"failed_event": "failed_event_open"},
    ),
    "count_open": ({}, {"failed_event": "failed_event_due"}),
    "owed": ({"event_id": "E", "user_id": None}, {"failed_event": "failed_event_open"}),
    "erase_coupon": ({"event_id": "E", "user_id": "u1", "erased_id": "x"}, {"coupon": "coupon_one_each"}),
    "erase_coupons": ({"event_id": "E", "low": 1, "high": 10}, {"coupon": "PRIMARY"}),
    "erase_refusal": ({"event_id": "E", "user_id": "u1", "erased_id": "x"}, {"refusal": "PRIMARY"}),
    "put_off_failed": (
        {"batch": json.dumps([[n, "dead", 0, "not_json", "", 0] for n in range(1, 100)]), "lease": "x"},
        {"failed_event": "PRIMARY"},
    ),
    "close_failed": ({"failed_id": 1, "lease": "x", "status": "dead"}, {"failed_event": "PRIMARY"}),
    "known_codes": (
        {"event_id": "E", "batch": json.dumps([[n, f"c{n}".encode().hex()] for n in range(1, 500)])},
        {"same": "PRIMARY", "own": "coupon_code_unspent"},
    ),
    "issued_without_code": (
        {"event_id": "E", "page": 20},
        {"coupon": "PRIMARY", "coupon_code": "coupon_code_unspent"},
    ),
    "ticket_of_code": ({"event_id": "E", "code": b"c1".hex()}, {"coupon_code": "PRIMARY"}),
    "spend_code": ({"event_id": "E", "ticket": 1}, {"coupon_code": "coupon_code_unspent"}),
    "coupon_of_exclusive": ({"event_id": "E", "user_id": "u1"}, {"coupon": "coupon_one_each"}),
    "owner_exclusive": ({"event_id": "E", "ticket": 1}, {"coupon": "PRIMARY"}),
    "delete_coupon": ({"event_id": "E", "ticket": 1}, {"coupon": "PRIMARY"}),
    "redemption": ({"event_id": "E", "key_hash": hash_of("k1")}, {"redemption": "PRIMARY"}),
    "is_redeemed": ({"event_id": "E", "ticket": 1}, {"redemption": "redemption_live"}),
    "take_back": ({"event_id": "E", "key_hash": hash_of("k1")}, {"redemption": "PRIMARY"}),
}


@pytest.mark.parametrize("name", PLANS)
def test_no_statement_scans_a_table(ledger: Ledger, name: str) -> None:
    """Each uses the key that was made for it, with fifty rows in the tables as with a million."""
    ledger.create_event("E", "An event", 50, 0, 1)
    ledger.write([Claim(Ticket("E", f"u{n}", n, 0)) for n in range(1, 101)])
    ledger.upload_codes("E", 1, [f"c{n}" for n in range(1, 51)])
    for n in range(1, 31):
        ledger.redeem_code("E", f"c{n}", f"k{n}", "shop")
    values, keys = PLANS[name]
    with ledger.connect() as connection, connection.cursor(pymysql.cursors.DictCursor) as cursor:
        cursor.execute("ANALYZE TABLE coupon_event, coupon, refusal, failed_event, coupon_code, redemption")
        cursor.fetchall()
        cursor.execute("EXPLAIN FORMAT=TRADITIONAL " + getattr(statements, name).sql, values)
        plan = [step for step in cursor.fetchall() if step["rows"] is not None]
    used = {step["table"]: step["key"] for step in plan if step["table"] not in {"batch", "parsed"}}
    assert {table: used.get(table) for table in keys} == keys
    assert not [step for step in plan if step["type"] == "ALL" and step["table"] in used], "a table is read whole"
