"""An event with codes from its upload to the till, over HTTP alone, as operators, applicants and back ends do it."""

from __future__ import annotations

import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from dev.doors import OPERATOR_URL
from tests.api import JSON
from tests.patience import PATIENCE_S
from tests.promise import assert_promise

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dev.cloud import Cloud
    from tests.api import Reply
    from tests.e2e.campaign import Campaign

CODES, BACK_ENDS = 1_000, 8
PAGE = 300  # rows of an export's page: the last one is not full


@pytest.fixture
def admin(guarded: Cloud) -> Iterator[httpx.Client]:
    """The operator's API, asked by an administrator."""
    headers = {"authorization": f"Bearer {guarded.doors.identity.access_token('ada', ('admin',))}"}
    with httpx.Client(base_url=guarded.doors.urls[OPERATOR_URL], headers=headers, timeout=PATIENCE_S) as client:
        yield client


def test_a_thousand_codes_are_given_exported_and_redeemed(campaign: Campaign, admin: httpx.Client) -> None:
    """Each code reaches one person, each person one code, and of two back ends that redeem it one does."""
    campaign.create(CODES)
    path = f"/events/{campaign.event_id}"
    codes = [f"CODE-{number:04}" for number in range(1, CODES + 1)]
    uploaded = admin.post(f"{path}/actions/upload_codes", json={"codes": codes}).json()
    assert uploaded["codes"] == {"uploaded": CODES, "of": CODES}
    campaign.operate("open")
    with ThreadPoolExecutor(BACK_ENDS) as pool:
        told = Counter(pool.map(lambda number: campaign.apply(f"p{number}").status, range(CODES + BACK_ENDS)))
    assert told == {202: CODES, 409: BACK_ENDS}
    campaign.wait_consumed()

    winners = export(admin, path)
    assert [one["ticket"] for one in winners] == list(range(1, CODES + 1))
    assert [one["code"] for one in winners] == codes
    assert {one["user_id"]: one["ticket"] for one in winners} == campaign.holders()

    last = winners[-1]
    seen = admin.get(f"{path}/people/{last['user_id']}").json()
    assert (seen["row"]["ticket"], seen["row"]["redeemed"], seen["told"]["status"]) == (CODES, None, "issued")
    assert campaign.status(last["user_id"]).body["code"] == last["code"]

    with ThreadPoolExecutor(BACK_ENDS) as pool:
        shares = pool.map(lambda shop: redeem_share(campaign, codes, shop), range(BACK_ENDS))
        replies = [reply for share in shares for reply in share]
    assert Counter(reply.status for reply in replies) == {200: CODES, 409: CODES}
    assert {reply.code for reply in replies if reply.status == 409} == {(409, "redeemed")}
    owners = {one["ticket"]: one["user_id"] for one in winners}
    assert {reply.body["ticket"]: reply.body["user_id"] for reply in replies if reply.status == 200} == owners
    assert all(one["redeemed"] for one in export(admin, path))
    assert_promise(campaign, CODES)


def export(admin: httpx.Client, path: str) -> list[dict[str, Any]]:
    """Return every winner, page by page, by the cursor of the page before."""
    rows: list[dict[str, Any]] = []
    after = 0
    while after is not None:
        page = admin.get(f"{path}/winners", params={"limit": PAGE, "after": after}).json()
        assert len(page["rows"]) == min(PAGE, CODES - len(rows))
        rows += page["rows"]
        after = page["next"]
    return rows


def redeem_share(campaign: Campaign, codes: list[str], shop: int) -> list[Reply]:
    """Let one back end redeem its share of the codes and its neighbour's, each by a key of its own."""
    share = len(codes) // BACK_ENDS
    mine = [codes[(shop * share + number) % len(codes)] for number in range(2 * share)]
    path = f"/events/{campaign.event_id}/redemptions"
    return [
        campaign.call("POST", path, f'{{"code": "{code}", "key": "{uuid.uuid4()}"}}'.encode(), JSON) for code in mine
    ]
