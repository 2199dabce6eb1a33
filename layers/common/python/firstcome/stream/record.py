"""A record of `coupon_create`: what a ticket looks like in the stream."""

import json
import re
from collections.abc import Callable
from typing import Any

from firstcome import rules
from firstcome.rules import BadInput, Reason, Ticket

VERSION = 1
TICKET_MAX = 2**31 - 1  # the ledger's INT
RESTORE_EPOCH_MAX = 2**53  # the largest that every JSON reader and Redis's Lua keep exactly


class BadRecord(Exception):  # noqa: N818  a fact about a record, which becomes a row of failed_event
    """A record that is wrong in itself. Of its fields, those that could be read and are valid; the others are None."""

    def __init__(self, reason: Reason, detail: str, fields: dict[str, Any] | None = None) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        fields = fields or {}
        self.event_id: str | None = fields.get("event_id")
        self.user_id: str | None = fields.get("user_id")
        self.ticket: int | None = fields.get("ticket")
        self.applied_at_ms: int | None = fields.get("applied_at")


def encode(ticket: Ticket, restore_epoch: int) -> bytes:
    """Return the record's value: compact JSON, the same bytes for the same ticket."""
    record = {
        "v": VERSION,
        "event_id": ticket.event_id,
        "user_id": ticket.user_id,
        "ticket": ticket.number,
        "applied_at": rules.rfc3339(ticket.applied_at_ms),
        "restore_epoch": restore_epoch,
    }
    return json.dumps(record, separators=(",", ":")).encode()


def decode(value: bytes | None) -> tuple[Ticket, int]:
    """Return the ticket and the gate's restore_epoch; raise `BadRecord` for anything that `encode` would not write.

    Fields that are not known are ignored, so that a later producer may add some.
    """
    if value is None:
        raise BadRecord(Reason.NO_VALUE, "the record has no value")
    try:
        text = value.decode()
        if written := _as_written(text):
            return written
        record = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadRecord(Reason.NOT_JSON, str(error)) from None
    if not isinstance(record, dict):
        raise BadRecord(Reason.NOT_JSON, f"expected an object, not {type(record).__name__}")
    version = record.get("v")
    if type(version) is not int or version != VERSION:
        raise _bad(record, Reason.UNKNOWN_VERSION)
    try:
        *ticket, restore_epoch = [check(record.get(name)) for name, check in _FIELDS.items()]
    except BadInput:
        raise _bad(record, Reason.BAD_FIELD) from None
    return Ticket(*ticket), restore_epoch


def _as_written(text: str) -> tuple[Ticket, int] | None:
    """Return what `encode` has written, in half the time that JSON takes; None for anything else, right or wrong."""
    found = _WRITTEN.fullmatch(text)
    if found is None:
        return None
    event_id, user_id, ticket, applied_at, restore_epoch = found.groups()
    try:
        applied_at_ms = _check_applied_at(applied_at)
    except BadInput:
        return None
    if int(ticket) > TICKET_MAX or int(restore_epoch) > RESTORE_EPOCH_MAX:
        return None
    return Ticket(event_id, user_id, int(ticket), applied_at_ms), int(restore_epoch)


def _bad(record: dict[str, Any], reason: Reason) -> BadRecord:
    """Return everything that is wrong with a record, and what could be read of it all the same."""
    fields: dict[str, Any] = {}
    wrong: list[str] = []
    for name, check in _FIELDS.items():
        try:
            fields[name] = check(record.get(name))
        except BadInput as error:
            wrong.append(error.detail)
    detail = f"expected v={VERSION}" if reason is Reason.UNKNOWN_VERSION else "; ".join(wrong)
    return BadRecord(reason, detail, fields)


def _check_int(name: str, value: object, low: int, high: int) -> int:
    if type(value) is not int or not low <= value <= high:  # type(): a bool is an int, and true is no ticket
        raise BadInput("bad_field", f"{name} must be an integer in {low}..{high}")
    return value


def _check_applied_at(value: object) -> int:
    applied_at_ms = rules.parse_time("applied_at", value)
    if applied_at_ms < 0:
        raise BadInput("bad_field", "applied_at must not be before 1970")
    return applied_at_ms


# What `encode` writes, with the ids as their checks have them.
_WRITTEN = re.compile(
    f'{{"v":{VERSION},"event_id":"({rules.EVENT_ID_PATTERN})","user_id":"({rules.USER_ID_PATTERN})",'
    r'"ticket":([1-9][0-9]{0,9}),"applied_at":"([0-9-]{10}T[0-9:]{8}\.[0-9]{3}Z)","restore_epoch":(0|[1-9][0-9]{0,15})}'
)

# In the order of a ticket's fields, the restore_epoch last.
_FIELDS: dict[str, Callable[[object], Any]] = {
    "event_id": rules.check_event_id,
    "user_id": rules.check_user_id,
    "ticket": lambda value: _check_int("ticket", value, 1, TICKET_MAX),
    "applied_at": _check_applied_at,
    "restore_epoch": lambda value: _check_int("restore_epoch", value, 0, RESTORE_EPOCH_MAX),
}
