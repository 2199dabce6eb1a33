"""What docs/deploy.md tells an operator to send is what operate takes, in that order."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from firstcome.operate.actions import act

if TYPE_CHECKING:
    from tests.world import World

DEPLOY = (Path(__file__).parents[2] / "docs" / "deploy.md").read_text()
EVENT_ID = "first-sale"


def test_the_orders_of_deploy_md_are_carried_out(world: World) -> None:
    """From migrate to end; the event that it makes gives the first coupon, and the audit is content."""
    orders = [json.loads(order) for order in re.findall(r"^\$ operate '(\{.*\})'$", DEPLOY, re.MULTILINE)]
    # One broker here, and the topic of this test; a gate that an earlier run left would be another event's.
    world.stores.gate.redis.delete(*world.stores.gate.keys(EVENT_ID))
    here = type(world)(world.stores, EVENT_ID)
    answers: dict[str, dict[str, Any]] = {}
    for order in orders:
        answers[order["action"]] = act(
            world.stores, order | ({"replication": 1} if order["action"] == "migrate" else {})
        )
        if order["action"] == "open":
            ticket = here.apply("alice")
            here.send(ticket)
            here.consume(ticket)
            here.commit(1)
    assert list(answers) == ["migrate", "create", "open", "show", "audit", "end"]
    assert answers["create"]["created"]
    assert (here.holders(), answers["show"]["coupons"]) == ({"alice": 1}, 1)
    assert (answers["audit"]["ok"], answers["audit"]["quiet"]) == (True, True)
