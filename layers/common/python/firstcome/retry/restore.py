"""Restore: rebuild a lost gate from the stream and the ledger. Until it is done, the gate refuses everybody."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

from firstcome.gate.gate import REFUSED, parse_held

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from firstcome.gate.gate import Gate
    from firstcome.ledger.events import Event
    from firstcome.ledger.ledger import Ledger
    from firstcome.rules import Ticket
    from firstcome.settings import Settings
    from firstcome.stream.reader import StreamReader

_T = TypeVar("_T")

# The rebuilt keys of a builder that died go by themselves; the largest gate is built in seconds.
TEMPORARY_TTL_MS = 10 * 60 * 1000
# Members per command: larger ones gain nothing, and Redis serves nobody else meanwhile.
CHUNK = 1_000


class Restored(StrEnum):
    """What one attempt came to."""

    RESTORED = "restored"
    ALIVE = "alive"  # it was not lost, or somebody else was faster
    WAITING = "waiting"  # records may be in flight still
    INCOMPLETE = "incomplete"  # the rebuilt keys lost members before they were put in place


@dataclass(slots=True)
class Rebuilt:
    """The content of a gate."""

    applied: dict[str, str] = field(default_factory=dict)
    pending: dict[str, int] = field(default_factory=dict)
    released: list[int] = field(default_factory=list)
    count: int = 0


def restore(ledger: Ledger, gate: Gate, reader: StreamReader, settings: Settings, event: Event) -> Restored:
    """Rebuild the event's gate if it is lost; return what that came to.

    The coupon rows are read last: a record that is consumed meanwhile is then seen in the reader or as a row. Raises
    `Unavailable` if any source cannot be read whole: the gate stays lost.
    """
    lost = gate.lost(event.event_id)
    if lost is None:
        return Restored.ALIVE
    lost_ms, since = lost
    if lost_ms < settings.restore_wait_ms:
        return Restored.WAITING
    replid = gate.replid(event.event_id)
    survivors = gate.survivors(event.event_id)
    owed = [*reader.unread(event.event_id, settings.kafka_tail_timeout_ms), *ledger.open_failed(event.event_id)]
    refused = ledger.refusals(event.event_id)
    # The event as it is now: the caller's may be older than a pause, or than tickets beyond its capacity.
    event = ledger.next_restore_epoch(event.event_id)
    rebuilt = rebuild(ledger.coupons(event.event_id), owed, refused, event.capacity, survivors)
    fields = {
        **event.gate_fields,
        "coupon_count": rebuilt.count,
        "replid": replid,
        "config_version": event.config_version,
    }
    return Restored(_put(gate, event, rebuilt, since, fields).lower())


def rebuild(
    rows: Iterable[Ticket],
    owed: Iterable[Ticket],
    refused: Iterable[str],
    capacity: int,
    survivors: Mapping[str, str] = MappingProxyType({}),
) -> Rebuilt:
    """Return the gate that these sources tell of: rows are settled, what is owed is pending, the gaps are free.

    Failed rows are pending too: one that was refused meanwhile is then released by the sweep. A ticket outside
    1..capacity was never given by a gate, and is left to its failed row. The last source is an `applied_user` that
    survived: who is in no other was only reserved, and stays so.
    """
    gate = Rebuilt()
    taken: set[int] = set()
    for row in rows:
        gate.applied[row.user_id] = _held(row, "-")
        taken.add(row.number)
    never = set(refused)
    for ticket in sorted(owed, key=lambda one: one.number):
        if ticket.user_id in gate.applied or ticket.user_id in never or not 1 <= ticket.number <= capacity:
            continue
        gate.applied[ticket.user_id] = _held(ticket, "+")
        gate.pending[ticket.user_id] = ticket.applied_at_ms
        taken.add(ticket.number)
    for user_id, held in survivors.items():
        number, applied_at_ms = parse_held(held)
        if number is None or applied_at_ms is None or user_id in gate.applied or user_id in never or number in taken:
            continue
        gate.applied[user_id] = held
        gate.pending[user_id] = applied_at_ms
        taken.add(number)
    gate.applied.update((user_id, REFUSED) for user_id in never)
    gate.count = max(taken, default=0)
    gate.released = [number for number in range(1, gate.count) if number not in taken]
    return gate


def _put(gate: Gate, event: Event, rebuilt: Rebuilt, since: int, fields: dict[str, str | int]) -> str:
    """Write the rebuilt keys beside the real ones, then let one script put them in place."""
    nonce = secrets.token_hex(4)
    temporary = [f"{key}:{nonce}" for key in gate.keys(event.event_id)[1:4]]
    applied, pending, released = temporary
    with gate.answering():
        for chunk in _chunks(rebuilt.applied.items()):
            gate.redis.hset(applied, mapping=dict(chunk))
            gate.redis.pexpire(applied, TEMPORARY_TTL_MS)
        for scored in _chunks(rebuilt.pending.items()):
            gate.redis.zadd(pending, dict(scored))
            gate.redis.pexpire(pending, TEMPORARY_TTL_MS)
        for scored in _chunks((f"{ticket}:0", ticket) for ticket in rebuilt.released):
            gate.redis.zadd(released, dict(scored))
            gate.redis.pexpire(released, TEMPORARY_TTL_MS)
    sizes = [len(rebuilt.applied), len(rebuilt.pending), len(rebuilt.released)]
    return gate.restore(event.event_id, temporary, sizes, since, fields)


def _chunks(items: Iterable[_T]) -> Iterator[list[_T]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, CHUNK)):
        yield chunk


def _held(ticket: Ticket, call: str) -> str:
    return f"{ticket.number} {ticket.applied_at_ms} {call}"
