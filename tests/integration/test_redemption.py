"""Redemption in the ledger: one stands per coupon, a key answers the same, and one that is taken back never redeems."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import pytest

from firstcome.ledger.connect import mysql_connection
from firstcome.ledger.coupons import Claim
from firstcome.ledger.ledger import Ledger
from firstcome.ledger.redemptions import Redeeming, Redemption
from firstcome.rules import BadInput, EventState, Ticket
from tests.patience import PATIENCE_MS

if TYPE_CHECKING:
    from collections.abc import Callable

SHOP, OTHER_SHOP = "shop", "other shop"
PEOPLE = ["alice", "bob", "carol"]


@pytest.fixture
def event(ledger: Ledger) -> str:
    """Alice, bob and carol have coupons with the codes A, B and C; a fourth with the code D is to be had."""
    ledger.create_event("E", "An event", 4, 0, 1)
    ledger.upload_codes("E", 1, ["A", "B", "C", "D"])
    ledger.write([Claim(Ticket("E", user_id, n, 0)) for n, user_id in enumerate(PEOPLE, 1)])
    return "E"


@pytest.fixture
def plain(ledger: Ledger) -> str:
    """Alice and bob have coupons of an event without codes."""
    ledger.create_event("P", "Plain", 3, 0, 1)
    ledger.write([Claim(Ticket("P", user_id, n, 0)) for n, user_id in enumerate(PEOPLE[:2], 1)])
    return "P"


@pytest.fixture
def another(ledger: Ledger) -> Callable[[], Ledger]:
    """Return another connection to the same ledger, as another process has one."""
    return lambda: Ledger(partial(mysql_connection, ledger.settings, PATIENCE_MS), ledger.settings)


def outcome(redemption: Redemption) -> Redeeming:
    return redemption.outcome


def test_a_redemption_names_ticket_person_and_time(ledger: Ledger, event: str) -> None:
    """And the same request answers the very same, however often it comes."""
    done = ledger.redeem_code(event, "B", "k1", SHOP)
    assert (done.outcome, done.ticket, done.user_id) == (Redeeming.DONE, 2, "bob")
    assert done.at_ms
    assert [ledger.redeem_code(event, "B", "k1", SHOP) for _ in range(3)] == [done] * 3
    assert ledger.count_codes(event).redeemed == 1


def test_a_coupon_is_redeemed_once(ledger: Ledger, event: str) -> None:
    """By the first key; the others are told, and change nothing."""
    assert outcome(ledger.redeem_code(event, "A", "k1", SHOP)) is Redeeming.DONE
    assert outcome(ledger.redeem_code(event, "A", "k2", SHOP)) is Redeeming.REDEEMED
    assert outcome(ledger.redeem_code(event, "A", "k2", OTHER_SHOP)) is Redeeming.REDEEMED
    assert outcome(ledger.redeem_code(event, "B", "k2", OTHER_SHOP)) is Redeeming.DONE, "k2 was not used"


def test_a_key_stands_for_one_code_and_one_caller(ledger: Ledger, event: str) -> None:
    """With another code, known or not, or from another caller, it is used."""
    ledger.redeem_code(event, "A", "k1", SHOP)
    for code, caller in (("B", SHOP), ("nonsense", SHOP), ("D", SHOP), ("A", OTHER_SHOP)):
        assert outcome(ledger.redeem_code(event, code, "k1", caller)) is Redeeming.KEY_USED
    ledger.create_event("F", "Another event", 1, 0, 1)
    assert outcome(ledger.redeem_code("F", "A", "k1", SHOP)) is Redeeming.UNKNOWN_CODE, "keys are an event's own"


def test_only_an_issued_coupon_is_redeemed(ledger: Ledger, event: str) -> None:
    """A code of nobody, a code that there is not, exactly as it is written, and an event that there is not."""
    assert outcome(ledger.redeem_code(event, "D", "k1", SHOP)) is Redeeming.NOT_ISSUED
    for code in ("a", "A ", "E"):
        assert outcome(ledger.redeem_code(event, code, "k1", SHOP)) is Redeeming.UNKNOWN_CODE
    assert outcome(ledger.redeem_code("nowhere", "A", "k1", SHOP)) is Redeeming.UNKNOWN_EVENT
    assert outcome(ledger.take_back("nowhere", "k1", SHOP)) is Redeeming.UNKNOWN_EVENT
    assert ledger.count_codes(event).redeemed == 0


def test_a_coupon_is_redeemed_in_every_state(ledger: Ledger, event: str) -> None:
    """The event may be over for long: a coupon is used afterwards."""
    for n, (code, state) in enumerate([("A", EventState.OPEN), ("B", EventState.PAUSED), ("C", EventState.ENDED)]):
        ledger.set_state(event, state)
        assert outcome(ledger.redeem_code(event, code, f"k{n}", SHOP)) is Redeeming.DONE


def test_without_codes_the_person_is_named(ledger: Ledger, plain: str) -> None:
    """By name as by code: once, by one key; whoever has no coupon cannot."""
    done = ledger.redeem_person(plain, "bob", "k1", SHOP)
    assert (done.outcome, done.ticket, done.user_id) == (Redeeming.DONE, 2, "bob")
    assert ledger.redeem_person(plain, "bob", "k1", SHOP) == done
    assert outcome(ledger.redeem_person(plain, "bob", "k2", SHOP)) is Redeeming.REDEEMED
    assert outcome(ledger.redeem_person(plain, "alice", "k1", SHOP)) is Redeeming.KEY_USED
    assert outcome(ledger.redeem_person(plain, "carol", "k3", SHOP)) is Redeeming.NOT_ISSUED
    assert outcome(ledger.redeem_code(plain, "A", "k3", SHOP)) is Redeeming.UNKNOWN_CODE


def test_with_codes_a_person_is_not_enough(ledger: Ledger, event: str) -> None:
    """The code is what a coupon is; a redemption of before the first code still answers its key."""
    with pytest.raises(BadInput, match="send the code"):
        ledger.redeem_person(event, "alice", "k1", SHOP)


def test_codes_that_come_later_leave_redemptions_as_they_are(ledger: Ledger, plain: str) -> None:
    """The same request answers the same, and the coupon is not redeemed again by its code."""
    done = ledger.redeem_person(plain, "alice", "k1", SHOP)
    ledger.upload_codes(plain, 1, ["A", "B", "C"])
    assert ledger.redeem_person(plain, "alice", "k1", SHOP) == done
    assert outcome(ledger.redeem_code(plain, "A", "k2", SHOP)) is Redeeming.REDEEMED
    assert outcome(ledger.redeem_code(plain, "B", "k2", SHOP)) is Redeeming.DONE


# --- taking back -----------------------------------------------------------------------------------------------------


def test_a_key_that_is_taken_back_never_redeems_again(ledger: Ledger, event: str) -> None:
    """The coupon takes a new key; the old one answers so for ever, also to its own repeat."""
    ledger.redeem_code(event, "A", "k1", SHOP)
    back = ledger.take_back(event, "k1", SHOP)
    assert (back.outcome, back.ticket) == (Redeeming.DONE, 1)
    assert ledger.take_back(event, "k1", SHOP) == back, "taken back once"
    assert outcome(ledger.redeem_code(event, "A", "k1", SHOP)) is Redeeming.TAKEN_BACK
    assert outcome(ledger.redeem_code(event, "A", "k2", SHOP)) is Redeeming.DONE
    assert outcome(ledger.redeem_code(event, "A", "k1", SHOP)) is Redeeming.TAKEN_BACK
    assert ledger.take_back(event, "k1", SHOP) == back, "k2 stands"
    assert outcome(ledger.redeem_code(event, "A", "k3", SHOP)) is Redeeming.REDEEMED


def test_a_late_request_of_a_key_that_was_taken_back_is_refused(ledger: Ledger, event: str) -> None:
    """The order was cancelled before its redemption arrived."""
    back = ledger.take_back(event, "k1", SHOP)
    assert (back.outcome, back.ticket) == (Redeeming.DONE, None)
    assert outcome(ledger.redeem_code(event, "A", "k1", SHOP)) is Redeeming.TAKEN_BACK
    assert outcome(ledger.redeem_code(event, "A", "k2", SHOP)) is Redeeming.DONE


def test_nobody_takes_back_somebody_elses_redemption(ledger: Ledger, event: str) -> None:
    """A key is its caller's own, also one that is taken back."""
    ledger.redeem_code(event, "A", "k1", SHOP)
    assert outcome(ledger.take_back(event, "k1", OTHER_SHOP)) is Redeeming.KEY_USED
    assert outcome(ledger.redeem_code(event, "A", "k2", SHOP)) is Redeeming.REDEEMED
    ledger.take_back(event, "k1", SHOP)
    assert outcome(ledger.redeem_code(event, "A", "k1", OTHER_SHOP)) is Redeeming.KEY_USED


