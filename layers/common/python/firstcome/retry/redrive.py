"""Redrive: work one failed row off. The row owns its ticket, and alone decides what becomes of it."""

import random
from collections.abc import Callable, Iterator, Sequence

from firstcome.gate.answers import ReassignOutcome
from firstcome.gate.gate import Gate
from firstcome.issue import update_gate
from firstcome.ledger.coupons import FAILED_REASONS, Claim, Outcome, Verdict
from firstcome.ledger.failed_events import FailedRow
from firstcome.ledger.leases import PutOff
from firstcome.ledger.ledger import Ledger
from firstcome.rules import FailedStatus, Reason, Ticket, Unavailable, backoff_ms
from firstcome.runtime.telemetry import logger
from firstcome.settings import Settings
from firstcome.stream.record import BadRecord, decode


class _Failed(Exception):  # noqa: N818  an answer, not a fault
    """The attempt failed for certain."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def redrive(ledger: Ledger, gate: Gate, settings: Settings, stop: Callable[[], bool]) -> Iterator[FailedStatus]:
    """Work off the rows that are due, until there are none or it is time to stop; yield what each came to.

    Raises `Unavailable` where a server cannot answer; the rows that were claimed and not worked off become due when
    their lease ends, and a row whose own attempt met the trouble gets it back.
    """
    while not stop():
        claimed = ledger.claim_failed(settings.failed_batch, settings.failed_lease_ms)
        yield from [FailedStatus.DEAD] * claimed.buried
        if not claimed.rows:
            return
        for row, outcome in _attempt_all(ledger, gate, settings, claimed.rows, stop):
            _log(row, outcome)
            yield outcome


def _log(row: FailedRow, outcome: FailedStatus) -> None:
    done = {"failed_id": row.id, "outcome": outcome, "attempts": row.attempts, "reason": row.reason}
    known = {"event_id": row.event_id, "user_id": row.user_id, "ticket": row.ticket}
    came = {"correlation_id": row.correlation_id, "source": str(row.source) if row.source else None}
    logger.info("redriven", extra={**done, **known, **came})


def _attempt_all(
    ledger: Ledger, gate: Gate, settings: Settings, rows: Sequence[FailedRow], stop: Callable[[], bool]
) -> Iterator[tuple[FailedRow, FailedStatus]]:
    """Try the rows of one claim; yield what each came to.

    The ledger is asked once for all of them, and those that fail for certain are put off at once: a burst of records
    that can never be issued must not take the time of the others.
    """
    failed: list[PutOff] = []
    others: list[tuple[FailedRow, Verdict]] = []
    for row, answer in zip(rows, _write_all(ledger, rows), strict=True):
        if isinstance(answer, Verdict):
            others.append((row, answer))
        else:
            failed.append(_put_off(settings, row, answer))
    ledger.put_off(failed)
    for one in failed:
        yield one.row, one.status
    beyond: list[PutOff] = []
    for row, verdict in others:
        if stop():
            beyond.append(PutOff(row, FailedStatus.WAITING, 0, row.reason, row.detail, counted=False))
            continue
        try:
            yield row, _act(ledger, gate, row, verdict)
        except _Failed as error:
            beyond.append(_put_off(settings, row, error))
            yield row, beyond[-1].status
        except Unavailable as trouble:
            # Nobody knows yet: the trouble is not the row's, so it does not use up its attempts.
            wait = _wait_ms(settings, 1)
            ledger.put_off([*beyond, PutOff(row, FailedStatus.WAITING, wait, row.reason, str(trouble), counted=False)])
            beyond = []
            if trouble.what != "gate":
                raise
            yield row, FailedStatus.WAITING  # one event's gate is lost: the others' rows go on
    ledger.put_off(beyond)


def _write_all(ledger: Ledger, rows: Sequence[FailedRow]) -> list[Verdict | _Failed]:
    """Try to issue the rows' tickets; answer of each what the ledger says, or why the attempt failed."""
    tickets = [row.claim or _decode(row.payload) for row in rows]
    claims = [Claim(ticket) for ticket in tickets if isinstance(ticket, Ticket)]
    verdicts = iter(ledger.write(claims, record=False).verdicts if claims else [])
    return [_failed(next(verdicts)) if isinstance(ticket, Ticket) else ticket for ticket in tickets]


def _failed(verdict: Verdict) -> Verdict | _Failed:
    """Return why the attempt has failed, where it has for certain; otherwise the verdict."""
    return _Failed(*_why(verdict)) if verdict.outcome in (Outcome.UNKNOWN_EVENT, Outcome.REJECTED) else verdict


