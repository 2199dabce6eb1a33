"""Rows that the server rejects fail alone; the server's own trouble is never a failed row."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from firstcome.ledger.coupons import Outcome
from firstcome.rules import FailedStatus, Reason, Unavailable
from tests.integration.claims import AT_MS, claim, reasons

if TYPE_CHECKING:
    from collections.abc import Iterator

    from firstcome.ledger.ledger import Ledger

pytestmark = pytest.mark.usefixtures("event_e")


@contextmanager
def trigger(ledger: Ledger, table: str, condition: str, signal: str) -> Iterator[None]:
    """Let the server reject the rows of a table for which the condition holds."""
    with ledger.connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TRIGGER reject_{table} BEFORE INSERT ON {table} FOR EACH ROW BEGIN "
            f"IF {condition} THEN SIGNAL {signal}; END IF; END"
        )
        try:
            yield
        finally:
            cursor.execute(f"DROP TRIGGER reject_{table}")


SIGNALS = [
    "SQLSTATE '45000' SET MESSAGE_TEXT = 'not this one'",
    "SQLSTATE 'HY000' SET MYSQL_ERRNO = 1114, MESSAGE_TEXT = 'The table is full'",
]


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("poison", [{0}, {3}, {9}, {2, 3}, set(range(10))])
def test_rows_that_the_server_rejects_fail_alone(ledger: Ledger, signal: str, poison: set[int]) -> None:
    """A row that is wrong in itself ends as a failed row; its neighbours are committed."""
    ledger.create_event("many", "Many", 10, AT_MS, AT_MS + 1)
    batch = [claim(f"poison{n}" if n in poison else f"user{n}", n + 1, "many") for n in range(10)]
    with trigger(ledger, "coupon", "NEW.user_id LIKE 'poison%'", signal):
        written = ledger.write(batch)
        told = ledger.write([batch[min(poison)]], record=False).verdicts[0]
    assert written.issued == 10 - len(poison)
    assert {n for n, one in enumerate(written.verdicts) if one.outcome is Outcome.REJECTED} == poison
    rows = ledger.list_failed("many", FailedStatus.WAITING, 20)
    assert {(row.reason, row.user_id) for row in rows} == {(Reason.LEDGER_REJECTED, f"poison{n}") for n in poison}
    assert all(signal.split("'")[-2] in row.detail for row in rows)
    assert told.outcome is Outcome.REJECTED
    assert signal.split("'")[-2] in told.detail


@pytest.mark.parametrize("signal", SIGNALS)
def test_a_batch_is_rolled_back_if_its_failed_row_cannot_be_kept(ledger: Ledger, signal: str) -> None:
    """Where neither the row nor its failed row can be stored, the stream keeps the record: nothing is swallowed."""
    with trigger(ledger, "coupon", "NEW.user_id = 'poison'", signal), trigger(ledger, "failed_event", "TRUE", signal):
        with pytest.raises(Unavailable, match="failed row"):
            ledger.write([claim("a", 1), claim("poison", 2)])
        assert ledger.audit_counts("E").rows == 0
    assert ledger.write([claim("a", 1), claim("poison", 2)]).issued == 2


@pytest.mark.parametrize(("code", "what"), [(1290, "read-only"), (1021, "disk full"), (1146, "no such table")])
def test_the_servers_trouble_is_never_a_failed_row(ledger: Ledger, code: int, what: str) -> None:
    """What would fail for every row leaves no failed row: the batch comes again."""
    signal = f"SQLSTATE 'HY000' SET MYSQL_ERRNO = {code}, MESSAGE_TEXT = '{what}'"
    with trigger(ledger, "coupon", "NEW.user_id = 'poison'", signal), pytest.raises(Unavailable, match=what):
        ledger.write([claim("a", 1), claim("poison", 2)])
    assert (ledger.audit_counts("E").rows, reasons(ledger)) == (0, [])
