"""What a person holds: their entry of `applied_user`, "<ticket> <applied_at_ms> <call>" or `REFUSED`.

The scripts read and write the same, by the functions of prelude.lua.
"""

from firstcome.rules import Ticket

REFUSED = "refused"
# In the place of the application's random name:
DELIVERED = "+"  # the record is known to be in the stream
NO_CALL = "-"  # no application was answered with this ticket


def entry_of(ticket: Ticket, call: str) -> str:
    """Return the entry of a person who holds this ticket."""
    return f"{ticket.number} {ticket.applied_at_ms} {call}"


def parse_entry(entry: str) -> tuple[int, int] | None:
    """Return ticket and applied_at_ms; None where there is no entry (""), or where the person is refused."""
    if not entry or entry == REFUSED:
        return None
    ticket, applied_at_ms, _ = entry.split(" ")
    return int(ticket), int(applied_at_ms)


def ticket_of(entry: str) -> int | None:
    """Return the ticket; None where there is none."""
    parsed = parse_entry(entry)
    return parsed[0] if parsed else None