# --- at the same time ------------------------------------------------------------------------------------------------


def test_a_hundred_redemptions_of_one_code_make_one(ledger: Ledger, event: str, another: Callable[[], Ledger]) -> None:
    """A hundred keys at once: one redeems, and ninety-nine are told."""

    def redeem(n: int) -> Redeeming:
        mine = another()
        try:
            return mine.redeem_code(event, "A", f"k{n}", SHOP).outcome
        finally:
            mine.close()

    with ThreadPoolExecutor(20) as pool:
        assert Counter(pool.map(redeem, range(100))) == {Redeeming.DONE: 1, Redeeming.REDEEMED: 99}
    assert ledger.count_codes(event).redeemed == 1


def test_one_key_for_three_codes_at_once_redeems_one(ledger: Ledger, event: str, another: Callable[[], Ledger]) -> None:
    """Whoever is first has used it."""

    def redeem(code: str) -> Redeeming:
        mine = another()
        try:
            return mine.redeem_code(event, code, "k1", SHOP).outcome
        finally:
            mine.close()

    with ThreadPoolExecutor(12) as pool:
        found = Counter(pool.map(redeem, ["A", "B", "C"] * 4))
    assert found == {Redeeming.DONE: 4, Redeeming.KEY_USED: 8}
    assert ledger.count_codes(event).redeemed == 1


