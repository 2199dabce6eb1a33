"""Redemptions, uploads and revocations wait for one another: by the event's row, then by the coupon's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from firstcome.ledger.redemptions import Redeeming
from firstcome.ledger.statements import statements
from firstcome.rules import Unavailable
from tests.integration.test_redemption import PEOPLE, SHOP, event, outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from firstcome.ledger.ledger import Ledger


__all__ = ["event"]


def test_a_redemption_waits_for_who_decides_about_the_event(ledger: Ledger, event: str, hasty: Ledger) -> None:
    """A revocation or an upload comes before all that it reads and writes, or after."""
    assert outcome(ledger.redeem_code(event, "A", "k1", SHOP)) is Redeeming.DONE
    with ledger.connect() as other:
        other.begin()
        statements.lock_event(other, event_id=event)
        waits: list[Callable[[], object]] = [
            lambda: hasty.redeem_code(event, "B", "k2", SHOP),
            lambda: hasty.redeem_person(event, "bob", "k2", SHOP),
            lambda: hasty.take_back(event, "k1", SHOP),
        ]
        for wait in waits:
            with pytest.raises(Unavailable, match="1205"):
                wait()
        other.rollback()
    assert outcome(hasty.redeem_code(event, "B", "k2", SHOP)) is Redeeming.DONE


def test_a_redemption_waits_for_its_own_coupon_alone(ledger: Ledger, event: str, hasty: Ledger) -> None:
    """Whoever has the coupon's row first is first; redemptions of other coupons go on meanwhile."""
    assert outcome(ledger.redeem_code(event, "A", "k1", SHOP)) is Redeeming.DONE
    with ledger.connect() as other:
        other.begin()
        statements.lock_event_shared(other, event_id=event)
        for ticket in (1, 2):
            assert statements.owner_exclusive(other, event_id=event, ticket=ticket) == PEOPLE[ticket - 1]
        waits: list[Callable[[], object]] = [
            lambda: hasty.redeem_code(event, "B", "k2", SHOP),
            lambda: hasty.take_back(event, "k1", SHOP),
        ]
        for wait in waits:
            with pytest.raises(Unavailable, match="1205"):
                wait()
        assert outcome(hasty.redeem_code(event, "C", "k3", SHOP)) is Redeeming.DONE
        other.rollback()


def test_upload_and_revocation_wait_for_redemptions(ledger: Ledger, event: str, hasty: Ledger) -> None:
    """What a redemption has read stays so until it has committed."""
    with ledger.connect() as other:
        other.begin()
        statements.lock_event_shared(other, event_id=event)
        waits: list[Callable[[], object]] = [
            lambda: hasty.upload_codes(event, 4, ["D"]),
            lambda: hasty.revoke(event, "carol", "a bot"),
        ]
        for wait in waits:
            with pytest.raises(Unavailable, match="1205"):
                wait()
        other.rollback()
    assert hasty.upload_codes(event, 4, ["D"]).unchanged == 1
