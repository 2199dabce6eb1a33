"""Codes, redemptions and revocations, each killed at every step: done once, or not at all, and the repeat ends it.

Each ends with the whole promise, which counts who was revoked among the refused.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from dev.invoke import InvocationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.faults.town import Town

CAPACITY = 4
CODES = [f"CODE-{n}" for n in range(1, CAPACITY + 1)]

REVOKING = [
    "before Ledger.revoke",
    "after Ledger.revoke",
    "before Connection.commit",
    "after Connection.commit",
    "before Gate.release",
    "after Gate.release",
]
UPLOADING = ["before Ledger.upload_codes", "before Connection.commit", "after Connection.commit"]
REDEEMING = [
    "before Ledger.redeem_code",
    "before Connection.commit",
    "after Connection.commit",
    "after Ledger.redeem_code",
]
TAKING_BACK = ["before Ledger.take_back", "before Connection.commit", "after Connection.commit"]


def given_away(town: Town, *, coded: bool = True) -> list[str]:
    """Give all coupons away; return the winners by ticket."""
    town.open(CAPACITY)
    town.rush(CAPACITY)
    town.until_whole()
    if coded:
        town.operate("upload_codes", codes=CODES)
    return [row.user_id for row in town.rows()]


def operate_until_done(town: Town, step: str, action: str, **fields: Any) -> dict[str, Any]:
    """Let operate die in the middle of an action; repeat the request until it is answered."""
    when, call = step.split()
    request = {"request_id": str(uuid.uuid4()), **fields}
    with town.dies("operate", when, call), pytest.raises(InvocationError):
        town.operate(action, **request)
    return town.operate(action, **request)


def until_answered(  # noqa: PLR0917  a request and where to die
    town: Town, step: str, wait_until: Callable[..., None], method: str, path: str, body: Any = None
) -> httpx.Response:
    """Let apply die in the middle of a request; repeat it until it is answered."""
    when, call = step.split()
    answers: list[httpx.Response] = []

    def ask() -> bool:
        try:
            answers.append(town.http.request(method, path, json=body))
        except httpx.TransportError:
            return False
        return answers[-1].status_code < 500

    with town.dies("apply", when, call):
        assert not ask(), "nobody is answered by the environment that dies"
    wait_until(ask, f"{method} {path} is answered")
    return answers[-1]


@pytest.mark.parametrize("step", REVOKING)
def test_a_revocation_that_dies_is_done_by_its_repeat(town: Town, step: str) -> None:
    """The coupon goes to the next who asks; the code that its owner has seen is nobody's any more."""
    people = given_away(town)
    operate_until_done(town, step, "revoke", user_id=people[1])
    town.until_whole()
    told = town.ask(people[1])
    assert told.answer.word == "refused"
    town.fill()
    town.until_whole()
    rows = {row.number: row.user_id for row in town.rows()}
    assert (len(rows), rows[1], people[1] in rows.values()) == (CAPACITY, people[0], False)
    assert town.status(rows[2]).body["code"] is None
    assert town.status(rows[1]).body["code"] == CODES[0]
    assert town.assert_promise()["refused"] == 1


def test_a_revocation_nobody_repeats_is_told_by_the_schedule(town: Town) -> None:
    """The row and the refusal are one transaction; the gate hears of it within a run of the retry."""
    people = given_away(town)
    with town.dies("operate", "before", "Gate.release"), pytest.raises(InvocationError):
        town.operate("revoke", user_id=people[1])
    town.until_whole()
    assert town.free() == 1
    assert town.assert_promise(CAPACITY)["refused"] == 1


@pytest.mark.parametrize("step", UPLOADING)
def test_an_upload_that_dies_is_whole_or_not_there(town: Town, step: str) -> None:
    """The repeat ends it, and each ticket has its line."""
    people = given_away(town, coded=False)
    operate_until_done(town, step, "upload_codes", codes=CODES)
    assert town.operate("show")["codes"] == {"uploaded": CAPACITY, "of": CAPACITY}
    assert [town.status(person).body["code"] for person in people] == CODES
    town.assert_promise()


@pytest.mark.parametrize("step", REDEEMING)
def test_a_redemption_that_dies_is_answered_by_its_repeat(
    town: Town, step: str, wait_until: Callable[..., None]
) -> None:
    """Once, by the same key; another key is told that it is redeemed."""
    people = given_away(town)
    path, key = f"/events/{town.event_id}/redemptions", str(uuid.uuid4())
    answer = until_answered(town, step, wait_until, "POST", path, {"code": CODES[2], "key": key})
    assert (answer.status_code, answer.json()["user_id"]) == (200, people[2])
    assert town.http.post(path, json={"code": CODES[2], "key": key}).json() == answer.json()
    other = town.http.post(path, json={"code": CODES[2], "key": str(uuid.uuid4())})
    assert (other.status_code, other.json()["code"]) == (409, "redeemed")
    assert town.sql("SELECT ticket FROM redemption WHERE event_id = %s", town.event_id) == [(3,)]
    town.assert_promise()


@pytest.mark.parametrize("step", TAKING_BACK)
def test_a_redemption_is_taken_back_whoever_dies(town: Town, step: str, wait_until: Callable[..., None]) -> None:
    """The key never redeems again, and the coupon takes another."""
    given_away(town)
    path, key = f"/events/{town.event_id}/redemptions", str(uuid.uuid4())
    assert town.http.post(path, json={"code": CODES[0], "key": key}).status_code == 200
    assert until_answered(town, step, wait_until, "DELETE", f"{path}/{key}").status_code == 200
    assert town.http.post(path, json={"code": CODES[0], "key": key}).status_code == 410
    assert town.http.post(path, json={"code": CODES[0], "key": str(uuid.uuid4())}).status_code == 200
    town.assert_promise()
