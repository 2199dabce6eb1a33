"""Record every request that changes something: who asked for what, and what it came to.

A decision of the ledger and its row are one transaction. What also touches Redis, or cannot be one transaction, has
its row first, as `begun`. A repeat under the same request id is answered by the row; where that is begun, the rest is
done. A refusal to act changes nothing, and has a row in a transaction of its own.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from firstcome.ledger.operations import Operation, Request
from firstcome.operate.arguments import Input
from firstcome.operate.shown import show_operation
from firstcome.operate.table import Action
from firstcome.operate.who import Who
from firstcome.rules import BadInput, OperationStatus
from firstcome.stores import Stores

Work = Callable[[Stores, Input], dict[str, Any]]
REQUEST_ID_BYTES = 16  # of randomness, where the caller names none: nobody else's
COMMON = ("actor", "request_id", "expect_version")  # fields that are no business of the action itself
UNRECORDED = ("actor", "request_id")  # in `what`: they have columns of their own


class Tell(Protocol):
    """What is done outside the ledger once it has decided; it may be done `again`."""

    def __call__(self, stores: Stores, answer: dict[str, Any], *, again: bool) -> dict[str, Any]:
        """Return what it adds to the answer of the decision."""


@dataclass(frozen=True, slots=True)
class Decision:
    """An action that is one transaction of the ledger; `tell` says it to the gate."""

    decide: Work
    tell: Tell | None = None


@dataclass(frozen=True, slots=True)
class Repeatable:
    """An action of several steps, made to be repeated: a repeat of one that was cut off does it again."""

    run: Work
    row_first: bool = True  # False: the table may not be there before


@dataclass(frozen=True, slots=True)
class Long:
    """An action that may take longer than an HTTP API waits: a token's request is a row that is worked off.

    Who invokes the function directly waits for it: a function may run for longer.
    """

    at_once: Work | Repeatable


@dataclass(frozen=True, slots=True)
class Recorded:
    """One request, on its way into the ledger."""

    stores: Stores
    action: Action
    request: Request
    given: Input  # without the fields that are no business of the action itself
    expect_version: int | None

    def answer(self, work: Decision | Repeatable | Long) -> dict[str, Any]:
        """Carry out the work, or answer what the same request came to before."""
        if isinstance(work, Long):
            return self._later()
        if isinstance(work, Repeatable) and not work.row_first:
            return self._run_before_row(work)
        row = self.stores.ledger.operation(self.request.request_id)
        if row is None:
            answer = self._decide(work) if isinstance(work, Decision) else self._begin(work)
            if answer is not None:
                return answer
            row = self.stores.ledger.operation(self.request.request_id)  # the same request was faster elsewhere
            assert row is not None
        return self._repeat(work, row) | {"repeated": True}

    def _run_before_row(self, work: Repeatable) -> dict[str, Any]:
        """Do the work, be it again, and then write its row: only the work makes sure that there is a table for it."""
        done = self._run(work)
        if self.stores.ledger.begin_operation(self.request, OperationStatus.DONE, done):
            return done
        row = self.stores.ledger.operation(self.request.request_id)
        assert row is not None
        self._check_same(row)
        return (row.answer or done) | {"repeated": True}

    def _decide(self, work: Decision, *, again: bool = False) -> dict[str, Any] | None:
        """Decide, in one transaction with the row; None, and nothing changed, where the request has one."""
        ledger, request = self.stores.ledger, self.request
        version: int | None = None

        def decide(_: object) -> dict[str, Any] | None:
            nonlocal version
            if not ledger.begin_operation(request) and not again:
                return None
            version = self._version()
            self._check(version)
            answer = work.decide(self.stores, self.given)
            status = OperationStatus.DONE if work.tell is None else OperationStatus.BEGUN
            after = answer.get("event", {}).get("config_version")
            ledger.decide_operation(
                request.request_id, status, answer, user_id=answer.get("user_id"), before=version, after=after
            )
            return answer

        try:
            answer = ledger.transact(decide)
        except BadInput as refusal:
            said = {"code": refusal.code, "detail": refusal.detail}
            ledger.begin_operation(request, OperationStatus.REFUSED, said, version)
            raise
        return None if answer is None else self._tell(work, answer, again=again)

    def _later(self) -> dict[str, Any]:
        """Return the row of a request that takes long, which is made where there is none."""
        begun = self.stores.ledger.begin_long_operation(self.request)
        row = self.stores.ledger.operation(self.request.request_id)
        assert row is not None
        self._check_same(row)
        return {"operation": show_operation(row), **({} if begun else {"repeated": True})}

    def _version(self) -> int | None:
        """Return the event's version, which stays until the decision is made; None where the action is about none."""
        if not self.action.versioned or self.request.event_id is None:
            return None
        return self.stores.ledger.version_locked(self.request.event_id)

    def _check(self, version: int | None) -> None:
        """Raise `BadInput` where another version was seen than the event has now."""
        if version is not None and self.expect_version not in (None, version):
            raise BadInput(
                "changed",
                f"event {self.request.event_id} is at version {version} by now, not {self.expect_version}: "
                "look at it again, then decide",
            )

    def _tell(self, work: Decision, answer: dict[str, Any], *, again: bool) -> dict[str, Any]:
        if work.tell is None:
            return answer
        answer |= work.tell(self.stores, answer, again=again)
        self.stores.ledger.finish_operation(self.request.request_id, OperationStatus.DONE, answer)
        return answer

    def _begin(self, work: Repeatable) -> dict[str, Any] | None:
        return self._finish(work) if self.stores.ledger.begin_operation(self.request) else None

    def _finish(self, work: Repeatable) -> dict[str, Any]:
        """Do the work, and write what it came to. Where nobody can know, the row stays begun."""
        ledger, request_id = self.stores.ledger, self.request.request_id
        try:
            answer = self._run(work)
        except BadInput as refusal:
            said = {"code": refusal.code, "detail": refusal.detail}
            ledger.finish_operation(request_id, OperationStatus.REFUSED, said)
            raise
        ledger.finish_operation(request_id, OperationStatus.DONE, answer)
        return answer

    def _run(self, work: Repeatable) -> dict[str, Any]:
        return work.run(self.stores, self.given)

    def _repeat(self, work: Decision | Repeatable, row: Operation) -> dict[str, Any]:
        """Return what the row says; where it is begun, or forgets what was asked for, do the work again."""
        self._check_same(row)
        forgets = any(not field.kept and field.name in self.given for field in self.action.fields)
        if not forgets and row.answer is not None:
            if row.status is OperationStatus.REFUSED:
                raise BadInput(row.answer["code"], row.answer["detail"])
            if row.status is OperationStatus.DONE:
                return row.answer
            if isinstance(work, Decision):
                return self._tell(work, row.answer, again=True)
        if isinstance(work, Repeatable):
            return self._finish(work)
        answer = self._decide(work, again=True)
        assert answer is not None
        return answer

    def _check_same(self, row: Operation) -> None:
        """Raise `BadInput` where the row is of another request."""
        asked = self.request
        if (row.action, row.what) != (asked.action, asked.what):
            raise BadInput(
                "request_id_used", f"the request id {asked.request_id} was another request's: take one of your own"
            )


def record(
    stores: Stores, action: Action, who: Who, work: Decision | Repeatable | Long, *, payload: Input, given: Input
) -> dict[str, Any]:
    """Carry out an action that changes something, or answer what the same request came to before.

    `payload` is what was sent, and `given` its fields as they are used.
    """
    kept = {field.name for field in action.fields if field.kept and field.name not in UNRECORDED}
    request = Request(
        request_id=given.get("request_id") or secrets.token_hex(REQUEST_ID_BYTES),
        actor=who.actor,
        actor_kind=who.kind,
        action=action.name,
        event_id=given.get("event_id"),
        user_id=given.get("user_id") if "user_id" in kept else None,
        what={name: payload[name] for name in given if name in kept},
    )
    own = {name: value for name, value in given.items() if name not in COMMON}
    return Recorded(stores, action, request, own, given.get("expect_version")).answer(work)
