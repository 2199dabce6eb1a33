"""A shop in the simulation: it redeems coupons by their codes, and takes redemptions back, by keys of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from firstcome.ledger.redemptions import Redeeming

if TYPE_CHECKING:
    from firstcome.ledger.ledger import Ledger

SHOP = "shop"
CODES = ("code-1", "code-2")  # of the first tickets; later ones have none


class Till:
    """What the shop was told, and what people were told their codes are."""

    def __init__(self, event_id: str) -> None:
        self.event_id = event_id
        self.redeemed: dict[str, tuple[int | None, str | None]] = {}  # by key: ticket and person
        self.taking_back: set[str] = set()  # keys: done, or not known
        self.taken_back: set[str] = set()  # keys: done
        self.owners: dict[str, str] = {}  # of the codes that people have seen

    def use(self, ledger: Ledger, how: str, code: str) -> None:
        """Redeem a code, or take the redemption of a key back, as `how` says: a verb and the key."""
        verb, key = how.split()
        if verb == "redeem":
            self._redeem(ledger, code, key)
        else:
            self._take_back(ledger, key)

    def _redeem(self, ledger: Ledger, code: str, key: str) -> None:
        """Redeem a code; a key that was taken back before does not redeem, and any other answers what it answered."""
        too_late = key in self.taken_back
        done = ledger.redeem_code(self.event_id, code, key, SHOP)
        if done.outcome is Redeeming.DONE:
            assert not too_late, f"{key} redeems after it was taken back: {done}"
            said = self.redeemed.setdefault(key, (done.ticket, done.user_id))
            assert said == (done.ticket, done.user_id), f"{key} was told {said} before: {done}"

    def _take_back(self, ledger: Ledger, key: str) -> None:
        """Take the redemption of a key back."""
        self.taking_back.add(key)
        if ledger.take_back(self.event_id, key, SHOP).outcome is Redeeming.DONE:
            self.taken_back.add(key)

    def see(self, code: object, user_id: str) -> None:
        """Assert that nobody else was ever told this code."""
        if isinstance(code, str):
            assert self.owners.setdefault(code, user_id) == user_id, f"{code} is told to {user_id}: {self.owners}"

    def check(self, rows: dict[str, int]) -> None:
        """Assert that each coupon is redeemed once at most, and that whoever redeemed one has it still."""
        standing = [said for key, said in self.redeemed.items() if key not in self.taking_back]
        assert len(dict(standing)) == len(standing), f"a coupon is redeemed twice: {self.redeemed}"
        for ticket, user_id in standing:
            assert rows.get(user_id or "") == ticket, f"ticket {ticket} of {user_id} is redeemed, and revoked: {rows}"