def _why(verdict: Verdict) -> tuple[Reason, str]:
    """Return why there is no row, for the operator who reads the failed row."""
    event_id, _, number, _ = verdict.ticket
    details = {
        Outcome.UNKNOWN_EVENT: f"there is no event {event_id}",
        Outcome.OUT_OF_RANGE: f"ticket {number} is outside 1..capacity",
        Outcome.TAKEN: f"ticket {number} is taken as well",
        Outcome.REJECTED: verdict.detail,
    }
    return FAILED_REASONS[verdict.outcome], details[verdict.outcome]


def _put_off(settings: Settings, row: FailedRow, failed: _Failed) -> PutOff:
    if row.attempts >= settings.failed_attempts:
        return PutOff(row, FailedStatus.DEAD, 0, failed.reason, failed.detail)
    return PutOff(row, FailedStatus.WAITING, _wait_ms(settings, row.attempts), failed.reason, failed.detail)


def _act(ledger: Ledger, gate: Gate, row: FailedRow, verdict: Verdict) -> FailedStatus:
    """Do what the verdict asks for; raise `_Failed` where the row can only wait."""
    ticket = verdict.ticket
    if verdict.outcome is Outcome.TAKEN:
        return _reassign(ledger, gate, row, ticket)
    if verdict.outcome is Outcome.OUT_OF_RANGE:
        # The insert has read the capacity again. Only a ticket that the gate itself gave instead may be tried.
        standing = gate.standing(ticket.event_id, ticket.user_id)
        if standing.ticket is None or standing.applied_at_ms is None or standing.ticket == ticket.number:
            raise _Failed(*_why(verdict))
        instead = Ticket(ticket.event_id, ticket.user_id, standing.ticket, standing.applied_at_ms)
        return _rewrite(ledger, gate, row, instead)
    return _finish(ledger, gate, row, verdict)


def _reassign(ledger: Ledger, gate: Gate, row: FailedRow, ticket: Ticket) -> FailedStatus:
    outcome, instead = gate.reassign(ticket.event_id, ticket.user_id, ticket.number)
    if instead is not None:
        return _rewrite(ledger, gate, row, instead)
    if outcome is ReassignOutcome.UNKNOWN:
        raise Unavailable("gate", f"the gate of {ticket.event_id} is lost")
    if outcome is ReassignOutcome.REFUSED:
        ledger.resolve_failed(row, FailedStatus.REFUSED)
        return FailedStatus.REFUSED
    # None is left. The ledger decides first: in the gate alone it would not hold.
    refused = ledger.refuse(ticket.event_id, ticket.user_id, "no ticket left", failed_id=row.id, lease=row.lease)
    if refused.done:
        gate.release(ticket, None, has_row=True)
        return FailedStatus.REFUSED
    return FailedStatus.WAITING  # the person has a row by now, or somebody else works on this one


def _rewrite(ledger: Ledger, gate: Gate, row: FailedRow, ticket: Ticket) -> FailedStatus:
    verdict = ledger.write([Claim(ticket)], record=False).verdicts[0]
    if verdict.outcome is Outcome.REJECTED:
        raise _Failed(*_why(verdict))
    if verdict.outcome in (Outcome.TAKEN, Outcome.OUT_OF_RANGE, Outcome.UNKNOWN_EVENT):
        if ledger.move_failed(row, ticket):  # else it is not ours any more: whoever has it decides
            gate.mark_failed(ticket.event_id, [ticket])
        ledger.put_off([PutOff(row, FailedStatus.WAITING, 0, *_why(verdict), counted=False)])
        return FailedStatus.WAITING
    return _finish(ledger, gate, row, verdict)


def _finish(ledger: Ledger, gate: Gate, row: FailedRow, verdict: Verdict) -> FailedStatus:
    update_gate(gate, [verdict])
    status = FailedStatus.REFUSED if verdict.outcome is Outcome.REFUSED else FailedStatus.RESOLVED
    ledger.resolve_failed(row, status)
    return status


def _decode(payload: bytes) -> Ticket | _Failed:
    try:
        return decode(payload)[0]
    except BadRecord as bad:
        return _Failed(bad.reason, bad.detail)


def _wait_ms(settings: Settings, attempts: int) -> int:
    return backoff_ms(attempts, settings.failed_backoff_base_ms, settings.failed_backoff_cap_ms, random.random())  # noqa: S311  jitter
