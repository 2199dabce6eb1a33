"""The way of one application: gate → stream → answer; and what is told about it afterwards."""

import secrets
from functools import partial
from typing import Self

from firstcome.apply import redemption, turns
from firstcome.apply.problem import PRIVATE, Answer, Problem, later
from firstcome.apply.shown import Shown
from firstcome.gate.answers import ApplyOutcome, Decision, Standing
from firstcome.gate.connect import redis_client
from firstcome.gate.gate import Gate
from firstcome.gate.sold_out import Moment, Receipt, SoldOut
from firstcome.ledger.connect import mysql_connection
from firstcome.ledger.coupons import LedgerStanding
from firstcome.ledger.ledger import Ledger
from firstcome.rules import Ticket, Unavailable, rfc3339
from firstcome.runtime.telemetry import timed
from firstcome.settings import Settings
from firstcome.stream.producer import Sent, Stream


class Applications(Shown):
    """Applications, their status and their events, as one execution environment answers for them."""

    def __init__(self, gate: Gate, stream: Stream, ledger: Ledger, settings: Settings) -> None:
        super().__init__(gate, ledger, settings)
        self.stream = stream
        self.sold_out = SoldOut(gate, settings)

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Make the clients for these settings. None of them connects before it is used."""
        ledger = Ledger(partial(mysql_connection, settings, settings.mysql_status_timeout_ms), settings)
        return cls(Gate(redis_client(settings), settings), Stream(settings), ledger, settings)

    def close(self) -> None:
        """Close every connection, and forget which events there are; the next request begins anew."""
        self.stream.close()
        super().close()
        self.sold_out.forget()

    def apply(self, event_id: str, user_id: str, correlation_id: str) -> Answer:
        """Decide one application, and see its record off. Asking again changes nothing, and answers the same ticket."""
        if receipt := self.sold_out.receipt(event_id, user_id):
            raise turns.SoldOut(receipt, correlation_id)
        asked = Moment.now()
        # The call's own name: redis-py repeats a call after a timeout, and only that repetition may produce again.
        with timed("gate_ms", may_wait=True):
            decision = self.gate.apply(event_id, user_id, secrets.token_hex(4))
        match decision.outcome:
            case ApplyOutcome.ACCEPTED:
                return self._accepted(_ticket(event_id, user_id, decision), decision.restore_epoch, correlation_id)
            case ApplyOutcome.ALREADY:
                ticket = _ticket(event_id, user_id, decision)
                if decision.pending:
                    word = "accepted" if decision.delivered else "reserved"
                    return _application(202, word, ticket, counted="already")
                return _application(200, "accepted", ticket, counted="already")
            case ApplyOutcome.UNKNOWN:
                return self._without_gate(event_id, user_id)
            case ApplyOutcome.SOLD_OUT:
                receipt = Receipt(decision.sold_out_at_ms, decision.now_ms)
                self.sold_out.remember(event_id, decision.remember, asked, receipt)
                raise turns.SoldOut(receipt, correlation_id)
            case ApplyOutcome.NOT_OPEN:
                raise turns.not_open(decision)
            case ApplyOutcome.PAUSED:
                raise turns.paused(decision)
            case _:
                raise Problem(decision.outcome.lower())

    def _accepted(self, ticket: Ticket, restore_epoch: int, correlation_id: str) -> Answer:
        # Whatever becomes of the record, the ticket is theirs: the sweep issues what the stream did not carry.
        with timed("send_ms", may_wait=True):
            sent = self.stream.send(ticket, restore_epoch, correlation_id)
        word = "accepted" if sent is Sent.DELIVERED and self._noted(ticket) else "reserved"
        return _application(202, word, ticket, counted=word)

    def _noted(self, ticket: Ticket) -> bool:
        """Let the gate note the delivery; only what it has noted is said, because whoever asks again reads it there."""
        try:
            return self.gate.delivered(ticket)
        except Unavailable:
            return False

    def _without_gate(self, event_id: str, user_id: str) -> Answer:
        """Return the answer of the ledger, the only one left that knows: the event is past its retention."""
        if event := self.events.gated(event_id):
            raise turns.gate_lost(event, user_id)
        known = self.ledger.standing(event_id, user_id) if self.events.past(event_id) else None
        if known is None or known.state is None:
            raise Problem("unknown_event")
        if known.row:
            return _application(200, "accepted", known.row, counted="already")
        raise Problem("refused" if known.refused else "closed")

    def status(self, event_id: str, user_id: str) -> Answer:
        """Return how far the application has come. Forward only: the ledger's word is later than the gate's."""
        # The gate first: a ticket moves from the gate to the ledger, and must not be missed in between.
        gate: Standing | Unavailable
        try:
            gate = self.gate.standing(event_id, user_id)
        except Unavailable as trouble:
            gate = trouble
        ledger = self.ledger.standing(event_id, user_id)
        if answer := _ledger_status(event_id, user_id, ledger):
            return answer
        if isinstance(gate, Unavailable):
            raise gate
        if gate.refused:
            return _status(event_id, user_id, "refused")
        if gate.ticket is not None:
            return _status(event_id, user_id, "pending", gate.ticket, gate.applied_at_ms)
        if ledger.state is None:
            raise Problem("unknown_event")
        if not gate.known and self.events.gated(event_id):
            raise later("gate_lost")
        raise Problem("no_application")

    def redeem(self, event_id: str, asked: redemption.Asked, caller: str) -> Answer:
        """Redeem one coupon, as the ledger alone decides; the same request answers the same."""
        if asked.code is not None:
            done = self.ledger.redeem_code(event_id, asked.code, asked.key, caller)
        else:
            done = self.ledger.redeem_person(event_id, asked.user_id or "", asked.key, caller)
        return redemption.answer(event_id, done)

    def take_back(self, event_id: str, key: str, caller: str) -> Answer:
        """Take the redemption of a key back, or see to it that the key never redeems."""
        return redemption.answer(event_id, self.ledger.take_back(event_id, key, caller), "taken_back_at")


def _ticket(event_id: str, user_id: str, decision: Decision) -> Ticket:
    assert decision.ticket is not None, decision
    assert decision.applied_at_ms is not None, decision
    return Ticket(event_id, user_id, decision.ticket, decision.applied_at_ms)


def _application(status: int, word: str, ticket: Ticket, counted: str) -> Answer:
    body = {
        "event_id": ticket.event_id,
        "user_id": ticket.user_id,
        "status": word,
        "ticket": ticket.number,
        "applied_at": rfc3339(ticket.applied_at_ms),
    }
    return Answer(status, body, PRIVATE, counted=counted)


def _ledger_status(event_id: str, user_id: str, known: LedgerStanding) -> Answer | None:
    """Return what the ledger has decided; None where it has decided nothing."""
    if known.row:
        row = known.row
        answer = _status(event_id, user_id, "issued", row.number, row.applied_at_ms, known.issued_at_ms)
        if known.has_codes:  # to its owner and the back end: whoever else asks is not answered at all
            answer.body["code"] = known.code
        return answer
    if known.refused:
        return _status(event_id, user_id, "refused")
    if known.failed:
        return _status(event_id, user_id, "failed", known.failed_ticket, known.failed_applied_at_ms)
    return None


def _status(  # noqa: PLR0917  the fields of the body, in its order
    event_id: str,
    user_id: str,
    word: str,
    ticket: int | None = None,
    applied_at_ms: int | None = None,
    issued_at_ms: int | None = None,
) -> Answer:
    times = {"applied_at": applied_at_ms, "issued_at": issued_at_ms}
    body: dict[str, object] = {"event_id": event_id, "user_id": user_id, "status": word}
    body |= {} if ticket is None else {"ticket": ticket}
    body |= {name: rfc3339(ms) for name, ms in times.items() if ms is not None}
    return Answer(200, body, PRIVATE)
