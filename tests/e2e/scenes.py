"""What leads to each answer of the API: scenes from the life of an event, named as the OpenAPI document names them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from firstcome.apply.problem import MAX_BODY_BYTES
from tests.world import HOUR_MS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.api import Reply
    from tests.e2e.campaign import Campaign

    # In the life of an event that does not exist yet.
    Scene = Callable[[Campaign], Reply]

# "<operation> <status> <name of the example>" → what leads there.
SCENES: dict[str, Scene] = {}
# The examples whose names are no word of their bodies: what else tells them apart, their scenes say.
NOT_AFTER_A_WORD = {"apply 200 again", "takeBack 200 unknown"}


def leads_to(answer: str, scenes: dict[str, Scene] = SCENES) -> Callable[[Scene], Scene]:
    """Register a scene under the name of the answer that it leads to."""

    def register(scene: Scene) -> Scene:
        scenes[answer] = scene
        return scene

    return register


def arrive(answer: str, campaign: Campaign, scenes: dict[str, Scene] = SCENES) -> None:
    """Play the scene, and hold its reply to the name of the answer."""
    _, status, word = answer.split()
    reply = scenes[answer](campaign)
    assert reply.status == int(status), reply
    if reply.status >= 400:
        assert (reply.headers["content-type"], reply.body["code"]) == ("application/problem+json", word)
        assert reply.headers["cache-control"] == "no-store"
    elif answer not in NOT_AFTER_A_WORD:
        # A redemption has a time in place of a word.
        times = [name.removesuffix("_at") for name in reply.body if name.endswith("_at")]
        assert word in (reply.body.get("status"), reply.body.get("state"), *times), reply


# --- POST /events/{event_id}/applications ----------------------------------------------------------------------------


@leads_to("apply 202 accepted")
def _(campaign: Campaign) -> Reply:
    campaign.open()
    return campaign.apply("auth0|alice")


@leads_to("apply 202 reserved")
def _(campaign: Campaign) -> Reply:
    campaign.open()
    campaign.die_after_gate("alice")
    return campaign.apply("alice")


@leads_to("apply 200 again")
def _(campaign: Campaign) -> Reply:
    campaign.open()
    campaign.win("alice")
    campaign.wait_consumed()
    return campaign.apply("alice")


@leads_to("apply 409 sold_out")
def _(campaign: Campaign) -> Reply:
    campaign.open(capacity=1)
    campaign.win("alice")
    return campaign.apply("bob")


@leads_to("apply 409 not_open")
def _(campaign: Campaign) -> Reply:
    campaign.create(capacity=1)
    assert campaign.apply("alice").code == (409, "not_open"), "a draft"
    campaign.event_id += "-later"
    campaign.create(capacity=1, opens_in_ms=HOUR_MS, closes_in_ms=2 * HOUR_MS)
    campaign.operate("open")
    return campaign.apply("alice")


@leads_to("apply 409 paused")
def _(campaign: Campaign) -> Reply:
    campaign.open()
    campaign.operate("pause")
    return campaign.apply("alice")


@leads_to("apply 409 closed")
def _(campaign: Campaign) -> Reply:
    campaign.open()
    for action in ("close", "end"):
        campaign.operate(action)
        assert campaign.apply("alice").code == (409, "closed"), action
    campaign.event_id += "-over"
    campaign.create(capacity=1, opens_in_ms=-2 * HOUR_MS, closes_in_ms=-HOUR_MS)
    campaign.operate("open")
    return campaign.apply("alice")


@leads_to("apply 409 refused")
def _(campaign: Campaign) -> Reply:
    campaign.open()
    campaign.operate("refuse", user_id="alice")
    return campaign.apply("alice")


@leads_to("apply 404 unknown_event")
def _(campaign: Campaign) -> Reply:
    return campaign.apply("alice")


@leads_to("apply 400 bad_event_id")
def _(campaign: Campaign) -> Reply:
    return campaign.post({"user_id": "alice"}, event_id="spring.sale")


@leads_to("apply 400 bad_user_id")
def _(campaign: Campaign) -> Reply:
    return campaign.post({})


@leads_to("apply 400 bad_json")
def _(campaign: Campaign) -> Reply:
    return campaign.post(b'{"user_id": ')


@leads_to("apply 413 body_too_large")
def _(campaign: Campaign) -> Reply:
    return campaign.post({"user_id": "alice", "more": "x" * MAX_BODY_BYTES})


@leads_to("apply 415 unsupported_media_type")
def _(campaign: Campaign) -> Reply:
    return campaign.post({"user_id": "alice"}, {"content-type": "text/plain"})


# --- GET /events/{event_id}/applications/{user_id} -------------------------------------------------------------------


@leads_to("status 200 issued")
def _(campaign: Campaign) -> Reply:
    campaign.open()
    campaign.win("auth0|alice")
    campaign.wait_consumed()
    return campaign.status("auth0|alice")


@leads_to("status 200 pending")
def _(campaign: Campaign) -> Reply:
    campaign.open()
    with campaign.unconsumed():
        campaign.win("alice")
        return campaign.status("alice")


@leads_to("status 200 failed")
def _(campaign: Campaign) -> Reply:
    campaign.open()
    with campaign.rejected("alice"):
        campaign.win("alice")
        campaign.wait_consumed()
        return campaign.status("alice")


@leads_to("status 200 refused")
def _(campaign: Campaign) -> Reply:
    campaign.open()
    campaign.operate("refuse", user_id="alice")
    return campaign.status("alice")


@leads_to("status 404 no_application")
def _(campaign: Campaign) -> Reply:
    campaign.open()
    return campaign.status("alice")


@leads_to("status 404 unknown_event")
def _(campaign: Campaign) -> Reply:
    return campaign.status("alice")


@leads_to("status 400 bad_event_id")
def _(campaign: Campaign) -> Reply:
    return campaign.status("alice", event_id="spring.sale")


@leads_to("status 400 bad_user_id")
def _(campaign: Campaign) -> Reply:
    return campaign.status("alice b")


# --- GET /events/{event_id} ------------------------------------------------------------------------------------------


@leads_to("event 200 open")
def _(campaign: Campaign) -> Reply:
    campaign.open()
    return campaign.event()


@leads_to("event 404 unknown_event")
def _(campaign: Campaign) -> Reply:
    return campaign.event()


@leads_to("event 400 bad_event_id")
def _(campaign: Campaign) -> Reply:
    return campaign.event("e" * 65)


# --- what can happen to every operation ------------------------------------------------------------------------------

ASKS: dict[str, Scene] = {
    "apply": lambda campaign: campaign.apply("alice"),
    "status": lambda campaign: campaign.status("alice"),
    "event": lambda campaign: campaign.event(),
}


def register_faults(operation: str, ask: Scene) -> None:
    """Register what every operation answers under a fault."""

    @leads_to(f"{operation} 503 gate_lost")
    def _(campaign: Campaign) -> Reply:
        campaign.open()
        campaign.lose_gate()
        return ask(campaign)

    @leads_to(f"{operation} 503 try_again")
    def _(campaign: Campaign) -> Reply:
        campaign.open()
        with campaign.without_redis():
            return ask(campaign)

    @leads_to(f"{operation} 500 internal")
    def _(campaign: Campaign) -> Reply:
        campaign.open()
        with campaign.garbled():
            return ask(campaign)


for name, ask in ASKS.items():
    register_faults(name, ask)
