"""POST …/redemptions and DELETE …/redemptions/{key}: every answer, by the real handler over real servers."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from firstcome.operate.actions import act
from firstcome.operate.who import Who
from firstcome.rules import ActorKind, BadInput
from tests.api import JSON, NO_MYSQL, Api, Reply, jwt

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.world import World

CODES = ["SECRET-1", "secret-1", 'a "b" \\ /']
KEY, OTHER_KEY = "0b1f3a52-7d5e-4c1a-9a53-1f2e3d4c5b6a", "1c2f3a52-7d5e-4c1a-9a53-1f2e3d4c5b6b"


@pytest.fixture
def sold(world: World) -> World:
    """Alice and bob have coupons with codes, and a third is to be had."""
    world.operate("upload_codes", codes=CODES)
    world.consume(world.apply("alice"), world.apply("bob"))
    return world


def redeem(api: Api, event_id: str, **body: Any) -> Reply:
    return api.call("POST", f"/events/{event_id}/redemptions", json.dumps(body).encode(), JSON)


def take_back(api: Api, event_id: str, key: str) -> Reply:
    return api.call("DELETE", f"/events/{event_id}/redemptions/{quote(key, safe='')}")


def by(arn: str) -> dict[str, Any]:
    """Return what API Gateway says of this principal."""
    return {"iam": {"userArn": arn}}


def test_a_redemption_names_ticket_person_and_time(api: Api, sold: World) -> None:
    """200, and the same for the same key, however it is written."""
    first = redeem(api, sold.event_id, code=CODES[1], key=KEY)
    assert first.status == 200
    at = first.body["redeemed_at"]
    assert first.body == {"event_id": sold.event_id, "ticket": 2, "user_id": "bob", "redeemed_at": at}
    assert first.headers["cache-control"] == "no-store"
    assert redeem(api, sold.event_id, code=CODES[1], key=KEY.upper()).body == first.body


def test_each_no_has_its_word(api: Api, sold: World) -> None:
    """Redeemed, used, not issued, unknown, taken back, revoked."""
    event_id = sold.event_id
    redeem(api, event_id, code=CODES[0], key=KEY)
    assert redeem(api, event_id, code=CODES[0], key=OTHER_KEY).code == (409, "redeemed")
    assert redeem(api, event_id, code=CODES[1], key=KEY).code == (409, "key_used")
    assert redeem(api, event_id, code=CODES[2], key=OTHER_KEY).code == (409, "not_issued")
    assert redeem(api, event_id, code="Secret-1", key=OTHER_KEY).code == (404, "unknown_code")
    assert redeem(api, "nowhere", code=CODES[0], key=OTHER_KEY).code == (404, "unknown_event")
    assert take_back(api, "nowhere", KEY).code == (404, "unknown_event")
    back = take_back(api, event_id, KEY)
    assert (back.status, back.body["ticket"]) == (200, 1)
    assert take_back(api, event_id, KEY).body == back.body
    assert redeem(api, event_id, code=CODES[0], key=KEY).code == (410, "taken_back")
    sold.operate("revoke", user_id="alice")
    assert redeem(api, event_id, code=CODES[0], key=OTHER_KEY).code == (409, "revoked")
    assert take_back(api, event_id, OTHER_KEY).status == 200, "a key that nobody has used yet"
    assert redeem(api, event_id, code=CODES[1], key=OTHER_KEY).code == (410, "taken_back")


def test_an_event_without_codes_is_redeemed_by_name(api: Api, world: World) -> None:
    """And one with codes is not."""
    world.consume(world.apply("alice"))
    assert redeem(api, world.event_id, user_id="alice", key=KEY).body["ticket"] == 1
    assert redeem(api, world.event_id, user_id="carol", key=OTHER_KEY).code == (409, "not_issued")
    world.operate("upload_codes", codes=CODES)
    assert redeem(api, world.event_id, user_id="alice", key=OTHER_KEY).code == (400, "bad_code")
    assert redeem(api, world.event_id, user_id="alice", key=KEY).status == 200


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"key": KEY}, "bad_code"),
        ({"code": "A", "user_id": "alice", "key": KEY}, "bad_code"),
        ({"code": None, "user_id": "alice", "key": KEY}, "bad_code"),
        ({"code": None, "key": KEY}, "bad_code"),
        ({"user_id": None, "key": KEY}, "bad_user_id"),
        ({"code": "", "key": KEY}, "bad_code"),
        ({"code": "x" * 65, "key": KEY}, "bad_code"),
        ({"code": "ä", "key": KEY}, "bad_code"),
        ({"code": "A\n", "key": KEY}, "bad_code"),
        ({"code": 1, "key": KEY}, "bad_code"),
        ({"code": "A"}, "bad_key"),
        ({"code": "A", "key": "order-1"}, "bad_key"),
        ({"code": "A", "key": KEY + "\n"}, "bad_key"),
        ({"code": "A", "key": 7}, "bad_key"),
        ({"user_id": "a b", "key": KEY}, "bad_user_id"),
    ],
)
def test_a_malformed_request_is_named(api: Api, world: World, body: dict[str, Any], code: str) -> None:
    """400, and what to do about it."""
    reply = redeem(api, world.event_id, **body)
    assert reply.code == (400, code)
    assert take_back(api, world.event_id, "order-1").code == (400, "bad_key")


def test_only_a_back_end_redeems(api: Api, sold: World) -> None:
    """An applicant's token is not enough, be the coupon theirs; whoever is nobody is told so."""
    for reply in (
        redeem(api.as_(jwt("alice")), sold.event_id, code=CODES[0], key=KEY),
        take_back(api.as_(jwt("alice")), sold.event_id, KEY),
    ):
        assert reply.code == (403, "not_a_back_end")
    assert take_back(api.as_(jwt("alice b")), sold.event_id, KEY).code == (400, "bad_user_id")
    assert redeem(api.as_(None), sold.event_id, code=CODES[0], key=KEY).code == (401, "unauthenticated")
    assert redeem(api, sold.event_id, code=CODES[0], key=KEY).status == 200


