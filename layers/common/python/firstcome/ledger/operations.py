"""Operations: what operators asked for, who they were, and what it came to.

Each request that changes something has one row, under an id of its own: whoever repeats it is answered by the row.
"""

import json
from dataclasses import dataclass
from typing import Any

from firstcome.ledger.database import Connection, Database
from firstcome.ledger.statements import statements
from firstcome.rules import ActorKind, OperationStatus


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asks for."""

    request_id: str
    actor: str
    actor_kind: ActorKind
    action: str
    event_id: str | None
    user_id: str | None
    what: dict[str, Any]  # the fields as they were given, without what no row may keep


@dataclass(frozen=True, slots=True)
class Operation:
    """One row of `operation`."""

    id: int
    request_id: str
    at_ms: int
    actor: str
    actor_kind: ActorKind
    action: str
    event_id: str | None
    user_id: str | None
    version_before: int | None  # the event's config_version; None: the action is about no version
    version_after: int | None
    status: OperationStatus
    what: dict[str, Any]
    answer: dict[str, Any] | None


def begin_operation(
    ledger: Database,
    request: Request,
    status: OperationStatus = OperationStatus.BEGUN,
    answer: dict[str, Any] | None = None,
    version: int | None = None,
) -> bool:
    """Write the row of a request; False, and nothing changed, where it has one."""
    row = {
        "request_id": request.request_id,
        "actor": request.actor,
        "actor_kind": request.actor_kind,
        "action": request.action,
        "event_id": request.event_id,
        "user_id": request.user_id,
        "status": status,
        "what": _text(request.what),
        "answer": None if answer is None else _text(answer),
        "version": version,
    }
    return ledger.transact(lambda connection: bool(statements.insert_operation(connection, **row)))


def decide_operation(  # noqa: PLR0917  the columns
    ledger: Database,
    request_id: str,
    status: OperationStatus,
    answer: dict[str, Any],
    user_id: str | None,
    before: int | None,
    after: int | None,
) -> None:
    """Write what was decided, in the transaction of the decision."""
    row = {"user_id": user_id, "before": before, "after": after, "status": status, "answer": _text(answer)}
    ledger.transact(lambda connection: statements.decide_operation(connection, request_id=request_id, **row))


def finish_operation(ledger: Database, request_id: str, status: OperationStatus, answer: dict[str, Any]) -> None:
    """Write what a request came to."""
    row = {"status": status, "answer": _text(answer)}
    ledger.transact(lambda connection: statements.finish_operation(connection, request_id=request_id, **row))


def operation(ledger: Database, request_id: str) -> Operation | None:
    """Return the row of a request; None where there is none."""
    row = ledger.read(lambda connection: statements.operation(connection, request_id=request_id))
    return None if row is None else _operation(row)


def operation_of_id(ledger: Database, operation_id: int) -> Operation | None:
    """Return one row; None where there is none."""
    row = ledger.read(lambda connection: statements.operation_of_id(connection, id=operation_id))
    return None if row is None else _operation(row)


def operations(ledger: Database, event_id: str | None, limit: int, before_id: int | None = None) -> list[Operation]:
    """Return up to `limit` rows of the event, or of all, with an id below `before_id`; the newest first."""
    what = {"event_id": event_id, "before": before_id, "page": limit}
    return ledger.read(lambda connection: [_operation(row) for row in statements.operations_before(connection, **what)])


def version_locked(ledger: Database, event_id: str) -> int | None:
    """Return the event's config_version, which nobody else changes before the transaction is over."""

    def work(connection: Connection) -> int | None:
        version: int | None = statements.version_locked(connection, event_id=event_id)
        return version

    return ledger.transact(work)


def _text(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False)


def _operation(columns: tuple[Any, ...]) -> Operation:
    id_, request_id, at_ms, actor, kind, action, event_id, user_id, before, after, status, what, answer = columns
    return Operation(
        id_,
        request_id,
        at_ms,
        actor,
        ActorKind(kind),
        action,
        event_id,
        user_id,
        before,
        after,
        OperationStatus(status),
        json.loads(what),
        None if answer is None else json.loads(answer),
    )
