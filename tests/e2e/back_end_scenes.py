"""What leads to each answer of the API to back ends: coupons are redeemed, and redemptions taken back."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from firstcome.apply.problem import MAX_BODY_BYTES
from tests.e2e import scenes
from tests.e2e.campaign import OUT_OF_RESOURCES, UNTHOUGHT_OF

if TYPE_CHECKING:
    from tests.api import Reply
    from tests.e2e.campaign import Campaign
    from tests.e2e.scenes import Scene

CODES = ["SPRING-0001", "SPRING-0002", "SPRING-0003"]
KEY, OTHER_KEY = "0b1f3a52-7d5e-4c1a-9a53-1f2e3d4c5b6a", "1c2f3a52-7d5e-4c1a-9a53-1f2e3d4c5b6b"

BACK_END_SCENES: dict[str, Scene] = {}
leads_to = partial(scenes.leads_to, scenes=BACK_END_SCENES)


def sell(campaign: Campaign) -> None:
    """Give alice and bob the coupons of the first two codes; the third is to be had."""
    campaign.create(len(CODES))
    campaign.operate("upload_codes", codes=CODES)
    campaign.operate("open")
    campaign.win("alice", "bob")
    campaign.wait_consumed()


def redeem(campaign: Campaign) -> None:
    """Let alice's coupon be redeemed by `KEY`."""
    assert campaign.redeem(KEY, code=CODES[0]).status == 200


def take_back(campaign: Campaign) -> None:
    """Let the redemption by `KEY` be taken back."""
    assert campaign.take_back(KEY).status == 200


# --- POST /events/{event_id}/redemptions -----------------------------------------------------------------------------


@leads_to("redeem 200 redeemed")
def _(campaign: Campaign) -> Reply:
    sell(campaign)
    redeem(campaign)
    return campaign.redeem(KEY, code=CODES[0])  # the same again


@leads_to("redeem 400 bad_event_id")
def _(campaign: Campaign) -> Reply:
    return campaign.post({"code": CODES[0], "key": KEY}, event_id="spring.sale", to="redemptions")


@leads_to("redeem 400 bad_user_id")
def _(campaign: Campaign) -> Reply:
    return campaign.redeem(KEY, user_id="alice b")


@leads_to("redeem 400 bad_json")
def _(campaign: Campaign) -> Reply:
    return campaign.post(b'{"code": ', to="redemptions")


@leads_to("redeem 400 bad_code")
def _(campaign: Campaign) -> Reply:
    assert campaign.redeem(KEY, code=CODES[0], user_id="alice").code == (400, "bad_code"), "one of them"
    assert campaign.redeem(KEY).code == (400, "bad_code")
    sell(campaign)
    return campaign.redeem(KEY, user_id="alice")  # the event has codes


@leads_to("redeem 400 bad_key")
def _(campaign: Campaign) -> Reply:
    return campaign.redeem("order-1", code=CODES[0])


@leads_to("redeem 404 unknown_event")
def _(campaign: Campaign) -> Reply:
    return campaign.redeem(KEY, code=CODES[0])


@leads_to("redeem 404 unknown_code")
def _(campaign: Campaign) -> Reply:
    sell(campaign)
    return campaign.redeem(KEY, code=CODES[0].lower())


@leads_to("redeem 409 redeemed")
def _(campaign: Campaign) -> Reply:
    sell(campaign)
    redeem(campaign)
    return campaign.redeem(OTHER_KEY, code=CODES[0])


@leads_to("redeem 409 revoked")
def _(campaign: Campaign) -> Reply:
    sell(campaign)
    campaign.operate("revoke", user_id="alice")
    return campaign.redeem(KEY, code=CODES[0])


@leads_to("redeem 409 key_used")
def _(campaign: Campaign) -> Reply:
    sell(campaign)
    redeem(campaign)
    return campaign.redeem(KEY, code=CODES[1])


@leads_to("redeem 409 not_issued")
def _(campaign: Campaign) -> Reply:
    sell(campaign)
    return campaign.redeem(KEY, code=CODES[2])


@leads_to("redeem 410 taken_back")
def _(campaign: Campaign) -> Reply:
    sell(campaign)
    redeem(campaign)
    take_back(campaign)
    return campaign.redeem(KEY, code=CODES[0])


@leads_to("redeem 413 body_too_large")
def _(campaign: Campaign) -> Reply:
    return campaign.redeem(KEY, code=CODES[0], more="x" * MAX_BODY_BYTES)


@leads_to("redeem 415 unsupported_media_type")
def _(campaign: Campaign) -> Reply:
    return campaign.post({"code": CODES[0], "key": KEY}, {"content-type": "text/plain"}, to="redemptions")


# --- DELETE /events/{event_id}/redemptions/{key} ---------------------------------------------------------------------


@leads_to("takeBack 200 taken_back")
def _(campaign: Campaign) -> Reply:
    sell(campaign)
    redeem(campaign)
    return campaign.take_back(KEY)


@leads_to("takeBack 200 unknown")
def _(campaign: Campaign) -> Reply:
    sell(campaign)
    noted = campaign.take_back(KEY)
    assert "ticket" not in noted.body, "the key has redeemed nothing"
    return noted


@leads_to("takeBack 400 bad_event_id")
def _(campaign: Campaign) -> Reply:
    return campaign.take_back(KEY, event_id="spring.sale")


@leads_to("takeBack 400 bad_key")
def _(campaign: Campaign) -> Reply:
    return campaign.take_back("order-1")


@leads_to("takeBack 404 unknown_event")
def _(campaign: Campaign) -> Reply:
    return campaign.take_back(KEY)


@leads_to("takeBack 409 key_used")
def _(campaign: Campaign) -> Reply:
    sell(campaign)
    redeem(campaign)
    # Over HTTP, every back end here is the same one.
    campaign.sql("UPDATE redemption SET caller = 'another shop' WHERE event_id = %s", campaign.event_id)
    return campaign.take_back(KEY)


# --- what can happen to both: the gate has no part in it -------------------------------------------------------------

BACK_END_ASKS: dict[str, Scene] = {
    "redeem": lambda campaign: campaign.redeem(KEY, code=CODES[0]),
    "takeBack": lambda campaign: campaign.take_back(KEY),
}


def register_faults(operation: str, ask: Scene) -> None:
    """Register what both answer under a fault of the ledger."""

    @leads_to(f"{operation} 503 try_again")
    def _(campaign: Campaign) -> Reply:
        sell(campaign)
        with campaign.signalled("redemption", OUT_OF_RESOURCES):
            return ask(campaign)

    @leads_to(f"{operation} 500 internal")
    def _(campaign: Campaign) -> Reply:
        sell(campaign)
        with campaign.signalled("redemption", UNTHOUGHT_OF):
            return ask(campaign)


for name, ask in BACK_END_ASKS.items():
    register_faults(name, ask)
