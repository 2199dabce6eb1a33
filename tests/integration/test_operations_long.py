"""What takes long is a row that the schedule and whoever asks work off, in pieces that may be repeated."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from firstcome.operate.actions import act
from firstcome.operate.who import Group, Who
from firstcome.retry import operations
from firstcome.rules import ActorKind, BadInput, OperationStatus, Unavailable
from tests.integration.test_audit_pieces import in_order, the_event, whole

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.world import World

__all__ = ["whole"]

OPERATOR = Who("ana", ActorKind.TOKEN, frozenset({"operator"}))
VIEWER = Who("vera", ActorKind.TOKEN, frozenset({"viewer"}))
NEVER = 10**9  # ms


class Killed(BaseException):
    """The process died."""


def ask(world: World, action: str, who: Who = OPERATOR, **more: Any) -> dict[str, Any]:
    """Ask for an action as the operator's API does; return the operation."""
    answer = act(world.stores, {"action": action, "event_id": world.event_id, **more}, who)
    operation: dict[str, Any] = answer["operation"]
    return operation


def shown(world: World, operation: dict[str, Any], who: Who = OPERATOR) -> dict[str, Any]:
    """Ask about it."""
    answer = act(world.stores, {"action": "operation", "id": operation["id"]}, who)
    found: dict[str, Any] = answer["operation"]
    return found


def column(world: World, name: str, operation: dict[str, Any]) -> Any:
    """Return what the row has in one column."""
    with world.stores.ledger.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT {name} FROM operation WHERE id = %s", (operation["id"],))
        row = cursor.fetchone()
    assert row is not None
    return row[0]


def after(pieces: int) -> Any:
    """Return what stops a worker after so many pieces."""
    left = iter(range(pieces))
    return lambda: next(left, None) is None


def test_an_audit_over_http_is_an_operation(whole: World) -> None:
    """It is answered at once, worked off by whoever asks, and finds what a direct invoke finds."""
    begun = ask(whole, "audit")
    assert (begun["status"], begun["action"], begun["event_id"]) == ("working", "audit", whole.event_id)
    done = shown(whole, begun)
    assert done["status"] == "done"
    direct = {name: part for name, part in whole.audit().items() if name != "action"}
    assert in_order(done["answer"]) == in_order(direct)


def test_the_schedule_works_operations_off(whole: World) -> None:
    """Nobody needs to ask."""
    whole = whole.with_settings(operation_ask_ms=0)
    begun = ask(whole, "audit")
    assert shown(whole, begun)["status"] == "working"
    assert whole.retry()["operations"] == 1
    assert shown(whole, begun)["answer"]["ok"]


def test_operations_come_last_in_a_run(whole: World) -> None:
    """A run that has too little time left for anything leaves them alone."""
    begun = ask(whole, "audit")
    assert whole.retry(remaining_ms=0)["operations"] == 0
    assert column(whole, "progress", begun) is None


def test_the_same_request_is_one_operation(whole: World) -> None:
    """A repeat reads the row; another action under the same request id is refused."""
    begun = ask(whole, "audit", request_id="r-1")
    shown(whole, begun)
    assert ask(whole, "audit", request_id="r-1")["status"] == "done"
    with pytest.raises(BadInput, match="another request's"):
        ask(whole, "reconcile", request_id="r-1")


def test_a_worker_that_died_is_followed_by_another(
    whole: World, monkeypatch: pytest.MonkeyPatch, wait_until: Callable[..., None]
) -> None:
    """It dies between two pieces: its lease ends, and the next goes on where it was."""
    whole = whole.with_settings(operation_lease_ms=50)
    begun = ask(whole, "audit")
    keep = whole.stores.ledger.keep_operation
    kept = iter(range(4))

    def dies(*arguments: Any) -> bool:
        done = keep(*arguments)
        if next(kept, None) is None:
            raise Killed
        return done

    monkeypatch.setattr(whole.stores.ledger, "keep_operation", dies)
    with pytest.raises(Killed):
        operations.work_off(whole.stores, lambda: False, begun["id"])
    monkeypatch.setattr(whole.stores.ledger, "keep_operation", keep)
    stage = json.loads(column(whole, "progress", begun))["stage"]
    assert stage not in ("begin", "applied"), "it had come further"
    wait_until(lambda: operations.work_off(whole.stores, lambda: False, begun["id"]) == 1, "the lease ends")
    assert shown(whole, begun)["answer"]["ok"]


def test_two_workers_do_not_work_on_one_operation(whole: World) -> None:
    """The second finds it leased; with the first's lease gone, what the first says changes nothing."""
    begun = ask(whole, "audit")
    first = whole.stores.ledger.claim_operation(begun["id"])
    assert first is not None
    assert whole.stores.ledger.claim_operation(begun["id"]) is None
    assert shown(whole, begun)["status"] == "working"
    whole.stores.ledger.put_off_operation(first, 0)
    second = whole.stores.ledger.claim_operation(begun["id"])
    assert second is not None
    assert not whole.stores.ledger.keep_operation(first, "{}")
    assert not whole.stores.ledger.end_operation(first, OperationStatus.DONE, {"ok": True})
    assert shown(whole, begun)["status"] == "working"
    assert whole.stores.ledger.keep_operation(second, "{}")


