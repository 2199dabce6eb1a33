"""Restore: rebuild a lost gate from the stream and the ledger. Until it is done, the gate refuses everybody."""

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from functools import partial
from types import MappingProxyType

from firstcome.gate.answers import Rebuilt
from firstcome.gate.entry import DELIVERED, NO_CALL, REFUSED, entry_of, parse_entry, ticket_of
from firstcome.ledger.events import Event
from firstcome.rules import Ticket
from firstcome.stores import Stores


class Restored(StrEnum):
    """What one attempt came to: what the script answers, in small letters, or that it is too early."""

    RESTORED = "restored"
    ALIVE = "alive"  # it was not lost, or somebody else was faster
    WAITING = "waiting"  # records may be in flight still
    INCOMPLETE = "incomplete"  # the rebuilt keys lost members before they were put in place


def restore(stores: Stores, event: Event) -> Restored:
    """Rebuild the event's gate if it is lost; return what that came to.

    The coupon rows are read after all but the refusals: a record that is consumed meanwhile is then seen in the reader
    or as a row. Raises `Unavailable` if any source cannot be read whole: the gate stays lost.
    """
    ledger, gate, settings = stores.ledger, stores.gate, stores.settings
    lost = gate.lost(event.event_id)
    if lost is None:
        return Restored.ALIVE
    lost_ms, since = lost
    if lost_ms < settings.restore_wait_ms:
        return Restored.WAITING
    replid = gate.replid(event.event_id)
    survivors = gate.survivors(event.event_id)
    owed = [
        *stores.reader.unread(event.event_id, settings.kafka_unread_timeout_ms),
        *ledger.open_failed(event.event_id),
    ]
    # The event as it is now: the caller's may be older than a pause, or than tickets beyond its capacity.
    event = ledger.next_restore_epoch(event.event_id)
    rows, refused = ledger.coupons(event.event_id), partial(ledger.refusals, event.event_id)
    rebuilt = rebuild(rows, owed, refused, event.capacity, survivors)
    found = {
        "coupon_count": rebuilt.count,
        "given_ms": rebuilt.given_ms,
        "replid": replid,
        "config_version": event.config_version,
    }
    return Restored(gate.put_rebuilt(event.event_id, rebuilt, since, event.gate_fields | found).lower())


def rebuild(
    rows: Iterable[Ticket],
    owed: Iterable[Ticket],
    refused: Callable[[], Iterable[str]],
    capacity: int,
    survivors: Mapping[str, str] = MappingProxyType({}),
) -> Rebuilt:
    """Return the gate that these sources tell of: rows are settled, what is owed is pending, the gaps are free.

    Failed rows are pending too: one that was refused meanwhile is then released by the sweep. A ticket outside
    1..capacity was never given by a gate, and is left to its failed row. The last source is an `applied_user` that
    survived: who is in no other was only reserved, and stays so.

    `refused` is asked after the rows: a coupon that is revoked meanwhile would be found in neither of them otherwise,
    and its owner would be given another ticket. Whoever is found in both is refused.
    """
    gate = Rebuilt()
    taken: set[int] = set()
    for row in rows:
        gate.applied[row.user_id] = entry_of(row, NO_CALL)
        taken.add(row.number)
        gate.given_ms = max(gate.given_ms, row.applied_at_ms)
    never = set(refused())
    for user_id in never:
        taken.discard(ticket_of(gate.applied.pop(user_id, "")) or 0)
    for ticket in sorted(owed, key=lambda one: one.number):
        if ticket.user_id in gate.applied or ticket.user_id in never or not 1 <= ticket.number <= capacity:
            continue
        gate.applied[ticket.user_id] = entry_of(ticket, DELIVERED)
        gate.pending[ticket.user_id] = ticket.applied_at_ms
        taken.add(ticket.number)
    for user_id, held in survivors.items():
        given = parse_entry(held)
        if given is None or user_id in gate.applied or user_id in never or given[0] in taken:
            continue
        gate.applied[user_id] = held
        number, gate.pending[user_id] = given
        taken.add(number)
    gate.applied.update((user_id, REFUSED) for user_id in never)
    gate.count = max(taken, default=0)
    gate.given_ms = max(gate.given_ms, *gate.pending.values(), 0)
    gate.released = [number for number in range(1, gate.count) if number not in taken]
    return gate
