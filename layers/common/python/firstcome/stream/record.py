"""A record of `coupon_create`: what a ticket looks like in the stream."""

import json
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
        record = _parse(value.decode())
    except (ValueError, RecursionError) as error:
        raise BadRecord(Reason.NOT_JSON, str(error)) from None
    if not isinstance(record, dict):
        raise BadRecord(Reason.NOT_JSON, f"expected an object, not {type(record).__name__}")
    version = record.get("v")
    if type(version) is not int or version != VERSION:
        raise _bad(record, Reason.UNKNOWN_VERSION)
    field = record.get
    try:
        ticket = Ticket(
            rules.check_event_id(field("event_id")),
            rules.check_user_id(field("user_id")),
            _check_ticket(field("ticket")),
            _check_applied_at(field("applied_at")),
        )
        return ticket, _check_restore_epoch(field("restore_epoch"))
    except BadInput:
        raise _bad(record, Reason.BAD_FIELD) from None


def _parse(text: str) -> object:
    """Return what the JSON says. Without space around it, as `encode` writes it, that takes two thirds of the time."""
    try:
        record, end = _raw_decode(text)
    except ValueError:
        return json.loads(text)
    return record if end == len(text) else json.loads(text)


def _bad(record: dict[str, Any], reason: Reason) -> BadRecord:
    """Return everything that is wrong with a record, and what could be read of it all the same."""
    fields: dict[str, Any] = {}
    wrong: list[str] = []
    for name, check in _FIELDS:
        try:
            fields[name] = check(record.get(name))
        except BadInput as error:
            wrong.append(error.detail)
    detail = f"expected v={VERSION}" if reason is Reason.UNKNOWN_VERSION else "; ".join(wrong)
    return BadRecord(reason, detail, fields)


def _check_ticket(value: object) -> int:
    if type(value) is not int or not 1 <= value <= TICKET_MAX:  # type(): a bool is an int, and true is no ticket
        raise BadInput("bad_field", f"ticket must be an integer in 1..{TICKET_MAX}")
    return value


def _check_applied_at(value: object) -> int:
    applied_at_ms = rules.parse_time("applied_at", value)
    if applied_at_ms < 0:
        raise BadInput("bad_field", "applied_at must not be before 1970")
    return applied_at_ms


def _check_restore_epoch(value: object) -> int:
    if type(value) is not int or not 0 <= value <= RESTORE_EPOCH_MAX:
        raise BadInput("bad_field", f"restore_epoch must be an integer in 0..{RESTORE_EPOCH_MAX}")
    return value


_raw_decode = json.JSONDecoder().raw_decode

# In the order of a ticket's fields, the restore_epoch last.
_FIELDS: tuple[tuple[str, Callable[[object], Any]], ...] = (
    ("event_id", rules.check_event_id),
    ("user_id", rules.check_user_id),
    ("ticket", _check_ticket),
    ("applied_at", _check_applied_at),
    ("restore_epoch", _check_restore_epoch),
)
