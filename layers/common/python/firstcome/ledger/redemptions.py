"""Redemptions: where a coupon was used. One stands per coupon; a key makes a repeat answer what the first time did.

A redemption holds the event's row shared, then the coupon row exclusively, and looks only then: what it reads, no
revocation and no other redemption changes before it has committed. READ COMMITTED, because the search for a key that
is not there would otherwise lock a gap, into which others insert.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

import pymysql

from firstcome.ledger.codes import quoting_nothing
from firstcome.ledger.database import Connection, Database
from firstcome.ledger.erasure import ERASED
from firstcome.ledger.errors import code_of
from firstcome.ledger.leases import DUPLICATE_KEY
from firstcome.ledger.statements import statements
from firstcome.rules import BadInput, Unavailable

ATTEMPTS = 3  # of a key that somebody else used in the same moment: the second one finds it

_T = TypeVar("_T")


class Redeeming(StrEnum):
    """What became of a redemption, or of taking one back."""

    DONE = "done"  # it stands, or is taken back: now, or by the same request before
    UNKNOWN_EVENT = "unknown_event"
    UNKNOWN_CODE = "unknown_code"
    NOT_ISSUED = "not_issued"  # nobody has this coupon
    REVOKED = "revoked"
    REDEEMED = "redeemed"  # by another key
    KEY_USED = "key_used"  # for another code, or by another caller
    TAKEN_BACK = "taken_back"


@dataclass(frozen=True, slots=True)
class Redemption:
    """What became of it, and the row where there is one."""

    outcome: Redeeming
    ticket: int | None = None
    user_id: str | None = None  # None: nobody is named, as after an erasure
    at_ms: int | None = None  # when it was redeemed, or taken back


def redeem_code(ledger: Database, event_id: str, code: str, key: str, caller: str) -> Redemption:
    """Redeem the coupon that has this code."""
    in_hex = code.encode("ascii").hex()

    def find(connection: Connection) -> tuple[int | None, Redeeming]:
        found = statements.ticket_of_code(connection, event_id=event_id, code=in_hex)
        if found is None:
            return None, Redeeming.UNKNOWN_CODE
        ticket, spent = found
        return (None, Redeeming.REVOKED) if spent else (ticket, Redeeming.NOT_ISSUED)

    return _redeem(ledger, event_id, find, key, caller)


def redeem_person(ledger: Database, event_id: str, user_id: str, key: str, caller: str) -> Redemption:
    """Redeem the coupon of this person, in an event without codes; raise `BadInput` in one that has some."""

    def find(connection: Connection) -> tuple[int | None, Redeeming]:
        ticket = statements.coupon_of_exclusive(connection, event_id=event_id, user_id=user_id)
        if ticket is None and statements.is_refused(connection, event_id=event_id, user_id=user_id) is not None:
            return None, Redeeming.REVOKED
        return ticket, Redeeming.NOT_ISSUED

    return _redeem(ledger, event_id, find, key, caller, by_person=True)


def take_back(ledger: Database, event_id: str, key: str, caller: str) -> Redemption:
    """Take the key's redemption back: its coupon may be redeemed by another key, and this one never again.

    A key that nobody has redeemed with is noted, so that a request which is late does not redeem.
    """
    key_hash = hash_of(key)

    def work(connection: Connection) -> Redemption:
        if statements.lock_event_shared(connection, event_id=event_id) is None:
            return Redemption(Redeeming.UNKNOWN_EVENT)
        _lock_coupon_of(connection, event_id, key_hash)
        row = statements.redemption(connection, event_id=event_id, key_hash=key_hash)
        if row is None:
            statements.insert_redemption(connection, event_id=event_id, key_hash=key_hash, ticket=None, caller=caller)
        elif row[1] != caller:
            return Redemption(Redeeming.KEY_USED)
        else:
            statements.take_back(connection, event_id=event_id, key_hash=key_hash)
        ticket, _, _, at_ms = statements.redemption(connection, event_id=event_id, key_hash=key_hash)
        return Redemption(Redeeming.DONE, ticket, None, at_ms)

    return _alone(ledger, work)


def hash_of(key: str) -> str:
    """Return what is kept of a key, in hexadecimal."""
    return hashlib.sha256(key.encode("ascii")).hexdigest()


def _redeem(
    ledger: Database,
    event_id: str,
    find: Callable[[Connection], tuple[int | None, Redeeming]],
    key: str,
    caller: str,
    *,
    by_person: bool = False,
) -> Redemption:
    """Redeem the ticket that `find` finds; without one, what it says instead holds, as where nobody has the ticket."""
    key_hash = hash_of(key)

    def work(connection: Connection) -> Redemption:
        if statements.lock_event_shared(connection, event_id=event_id) is None:
            return Redemption(Redeeming.UNKNOWN_EVENT)
        ticket, otherwise = find(connection)
        if ticket is None:
            _lock_coupon_of(connection, event_id, key_hash)
            owner = None
        else:
            owner = statements.owner_exclusive(connection, event_id=event_id, ticket=ticket)
        if row := statements.redemption(connection, event_id=event_id, key_hash=key_hash):
            return _repeated(connection, event_id, row, ticket, caller, by_person=by_person)
        if by_person and statements.has_codes(connection, event_id=event_id) is not None:
            raise BadInput("bad_code", "this event has codes: send the code in place of user_id")
        if ticket is None or owner is None:
            return Redemption(otherwise)
        if statements.is_redeemed(connection, event_id=event_id, ticket=ticket) is not None:
            return Redemption(Redeeming.REDEEMED, ticket)
        statements.insert_redemption(connection, event_id=event_id, key_hash=key_hash, ticket=ticket, caller=caller)
        _, _, at_ms, _ = statements.redemption(connection, event_id=event_id, key_hash=key_hash)
        return Redemption(Redeeming.DONE, ticket, _named(owner), at_ms)

    return _alone(ledger, work)


def _repeated(
    connection: Connection,
    event_id: str,
    row: tuple[int | None, str, int | None, int | None],
    asked: int | None,
    caller: str,
    *,
    by_person: bool,
) -> Redemption:
    """Return what a request comes to whose key is known; `asked` is the ticket that it means now."""
    ticket, by, redeemed_at_ms, taken_back_at_ms = row
    if by != caller:
        return Redemption(Redeeming.KEY_USED)
    if taken_back_at_ms is not None:
        return Redemption(Redeeming.TAKEN_BACK)
    owner = statements.owner_exclusive(connection, event_id=event_id, ticket=ticket)
    # Nobody finds an erased person's ticket by their name: the key, which is nobody else's, is what is left to go by.
    erased = owner is not None and _named(owner) is None
    if asked != ticket and not (by_person and asked is None and erased):
        return Redemption(Redeeming.KEY_USED)
    return Redemption(Redeeming.DONE, ticket, _named(owner), redeemed_at_ms)


def _lock_coupon_of(connection: Connection, event_id: str, key_hash: str) -> None:
    """Lock the coupon row that a known key has redeemed: everybody locks it before the redemption's row."""
    known = statements.ticket_of_key(connection, event_id=event_id, key_hash=key_hash)
    if known is not None and known[0] is not None:
        statements.owner_exclusive(connection, event_id=event_id, ticket=known[0])


def _named(owner: str | None) -> str | None:
    """Return the person, None where they were erased."""
    return None if owner is None or owner.startswith(ERASED) else owner


def _alone(ledger: Database, work: Callable[[Connection], _T]) -> _T:
    """Run the transaction, again where somebody used its key at the same moment: the next one finds that row."""
    for _ in range(ATTEMPTS):
        try:
            return ledger.transact(quoting_nothing(work), read_committed=True)
        except pymysql.IntegrityError as error:
            if code_of(error) != DUPLICATE_KEY:
                raise
    raise Unavailable("mysql", "the key is being used at this moment")
