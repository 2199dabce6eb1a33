"""Redemptions, uploads and revocations wait for one another: by the event's row, then by the coupon's."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from firstcome.ledger.ledger import Ledger
from firstcome.ledger.redemptions import Redeeming
from firstcome.ledger.statements import statements
from firstcome.rules import Unavailable
from firstcome.settings import Settings
from tests.integration.test_redemption import PEOPLE, SHOP, event, outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from firstcome.ledger.database import Connection

__all__ = ["event"]


@pytest.fixture
def impatient(ledger: Ledger) -> Iterator[Ledger]:
    """A ledger that says `Unavailable` at the first lock that it would have to wait for."""

    def connect() -> Connection:
        connection = ledger.connect()
        with connection.cursor() as cursor:
            cursor.execute("SET innodb_lock_wait_timeout = 1")
        return connection

    with closing(Ledger(connect, Settings(mysql_deadlock_retries=0))) as impatient:
        yield impatient


def test_a_redemption_waits_for_who_decides_about_the_event(ledger: Ledger, event: str, impatient: Ledger) -> None:
    """A revocation or an upload comes before all that it reads and writes, or after."""
    assert outcome(ledger.redeem_code(event, "A", "k1", SHOP)) is Redeeming.DONE
    with ledger.connect() as other:
        other.begin()
        statements.lock_event(other, event_id=event)
        waits: list[Callable[[], object]] = [
            lambda: impatient.redeem_code(event, "B", "k2", SHOP),
            lambda: impatient.redeem_person(event, "bob", "k2", SHOP),
            lambda: impatient.take_back(event, "k1", SHOP),
        ]
        for wait in waits:
            with pytest.raises(Unavailable, match="1205"):
                wait()
        other.rollback()
    assert outcome(impatient.redeem_code(event, "B", "k2", SHOP)) is Redeeming.DONE


def test_a_redemption_waits_for_its_own_coupon_alone(ledger: Ledger, event: str, impatient: Ledger) -> None:
    """Whoever has the coupon's row first is first; redemptions of other coupons go on meanwhile."""
    assert outcome(ledger.redeem_code(event, "A", "k1", SHOP)) is Redeeming.DONE
    with ledger.connect() as other:
        other.begin()
        statements.lock_event_shared(other, event_id=event)
        for ticket in (1, 2):
            assert statements.owner_exclusive(other, event_id=event, ticket=ticket) == PEOPLE[ticket - 1]
        waits: list[Callable[[], object]] = [
            lambda: impatient.redeem_code(event, "B", "k2", SHOP),
            lambda: impatient.take_back(event, "k1", SHOP),
        ]
        for wait in waits:
            with pytest.raises(Unavailable, match="1205"):
                wait()
        assert outcome(impatient.redeem_code(event, "C", "k3", SHOP)) is Redeeming.DONE
        other.rollback()


def test_upload_and_revocation_wait_for_redemptions(ledger: Ledger, event: str, impatient: Ledger) -> None:
    """What a redemption has read stays so until it has committed."""
    with ledger.connect() as other:
        other.begin()
        statements.lock_event_shared(other, event_id=event)
        waits: list[Callable[[], object]] = [
            lambda: impatient.upload_codes(event, 4, ["D"]),
            lambda: impatient.revoke(event, "carol", "a bot"),
        ]
        for wait in waits:
            with pytest.raises(Unavailable, match="1205"):
                wait()
        other.rollback()
    assert impatient.upload_codes(event, 4, ["D"]).unchanged == 1