def test_a_large_gate_is_left_to_the_schedule(whole: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is one piece, for which nobody can wait; an audit of the same event goes on while it is asked about."""
    monkeypatch.setattr(operations, "AT_ONCE_COUPONS", 2)
    repair, audit = ask(whole, "reconcile"), ask(whole, "audit")
    assert [shown(whole, one)["status"] for one in (repair, audit)] == ["working", "done"]
    assert whole.retry()["operations"] == 1
    assert shown(whole, repair)["answer"]["outcome"] == "reconciled"


def test_what_is_kept_between_pieces_is_small(whole: World) -> None:
    """Counts and a cursor, whatever the event holds and however much is wrong with it."""
    begun = ask(whole, "audit")
    name = "{:0>255}".format
    for number in range(9, 2_000):
        whole.plant(name(number), number)
    for number in range(1_000, 2_000):
        whole.mark(name(number), 1)
    whole.adopt()
    largest = 0
    while column(whole, "status", begun) == "working":
        operations.work_off(whole.stores, after(1), begun["id"])
        largest = max(largest, len(column(whole, "progress", begun) or ""))
    assert 0 < largest < 65_536
    assert shown(whole, begun)["answer"]["invariants"]["I3"]["ok"] is False


def test_a_server_that_is_away_puts_it_off(whole: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks hears that it is being worked on; it is due again later, from where it was."""
    whole = whole.with_settings(operation_put_off_ms=NEVER)
    begun = ask(whole, "audit")

    def away(*_: object) -> None:
        raise Unavailable("stream", "away")

    monkeypatch.setattr(whole.stores.reader, "page", away)
    assert shown(whole, begun)["status"] == "working"
    assert json.loads(column(whole, "progress", begun))["stage"] == "stream"
    assert operations.work_off(whole.stores, lambda: False, begun["id"]) == 0, "it is not due yet"


def test_what_cannot_be_finished_is_given_up(whole: World) -> None:
    """Nobody works on it for ever; the row says so."""
    begun = ask(whole.with_settings(operation_give_up_ms=0), "audit")
    done = shown(whole, begun)
    assert (done["status"], done["answer"]["code"]) == ("failed", "given_up")


def test_a_restore_waits_for_the_records_in_flight(whole: World, wait_until: Callable[..., None]) -> None:
    """It is worked on until the gate lives; a gate that lives is an answer, too."""
    whole.lose_gate("event")
    patient = whole.with_settings(restore_wait_ms=NEVER)
    begun = ask(patient, "restore")
    assert shown(patient, begun)["status"] == "working"
    whole.stores.ledger.settings = whole.stores.settings
    wait_until(lambda: shown(whole, begun)["status"] == "done", "it is due again")
    assert shown(whole, begun)["answer"] == {"outcome": "restored"}
    assert shown(whole, ask(whole, "restore"))["answer"] == {"outcome": "alive"}
    whole.assert_promise(rows=3)


def test_a_reconciliation_over_http_repairs(whole: World) -> None:
    """As a direct invoke does."""
    gate = whole.stores.gate
    gate.redis.hdel(gate.keys(whole.event_id).applied_user, "bob")
    whole.adopt()
    done = shown(whole, ask(whole, "reconcile"))["answer"]
    assert (done["outcome"], done["repairs"]) == ("reconciled", 1)
    whole.assert_promise(rows=3)


def test_a_viewer_reads_an_audit_without_people(whole: World) -> None:
    """Which laws hold, and how many findings there are; whom they are about is masked."""
    whole.stores.ledger.refuse(whole.event_id, "mallory", "test")
    begun = ask(whole, "audit", VIEWER)
    assert "mallory" in json.dumps(shown(whole, begun, OPERATOR))
    assert "mallory" not in json.dumps(shown(whole, begun, VIEWER))
    assert VIEWER.has(Group.VIEWER)


def test_an_operation_of_an_unknown_event_is_refused(whole: World) -> None:
    """It is refused at once, without a row."""
    with pytest.raises(BadInput, match="no event"):
        act(whole.stores, {"action": "audit", "event_id": "nobody-made-this"}, OPERATOR)


@pytest.mark.parametrize("everybody", [True, False])
def test_an_erasure_reaches_what_an_audit_found(whole: World, *, everybody: bool) -> None:
    """Its answer names people: once one of them, or all, are erased, nobody is named in it any more."""
    whole = whole.with_settings(retention_days=0)
    whole.stores.ledger.refuse(whole.event_id, "mallory", "test")
    begun = ask(whole, "audit")
    assert "mallory" in json.dumps(shown(whole, begun))
    whole.operate("end")
    ledger = whole.stores.ledger
    assert ledger.erase_everybody(whole.event_id, 3) if everybody else ledger.erase_person(whole.event_id, "mallory")
    assert shown(whole, begun)["answer"] == {"erased": True}
    assert the_event(whole).state == "ended"
