"""Erasure: an id leaves the ledger for good, the coupon stays counted, and nothing brings the id back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pymysql
import pytest
from kafka import KafkaAdminClient, TopicPartition

from firstcome.ledger.coupons import Outcome
from firstcome.ledger.erasure import ERASED
from firstcome.ledger.failed_events import Failure
from firstcome.ledger.ledger import Ledger
from firstcome.ledger.redemptions import Redeeming, Redemption
from firstcome.ledger.statements import statements
from firstcome.operate import actions
from firstcome.rules import BadInput, FailedStatus, Reason, Unavailable, check_user_id
from tests.api import jwt
from tests.integration.ended import SOURCE, code, end, everything, fail, outlive

if TYPE_CHECKING:
    from tests.api import Api
    from tests.world import World


def test_an_event_past_its_retention_gets_no_new_gate(sold: World) -> None:
    """Nobody would let it go again, and it would name people: the ledger alone answers for such an event."""
    end(sold)
    assert code(lambda: sold.operate("restore")) == "past_retention"
    assert sold.stores.gate.show(sold.event_id) is None


# --- one person ------------------------------------------------------------------------------------------------------


def test_an_erased_person_is_nowhere_in_the_ledger(sold: World) -> None:
    """Not in a row, a raw record or a reason; the coupons, the tickets and everybody else stay as they were."""
    fail(sold, "alice", b'{"user_id":"alice"}', FailedStatus.RESOLVED)
    fail(sold, "bob", b'{"user_id":"bob"}', FailedStatus.RESOLVED, SOURCE)
    end(sold)
    assert sold.operate("erase", user_id="alice")["erased"] == {sold.event_id: 2}
    assert "alice" not in everything(sold)
    assert "bob" in everything(sold)
    erased_id, other = sorted(sold.holders(), key=lambda name: sold.holders()[name])
    assert (other, sorted(sold.holders().values())) == ("bob", [1, 2])
    assert erased_id.startswith(ERASED)
    sold.assert_promise(rows=2)


def test_erasing_stops_no_failed_row_that_consume_stores(sold: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It looks at every failed row, also in the middle of an opening, and locks none but what it changes."""
    fail(sold, "alice", b'{"user_id":"alice"}', FailedStatus.WAITING, SOURCE)
    erase = statements.erase_strays

    def slowly(connection: Any, **arguments: Any) -> Any:
        done = erase(connection, **arguments)
        other = Ledger(sold.stores.ledger.connect, replace(sold.stores.settings, mysql_lock_wait_s=1))
        failure = Failure(
            Reason.NOT_JSON, "while it erases", b"no record", None, None, None, None, SOURCE._replace(offset=8)
        )
        assert other.write([], [failure]).stored == 1
        other.close()
        return done

    monkeypatch.setattr(statements, "erase_strays", slowly)
    assert actions.act(sold.stores, {"action": "erase", "user_id": "alice", "all_events": True})["erased"] == {}


def test_a_refused_person_is_erased_with_the_reason(sold: World) -> None:
    """The refusal stays counted; its text may say who it was."""
    end(sold)
    assert sold.operate("erase", user_id="mallory")["erased"] == {sold.event_id: 1}
    assert "mallory" not in everything(sold)
    assert len(sold.stores.ledger.refusals(sold.event_id)) == 1


def test_erasing_may_be_repeated(sold: World) -> None:
    """The second time there is nothing to do, and the erased id stays."""
    end(sold)
    assert sold.operate("erase", user_id="alice")["erased"]
    before = everything(sold)
    assert sold.operate("erase", user_id="alice") == {"action": "erase", "erased": {}, "kept": []}
    assert everything(sold) == before


