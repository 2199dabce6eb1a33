"""Revocation: a coupon goes, its owner gets none again, its ticket is free, and its code is nobody's any more."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from firstcome.ledger.connect import mysql_connection
from firstcome.ledger.failed_events import Failure
from firstcome.ledger.ledger import Ledger
from firstcome.ledger.redemptions import Redeeming
from firstcome.rules import BadInput, Reason
from tests.patience import PATIENCE_MS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.world import World

SHOP = "shop"


@pytest.fixture
def sold(world: World) -> World:
    """Alice, bob and carol have the three coupons, with the codes A, B and C; no ticket that comes free rests."""
    world = world.with_settings(released_rest_ms=0)
    world.stores.ledger.upload_codes(world.event_id, 1, ["A", "B", "C"])
    world.consume(*(world.apply(user_id) for user_id in ("alice", "bob", "carol")))
    return world


def code(call: Callable[[], Any]) -> str:
    with pytest.raises(BadInput) as told:
        call()
    return told.value.code


def test_a_revoked_coupon_goes_to_the_next_who_asks(sold: World) -> None:
    """Its owner is refused for good, also by a record that comes late."""
    late = sold.ticket("bob", 2)
    assert sold.operate("revoke", user_id="bob", reason="a bot")["gate"] == "RELEASED"
    assert sold.outcome("bob") == "REFUSED"
    dave = sold.apply("dave")
    assert dave.number == 2
    sold.consume(late, dave)
    assert sold.holders() == {"alice": 1, "dave": 2, "carol": 3}
    assert sold.outcome("bob") == "REFUSED"
    sold.assert_promise(rows=3)


def test_a_revoked_code_is_spent_for_ever(sold: World) -> None:
    """Its next owner has none until an upload gives the ticket another; the spent one is nobody's."""
    ledger, event_id = sold.stores.ledger, sold.event_id
    assert sold.operate("revoke", user_id="bob")["code_spent"] is True
    assert ledger.redeem_code(event_id, "B", "k1", SHOP).outcome is Redeeming.REVOKED
    dave = sold.apply("dave")
    sold.consume(dave)
    assert ledger.standing(event_id, "dave").code is None
    assert ledger.redeem_code(event_id, "B", "k1", SHOP).outcome is Redeeming.REVOKED
    assert code(lambda: ledger.upload_codes(event_id, 1, ["A", "D", "B"])) == "duplicate_codes"
    ledger.upload_codes(event_id, 2, ["D"])
    assert ledger.standing(event_id, "dave").code == "D"
    assert ledger.redeem_code(event_id, "D", "k1", SHOP).user_id == "dave"


def test_a_redeemed_coupon_is_not_revoked(sold: World) -> None:
    """First the redemption is taken back."""
    ledger = sold.stores.ledger
    ledger.redeem_code(sold.event_id, "B", "k1", SHOP)
    assert code(lambda: sold.operate("revoke", user_id="bob")) == "redeemed"
    assert sold.holders()["bob"] == 2
    ledger.take_back(sold.event_id, "k1", SHOP)
    assert sold.operate("revoke", user_id="bob")["ticket"] == 2
    assert ledger.redeem_code(sold.event_id, "B", "k1", SHOP).outcome is Redeeming.TAKEN_BACK
    assert ledger.redeem_code(sold.event_id, "B", "k2", SHOP).outcome is Redeeming.REVOKED


def test_a_revocation_closes_open_failed_rows(sold: World) -> None:
    """A record of bob's had failed before another one became his row: nobody works on it any more."""
    sold.stores.ledger.write([], [Failure(Reason.LEDGER_REJECTED, "full", b"raw", *sold.ticket("bob", 2))])
    sold.operate("revoke", user_id="bob")
    assert [(row["user_id"], row["status"]) for row in sold.operate("list_failed")["rows"]] == [("bob", "refused")]
    sold.consume(sold.apply("dave"))
    sold.assert_promise(rows=3)


def test_without_codes_a_revoked_person_is_told_so(world: World) -> None:
    """Their name redeems nothing any more."""
    world.consume(world.apply("alice"))
    world.operate("revoke", user_id="alice")
    assert world.stores.ledger.redeem_person(world.event_id, "alice", "k1", SHOP).outcome is Redeeming.REVOKED


def test_a_revocation_may_be_repeated(sold: World) -> None:
    """The next one finds it done; whoever has no coupon is refused with `refuse`."""
    first = sold.operate("revoke", user_id="bob")
    assert (first["ticket"], first["gate"]) == (2, "RELEASED")
    again = sold.operate("revoke", user_id="bob")
    assert (again["ticket"], again["gate"]) == (None, "UNCHANGED")
    assert code(lambda: sold.operate("revoke", user_id="nobody")) == "no_coupon"
    sold.assert_promise(rows=2)


def test_the_retry_tells_a_gate_that_did_not_hear_of_it(sold: World) -> None:
    """The process died between the commit and the gate: the ticket comes free all the same."""
    assert sold.stores.ledger.revoke(sold.event_id, "bob", "a bot").done
    assert sold.outcome("bob") == "ALREADY"
    assert sold.retry()["released"] == 1
    assert sold.outcome("bob") == "REFUSED"
    assert sold.apply("dave").number == 2
    sold.consume(sold.ticket("dave", 2))
    sold.assert_promise(rows=3)


@pytest.mark.parametrize("at", ["next_restore_epoch", "coupons", "refusals"])
def test_a_revocation_while_restore_reads_is_honoured(sold: World, monkeypatch: pytest.MonkeyPatch, at: str) -> None:
    """Whatever restore has read by then, its owner is given no other ticket, and the ticket is not lost."""
    sold = sold.with_settings(released_rest_ms=0, restore_wait_ms=0)
    ledger = sold.stores.ledger
    read = getattr(ledger, at)

    def after(event_id: str) -> Any:
        answer = list(read(event_id)) if at != "next_restore_epoch" else read(event_id)
        ledger.revoke(event_id, "bob", "a bot")
        return answer

    sold.lose_gate()
    monkeypatch.setattr(ledger, at, after)
    assert sold.retry()["restored"] == 1
    monkeypatch.setattr(ledger, at, read)
    assert sold.outcome("bob") == ("ALREADY" if at == "refusals" else "REFUSED"), "no other ticket"
    sold.retry()
    assert sold.outcome("bob") == "REFUSED"
    assert sold.apply("dave").number == 2
    sold.consume(sold.ticket("dave", 2))
    sold.assert_promise(rows=3)


def test_a_coupon_is_redeemed_or_revoked_and_never_both(sold: World) -> None:
    """Eight of each at the same time: what is told is what stands."""
    ledger, event_id = sold.stores.ledger, sold.event_id

    def one(n: int) -> str:
        mine = Ledger(partial(mysql_connection, ledger.settings, PATIENCE_MS), ledger.settings)
        try:
            if n % 2:
                return str(mine.revoke(event_id, "bob", "a bot").done)
            return mine.redeem_code(event_id, "B", f"k{n}", SHOP).outcome
        finally:
            mine.close()

    with ThreadPoolExecutor(8) as pool:
        said = Counter(pool.map(one, range(16)))
    redeemed = ledger.count_codes(event_id).redeemed
    assert ("bob" in sold.holders()) is bool(redeemed)
    expected = {"done": 1, "redeemed": 7, "False": 8} if redeemed else {"revoked": 8, "True": 8}
    assert said == expected
