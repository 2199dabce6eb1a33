"""Operations that take long, worked off in pieces by the schedule and by whoever asks about them.

Every piece may be done twice: an audit changes nothing, and restore and reconcile are made to be repeated.
"""

import time
from collections.abc import Callable
from typing import Any

from firstcome.audit.pieces import Progress, piece
from firstcome.ledger.events import Event
from firstcome.ledger.long_operations import Claimed
from firstcome.retry.reconcile import reconcile
from firstcome.retry.restore import Restored, restore
from firstcome.rules import BadInput, OperationStatus
from firstcome.runtime.telemetry import logger
from firstcome.stores import Stores

REPAIRS_SHOWN = 100  # of a reconciliation; how many there were is counted
# Coupons of the largest event whose gate is restored or reconciled while somebody waits: it is one piece, of some 5 s.
# Larger ones are the schedule's.
AT_ONCE_COUPONS = 100_000
WAIT_MS = 1_000  # before a restore looks again whether the records in flight have arrived

Piece = Callable[[Stores, Event, str | None], tuple[dict[str, Any] | None, str]]


def work_off(stores: Stores, stop: Callable[[], bool], operation_id: int | None = None, *, asked: bool = False) -> int:
    """Work on what is due, or on this one operation, until `stop`; return how many were finished.

    `asked`: somebody waits. Raises `Unavailable` where a server is away; what it was about is due again later.
    """
    finished = 0
    while not stop() and (mine := stores.ledger.claim_operation(operation_id)):
        finished += _work_on(stores, mine, stop, asked=asked)
        if operation_id is not None:
            break
    return finished


def _work_on(stores: Stores, mine: Claimed, stop: Callable[[], bool], *, asked: bool) -> bool:
    """Do the operation's pieces; say whether it is finished, by us."""
    ledger = stores.ledger
    try:
        event = _event(stores, mine.event_id)
        if mine.too_old:
            detail = "it was not finished in time, and is given up: the log of the scheduled retry says why"
            return ledger.end_operation(mine, OperationStatus.FAILED, {"code": "given_up", "detail": detail})
        if asked and mine.action != "audit" and event.capacity > AT_ONCE_COUPONS:
            ledger.put_off_operation(mine, 0)
            return False
        while True:
            before = mine.progress
            answer, progress = PIECES[mine.action](stores, event, before)
            if answer is not None:
                return ledger.end_operation(mine, OperationStatus.DONE, answer)
            if not ledger.keep_operation(mine, progress):
                return False  # the lease was over: somebody else goes on
            if progress == before or stop():
                ledger.put_off_operation(mine, WAIT_MS if progress == before else 0)
                return False
    except BadInput as refusal:
        said = {"code": refusal.code, "detail": refusal.detail}
        return ledger.end_operation(mine, OperationStatus.REFUSED, said)
    except Exception:
        logger.warning("operation put off", extra={"operation": mine.id, "work": mine.action})
        ledger.put_off_operation(mine, stores.settings.operation_put_off_ms)
        raise


def deadline(ms: int) -> Callable[[], bool]:
    """Return what says whether so much time has passed from now on."""
    end_s = time.monotonic() + ms / 1000
    return lambda: time.monotonic() >= end_s


def audit_piece(stores: Stores, event: Event, text: str | None) -> tuple[dict[str, Any] | None, str]:
    """Do one piece of an audit."""
    progress = Progress.load(text) if text else Progress()
    answer = piece(stores, event, progress)
    return answer, progress.dump()


def restore_now(stores: Stores, event: Event) -> dict[str, Any]:
    """Rebuild a lost gate, if the records in flight have had the time to arrive."""
    if not stores.ledger.is_gated(event.event_id):
        raise BadInput("past_retention", "the event is past its retention: the ledger alone answers for it")
    return {"outcome": restore(stores, event)}


def reconcile_now(stores: Stores, event: Event) -> dict[str, Any]:
    """Compare a quiet event's gate with the ledger, and repair it."""
    outcome, repairs = reconcile(stores, event.event_id)
    return {"outcome": outcome, "repairs": len(repairs), "first": [list(repair) for repair in repairs[:REPAIRS_SHOWN]]}


def _restore_piece(stores: Stores, event: Event, _: str | None) -> tuple[dict[str, Any] | None, str]:
    """Restore once; while records may be in flight, it is not finished."""
    answer = restore_now(stores, event)
    return (None if answer["outcome"] is Restored.WAITING else answer), Restored.WAITING


def _reconcile_piece(stores: Stores, event: Event, _: str | None) -> tuple[dict[str, Any] | None, str]:
    return reconcile_now(stores, event), ""


def _event(stores: Stores, event_id: str | None) -> Event:
    event = stores.ledger.event(event_id) if event_id else None
    if event is None:
        raise BadInput("unknown_event", f"there is no event {event_id} any more")
    return event


# By the action that an operator asks for.
PIECES: dict[str, Piece] = {
    "audit": audit_piece,
    "restore": _restore_piece,
    "reconcile": _reconcile_piece,
}