def test_a_role_is_one_caller_in_every_session(api: Api, sold: World) -> None:
    """A repeat may come from another process of the same back end; another role, or a user, is another caller."""
    role = "arn:aws:sts::123456789012:assumed-role/shop"
    assert redeem(api.as_(by(f"{role}/one")), sold.event_id, code=CODES[0], key=KEY).status == 200
    assert redeem(api.as_(by(f"{role}/two")), sold.event_id, code=CODES[0], key=KEY).status == 200
    for other in (f"{role}2/one", "arn:aws:iam::123456789012:user/shop"):
        assert redeem(api.as_(by(other)), sold.event_id, code=CODES[0], key=KEY).code == (409, "key_used")
        assert take_back(api.as_(by(other)), sold.event_id, KEY).code == (409, "key_used")


def test_a_ledger_that_is_away_decides_nothing(start: Callable[..., Api], sold: World) -> None:
    """503: the same request is simply repeated."""
    away = start(**NO_MYSQL)
    assert redeem(away, sold.event_id, code=CODES[0], key=KEY).code == (503, "try_again")
    assert take_back(away, sold.event_id, KEY).code == (503, "try_again")


# --- who reads a code ------------------------------------------------------------------------------------------------


def test_a_code_is_told_once_the_coupon_is_issued(api: Api, world: World) -> None:
    """To its owner and the back end; while the ticket is on its way, and where the event has none, nothing is said."""
    alice = world.apply("alice")
    world.consume(world.apply("bob"))
    assert "code" not in api.status(world.event_id, "bob").body
    world.operate("upload_codes", codes=CODES[:1])
    assert api.status(world.event_id, "bob").body["code"] is None
    assert "code" not in api.status(world.event_id, "alice").body
    world.consume(alice)
    assert api.status(world.event_id, "alice").body["code"] == CODES[0]
    assert api.as_(jwt("alice")).status(world.event_id, "alice").body["code"] == CODES[0]
    assert api.as_(jwt("bob")).status(world.event_id, "alice").code == (404, "no_application")


def test_operators_see_who_redeemed_and_admins_the_codes(api: Api, sold: World) -> None:
    """So `winners` and `lookup`; whoever is no admin reads in `lookup` that there is a code, and where it was used."""
    redeem(api.as_(by("arn:aws:iam::123456789012:user/till")), sold.event_id, code=CODES[1], key=KEY)
    alice, bob = sold.operate("winners")["rows"]
    assert [alice["code"], bob["code"]] == CODES[:2]
    assert (alice["redeemed"], bob["redeemed"]["by"]) == (None, "arn:aws:iam::123456789012:user/till")
    question = {"action": "lookup", "event_id": sold.event_id, "user_id": "bob"}
    for group, code in (("admin", CODES[1]), ("operator", None)):
        row = act(sold.stores, question, Who("olga", ActorKind.TOKEN, frozenset({group})))["row"]
        assert (row["has_code"], row["code"], row["redeemed"]) == (True, code, bob["redeemed"])


def test_no_code_is_in_a_log_a_record_or_the_gate(
    api: Api, sold: World, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nor is a key, which is its caller's own: redeemed, refused, malformed, and where a server fails.

    Nor does the history have it, of an upload that was done or refused.
    """
    key = str(uuid.uuid4())
    caplog.set_level("INFO", "firstcome")
    told = [
        redeem(api, sold.event_id, code=CODES[0], key=key),
        redeem(api, sold.event_id, code=CODES[0], key=OTHER_KEY),
        redeem(api, sold.event_id, code=CODES[2], key=OTHER_KEY),
        redeem(api, sold.event_id, code=CODES[0] + "ä", key=OTHER_KEY),
        take_back(api, sold.event_id, key),
    ]
    with pytest.raises(BadInput, match="another code already"):
        sold.operate("upload_codes", codes=[CODES[0], "another"])
    sold.operate("revoke", user_id="alice")

    with sold.stores.ledger.connect() as connection, connection.cursor() as cursor:
        cursor.execute("ALTER TABLE coupon_code RENAME COLUMN code TO renamed")
        try:
            told.append(redeem(api, sold.event_id, code=CODES[0], key=key))
        finally:
            cursor.execute("ALTER TABLE coupon_code RENAME COLUMN renamed TO code")
        cursor.execute("SELECT * FROM operation")
        history = str(cursor.fetchall())
    assert "upload_codes" in history
    assert told[-1].code == (503, "try_again")
    text = capsys.readouterr().out + repr([vars(record) for record in caplog.records])
    assert "redeemed" in text
    assert "1054" in text, "the server's number, without its words"
    gate = repr(sold.snapshot())
    for secret in (CODES[0], CODES[0].encode().hex(), key):
        assert secret not in text
        assert secret not in gate
        assert secret not in history
        assert not any(
            secret in json.dumps(one.body) for one in told if one.status != 410 and "instance" not in one.body
        )