def test_a_redemption_and_its_being_taken_back_have_one_order(
    ledger: Ledger, event: str, another: Callable[[], Ledger]
) -> None:
    """Whichever is first, the key never redeems afterwards, and the coupon is free for another key."""

    def both(n: int) -> None:
        mine = another()
        try:
            if n % 2:
                mine.redeem_code(event, "A", "k1", SHOP)
            else:
                mine.take_back(event, "k1", SHOP)
        finally:
            mine.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(both, range(16)))
    assert outcome(ledger.redeem_code(event, "A", "k1", SHOP)) is Redeeming.TAKEN_BACK
    assert outcome(ledger.redeem_code(event, "A", "k2", SHOP)) is Redeeming.DONE


def test_eight_back_ends_redeem_a_thousand_codes_once_each(ledger: Ledger, another: Callable[[], Ledger]) -> None:
    """Each goes through all of them, in an order of its own, with keys of its own."""
    codes, back_ends = 1_000, 8
    ledger.create_event("K", "A thousand", codes, 0, 1)
    ledger.upload_codes("K", 1, [f"code-{n}" for n in range(1, codes + 1)])
    ledger.write([Claim(Ticket("K", f"u{n}", n, 0)) for n in range(1, codes + 1)])

    def redeem_all(shop: int) -> list[int]:
        mine = another()
        try:
            order = [(n * 7 + shop * 125) % codes + 1 for n in range(codes)]
            said = [mine.redeem_code("K", f"code-{n}", f"{shop}-{n}", f"shop {shop}") for n in order]
        finally:
            mine.close()
        assert {one.outcome for one in said} <= {Redeeming.DONE, Redeeming.REDEEMED}
        return [one.ticket for one in said if one.outcome is Redeeming.DONE and one.ticket]

    with ThreadPoolExecutor(back_ends) as pool:
        redeemed = [ticket for tickets in pool.map(redeem_all, range(back_ends)) for ticket in tickets]
    assert sorted(redeemed) == list(range(1, codes + 1))
    assert ledger.count_codes("K").redeemed == codes
