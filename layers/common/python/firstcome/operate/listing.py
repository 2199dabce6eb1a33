"""Failed rows as the operator reads them: a page of many, each cut, or one of them whole."""

from base64 import b64encode
from typing import Any

from firstcome.ledger.failed_events import FailedRow
from firstcome.operate.arguments import Input
from firstcome.operate.bounded import size
from firstcome.operate.fields import LIST_LIMIT
from firstcome.operate.pages import ROWS_MAX_BYTES, page
from firstcome.rules import BadInput
from firstcome.stores import Stores

# Of each payload in a list: a record of ours has 200 bytes, and the beginning of a foreign one tells whose it is.
PAYLOAD_SHOWN_BYTES = 2_000


def list_failed(stores: Stores, given: Input) -> dict[str, Any]:
    """List failed rows, the oldest first: as many as are asked for, and as fit; `next` is where the next page begins.

    Of a payload the beginning is shown, and `payload_bytes` is how long it is. With `id`, one row with all of it.
    """
    event_id, limit = given.get("event_id"), given.get("limit", LIST_LIMIT)
    if "id" in given:
        if others := given.keys() & {"status", "limit", "after_id"}:
            raise BadInput("bad_id", f"id names one row: leave out {', '.join(sorted(others))}")
        return {"rows": [whole(failed_row(stores, given["id"], event_id))], "next": None}
    found = stores.ledger.list_failed(
        event_id, given.get("status"), limit + 1, given.get("after_id", 0), PAYLOAD_SHOWN_BYTES
    )
    return page(found, limit, show_failed, lambda row: row.id)


def show_failed(row: FailedRow) -> dict[str, Any]:
    """Return the row with the beginning of its payload."""
    return _fields(row) | {"payload": _beginning(row)}


def failed_row(stores: Stores, failed_id: int, event_id: str | None) -> FailedRow:
    """Return one failed row; raise `BadInput` where there is none, or where it is not one of that event."""
    row = stores.ledger.failed_row(failed_id)
    if row is None:
        raise BadInput("bad_id", f"there is no failed row {failed_id}: list_failed names those that there are")
    if event_id not in (None, row.event_id):
        raise BadInput("bad_id", f"failed row {failed_id} is not one of {event_id}")
    return row


def whole(row: FailedRow) -> dict[str, Any]:
    """Return the row with its whole payload: as text, or in base64 where it is none, or where text would be too long.

    One that does not fit even so is cut; `payload_bytes` is how long it is.
    """
    room = ROWS_MAX_BYTES - size(_fields(row))
    try:
        text = row.payload.decode()
    except UnicodeDecodeError:
        text = None
    if text is not None and size(text) < room:
        return _fields(row) | {"payload": text}
    fits = room // 4 * 3 - len("payload_base64")  # base64 makes four characters of three bytes
    return _fields(row) | {"payload_base64": b64encode(row.payload[:fits]).decode()}


def _beginning(row: FailedRow) -> str:
    """Return the beginning of the payload as text, without half a character at its end."""
    shown = row.payload.decode("utf-8", "replace")
    return shown if len(row.payload) == row.payload_bytes else shown.rstrip("\ufffd")


def _fields(row: FailedRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "event_id": row.event_id,
        "user_id": row.user_id,
        "ticket": row.ticket,
        "reason": row.reason,
        "detail": row.detail,
        "status": row.status,
        "attempts": row.attempts,
        "correlation_id": row.correlation_id or None,
        "payload_bytes": row.payload_bytes,
    }