def test_a_run_that_dies_erases_all_of_an_event_or_nothing(sold: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """One transaction: a person who is half erased could neither be found nor be told that they are gone."""
    fail(sold, "alice", b'{"user_id":"alice"}', FailedStatus.RESOLVED)
    end(sold)
    before = everything(sold)

    def die(*_: object, **__: object) -> int:
        raise pymysql.OperationalError(2013, "the connection went away")

    with monkeypatch.context() as patch:
        patch.setattr(statements, "erase_failed", die)
        with pytest.raises(Exception, match="went away"):
            sold.operate("erase", user_id="alice")
    assert everything(sold) == before
    sold.operate("erase", user_id="alice")
    assert "alice" not in everything(sold)


def test_an_erased_id_is_nobodys(sold: World) -> None:
    """Nobody may apply or ask under it, and two erasures of one person share none."""
    end(sold)
    sold.operate("erase", user_id="alice")
    sold.operate("erase", user_id="bob")
    names = [*sold.holders()]
    assert len(set(names)) == 2
    for name in names:
        with pytest.raises(BadInput):
            check_user_id(name)


@pytest.mark.parametrize("coded", [True, False])
def test_a_redemption_outlives_the_person(sold: World, *, coded: bool) -> None:
    """The same request still answers the same, and names nobody; the coupon is not redeemed again."""
    ledger, event_id = sold.stores.ledger, sold.event_id

    def redeem(key: str) -> Redemption:
        if coded:
            return ledger.redeem_code(event_id, "A", key, "shop")
        return ledger.redeem_person(event_id, "alice", key, "shop")

    if coded:
        ledger.upload_codes(event_id, 1, ["A", "B"])
    before = redeem("k1")
    assert before.user_id == "alice"
    end(sold)
    sold.operate("erase", user_id="alice")
    assert redeem("k1") == replace(before, user_id=None)
    assert redeem("k2").outcome is (Redeeming.REDEEMED if coded else Redeeming.NOT_ISSUED)
    assert ledger.take_back(event_id, "k1", "shop").outcome is Redeeming.DONE
    sold.operate("purge")
    assert not [name for name in ("alice", "bob") if name in everything(sold)]


def test_an_erased_winner_is_unknown_to_the_api(sold: World, api: Api) -> None:
    """404, as for somebody who never applied; and too late to apply again."""
    end(sold)
    alice = api.as_(jwt("alice"))
    assert alice.status(sold.event_id, "alice").word == (200, "issued")
    sold.operate("erase", user_id="alice")
    assert alice.status(sold.event_id, "alice").code == (404, "no_application")


def test_a_record_that_comes_again_wins_no_second_coupon(sold: World) -> None:
    """The ticket is taken: by whom, nobody knows any more. The cap holds, and the record becomes a failed row."""
    ticket = sold.ticket("alice", sold.holders()["alice"])
    end(sold)
    sold.operate("erase", user_id="alice")
    [verdict] = sold.consume(ticket).written.verdicts
    assert verdict.outcome is Outcome.TAKEN
    assert len(sold.holders()) == 2


# --- what is turned down ---------------------------------------------------------------------------------------------


def test_a_live_event_keeps_its_people(sold: World) -> None:
    """While it can give coupons, the id is what holds "one each"; and so it is within the retention."""
    before = everything(sold)
    assert code(lambda: sold.stores.ledger.erase_person(sold.event_id, "alice")) == "not_over"
    assert code(lambda: sold.operate("erase", user_id="alice")) == "not_over"
    assert everything(sold) == before
    end(sold)
    kept = sold.with_settings(retention_days=60)
    assert code(lambda: kept.operate("erase", user_id="alice")) == "not_over"
    assert code(lambda: kept.operate("purge")) == "not_over"


@pytest.mark.parametrize("part", ["event", "applied_user"])
def test_a_gate_that_is_left_is_in_the_way(sold: World, part: str) -> None:
    """Even half of one: it names people."""
    outlive(sold)
    sold.lose_gate("event" if part == "applied_user" else "applied_user")
    assert code(lambda: sold.operate("erase", user_id="alice")) == "gate_alive"
    assert code(lambda: sold.operate("purge")) == "gate_alive"


def test_a_record_in_the_stream_is_in_the_way(sold: World) -> None:
    """Read or unread, it would bring the id back; others' records are only in the way of a purge."""
    sold.send(sold.ticket("alice", 1))
    sold.commit(1)
    end(sold)
    assert code(lambda: sold.operate("erase", user_id="alice")) == "in_stream"
    assert code(lambda: sold.operate("purge")) == "in_stream"
    assert sold.operate("erase", user_id="bob")["erased"] == {sold.event_id: 1}
    settings = sold.stores.settings
    admin = KafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap)
    admin.delete_records({TopicPartition(settings.kafka_topic, 0): 1})  # as its age would have done
    admin.close()
    assert sold.operate("erase", user_id="alice")["erased"] == {sold.event_id: 1}
    sold.assert_promise(rows=2)


@pytest.mark.parametrize("order", [("erase", {"user_id": "alice"}), ("purge", {})], ids=lambda order: order[0])
def test_what_the_stream_holds_is_not_guessed(sold: World, order: tuple[str, dict[str, str]]) -> None:
    """While Kafka is away, nobody knows: try again later, and nothing is changed."""
    end(sold)
    before = everything(sold)
    blind = sold.with_settings(kafka_bootstrap="127.0.0.1:1", kafka_read_timeout_ms=600, kafka_unread_timeout_ms=300)
    with pytest.raises(Unavailable, match="stream"):
        blind.operate(order[0], **order[1])
    assert everything(sold) == before


@pytest.mark.parametrize("status", [FailedStatus.WAITING, FailedStatus.DEAD])
def test_who_is_owed_a_coupon_is_not_forgotten(sold: World, status: FailedStatus) -> None:
    """Somebody decides first: an open row without a name could neither be issued nor refused."""
    fail(sold, "carol", b'{"user_id":"carol"}', status)
    end(sold)
    assert code(lambda: sold.operate("erase", user_id="carol")) == "owed"
    assert code(lambda: sold.operate("purge")) == "owed"
    assert sold.operate("erase", user_id="alice")["erased"] == {sold.event_id: 1}
    sold.stores.ledger.refuse(sold.event_id, "carol", "too late")
    assert sold.operate("erase", user_id="carol")["erased"] == {sold.event_id: 2}
    assert "carol" not in everything(sold)
