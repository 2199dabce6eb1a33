"""Operations that take long: who works on which, how far they have come, and what they came to.

A worker has a lease of the row. One that died, or fell silent, loses it: its row is due again, another goes on from the
last piece that was kept, and what the first says later changes nothing.
"""

import json
import secrets
from dataclasses import dataclass
from typing import Any

from firstcome.ledger.database import Connection, Database
from firstcome.ledger.operations import Request
from firstcome.ledger.statements import statements
from firstcome.rules import OperationStatus

LEASE_BYTES = 16  # of randomness


@dataclass(slots=True)
class Claimed:
    """One operation that is ours to work on, as long as its row has our lease."""

    id: int
    action: str
    event_id: str | None
    progress: str | None  # None: it begins
    too_old: bool  # it has been worked on for longer than anybody waits
    lease: str


def begin_long_operation(ledger: Database, request: Request) -> bool:
    """Write the row of a request that takes long, due at once; False, and nothing changed, where it has one."""
    row = {
        "request_id": request.request_id,
        "actor": request.actor,
        "actor_kind": request.actor_kind,
        "action": request.action,
        "event_id": request.event_id,
        "what": json.dumps(request.what, ensure_ascii=False),
    }
    return ledger.transact(lambda connection: bool(statements.insert_long_operation(connection, **row)))


def claim_operation(ledger: Database, operation_id: int | None = None) -> Claimed | None:
    """Take a lease of the operation that has been due for longest, or of this one; None where none is due."""

    def work(connection: Connection) -> Claimed | None:
        give_up_ms, lease_ms = ledger.settings.operation_give_up_ms, ledger.settings.operation_lease_ms
        found = statements.due_operation(connection, operation_id=operation_id, give_up_ms=give_up_ms)
        if found is None:
            return None
        id_, action, event_id, progress, too_old = found
        mine = Claimed(id_, action, event_id, progress, bool(too_old), secrets.token_hex(LEASE_BYTES))
        statements.lease_operation(connection, operation_id=id_, lease=mine.lease, lease_ms=lease_ms)
        return mine

    return ledger.transact(work, read_committed=True)


def keep_operation(ledger: Database, mine: Claimed, progress: str) -> bool:
    """Keep how far it has come, and the lease for another piece; False where somebody else has it by now."""
    next_lease, lease_ms = secrets.token_hex(LEASE_BYTES), ledger.settings.operation_lease_ms
    row = {"operation_id": mine.id, "lease": mine.lease, "next_lease": next_lease, "progress": progress}
    kept = ledger.transact(lambda connection: statements.keep_operation(connection, lease_ms=lease_ms, **row))
    mine.lease, mine.progress = next_lease, progress
    return bool(kept)


def put_off_operation(ledger: Database, mine: Claimed, wait_ms: int) -> None:
    """Give the lease back; the operation is due again after so long."""
    row = {"operation_id": mine.id, "lease": mine.lease, "wait_ms": wait_ms}
    ledger.transact(lambda connection: statements.put_off_operation(connection, **row))


def end_operation(ledger: Database, mine: Claimed, status: OperationStatus, answer: dict[str, Any]) -> bool:
    """Write what it came to; False where somebody else has it by now."""
    row = {"operation_id": mine.id, "lease": mine.lease, "status": status}
    text = json.dumps(answer, ensure_ascii=False)
    return ledger.transact(lambda connection: bool(statements.end_operation(connection, answer=text, **row)))
