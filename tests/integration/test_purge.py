"""Erasing everywhere and everybody: wherever a person is named, and after the time that the setting says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from firstcome.ledger import erasure
from firstcome.ledger.erasure import ERASED
from firstcome.ledger.failed_events import Failure
from firstcome.ledger.statements import statements
from firstcome.rules import FailedStatus, Reason
from tests.integration.ended import SOURCE, end, everything, fail

if TYPE_CHECKING:
    import pytest

    from tests.world import World


def test_a_person_is_erased_wherever_they_are_named(sold: World) -> None:
    """In every event that is over; the answer says where they are still named, and why."""
    live = type(sold)(sold.stores, f"{sold.event_id[:40]}-live")
    live.open()
    live.apply("alice")  # the gate alone knows
    end(sold)
    answer = act(sold, user_id="alice")
    assert answer["erased"] == {sold.event_id: 1}
    assert [(kept["event_id"], kept["code"]) for kept in answer["kept"]] == [(live.event_id, "not_over")]
    assert act(sold, user_id="nobody") == {"action": "erase", "erased": {}, "kept": []}


def act(world: World, **payload: Any) -> dict[str, Any]:
    """Erase from all events."""
    return world.operate("erase", event_id=None, all_events=True, **payload)


def test_records_that_nobody_could_read_are_searched(sold: World) -> None:
    """A row that does not say whose it is may name the person in its raw record; it is closed, and empty."""
    fail(sold, None, b'{"v":2,"user_id":"alice"}', FailedStatus.DEAD, SOURCE)
    end(sold)
    assert sold.operate("erase", user_id="alice")["erased"] == {sold.event_id: 2}
    [row] = sold.stores.ledger.list_failed(sold.event_id, None, 10)
    assert (row.payload, row.status, row.user_id) == (b"", FailedStatus.REFUSED, None)


def test_rows_of_no_event_are_erased_when_they_are_old(sold: World) -> None:
    """Until then the event may be made, or a newer version deployed that can read them."""
    stray = Failure(Reason.UNKNOWN_VERSION, "", json.dumps({"v": 2, "user_id": "alice"}).encode(), source=SOURCE)
    unknown = Failure(Reason.UNKNOWN_EVENT, "", b"{}", "never-made", "alice", 1, 1)
    sold.stores.ledger.write([], [stray, unknown])
    end(sold)
    answer = act(sold, user_id="alice")
    assert answer["erased"] == {sold.event_id: 1}
    assert [(kept["event_id"], kept["code"]) for kept in answer["kept"]] == [("", "not_over")]
    assert act(sold.with_settings(retention_days=0), user_id="alice")["erased"] == {"": 2}
    assert "alice" not in everything(sold)


def test_a_purged_event_names_nobody(sold: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Page by page; the coupons stay counted, and the next purge finds nothing to do."""
    monkeypatch.setattr(erasure, "PAGE", 1)
    sold.consume(sold.apply("carol"))
    fail(sold, "alice", b'{"user_id":"alice"}', FailedStatus.RESOLVED)
    fail(sold, None, b"alice, perhaps", FailedStatus.DEAD, SOURCE)
    end(sold)
    sold.operate("erase", user_id="bob")
    assert sold.operate("purge", event_id=None, all_events=True)["erased"] == {sold.event_id: 5}
    for name in ("alice", "bob", "carol", "mallory"):
        assert name not in everything(sold)
    assert sorted(sold.holders().values()) == [1, 2, 3]
    assert all(name.startswith(ERASED) for name in sold.holders())
    sold.assert_promise(rows=3)
    assert sold.operate("purge", event_id=None, all_events=True) == {"action": "purge", "erased": {}, "kept": []}
    assert sold.operate("purge")["erased"] == {}


def test_a_purge_that_died_goes_on(sold: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was erased stays so."""
    monkeypatch.setattr(erasure, "PAGE", 1)
    end(sold)
    sold.stores.ledger.transact(
        lambda connection: statements.erase_coupons(connection, event_id=sold.event_id, low=1, high=1)
    )
    [first] = [name for name, ticket in sold.holders().items() if ticket == 1]
    assert sold.operate("purge", event_id=None, all_events=True)["erased"] == {sold.event_id: 2}
    assert first in sold.holders()


def test_ids_are_kept_for_the_time_that_the_setting_says(sold: World) -> None:
    """A purge by the calendar leaves younger events alone; one that cannot be purged yet does not stop the others."""
    end(sold)
    keeping = sold.with_settings(ledger_retention_days=365)
    assert keeping.operate("purge", event_id=None, all_events=True) == {"action": "purge", "erased": {}, "kept": []}
    other = type(sold)(sold.stores, f"{sold.event_id[:40]}-2")
    other.open()
    other.consume(other.apply("dave"))
    other.operate("end")
    purged = sold.with_settings(ledger_retention_days=0).operate("purge", event_id=None, all_events=True)
    assert purged["erased"] == {sold.event_id: 3}
    assert [(kept["event_id"], kept["code"]) for kept in purged["kept"]] == [(other.event_id, "not_over")]
