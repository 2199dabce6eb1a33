"""`sam local start-api` serves the same API as the local cloud, in containers, over the same servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.campaign import Campaign
from tests.e2e.scenes import SCENES, arrive

if TYPE_CHECKING:
    import httpx

    from dev.cloud import Cloud


@pytest.mark.parametrize("answer", SCENES)
def test_the_answer_is_given_and_is_as_documented(
    answer: str, cloud: Cloud, trusting: httpx.Client, event_id: str
) -> None:
    """Status, media type, body and code; each answer on the way to it is held to the document too."""
    arrive(answer, Campaign(cloud, trusting, event_id))


def test_applying_needs_an_authorizer(cloud: Cloud, guarded: httpx.Client, event_id: str) -> None:
    """SAM CLI has no JWT authorizer of its own: the function asks who it is, and gives nothing."""
    campaign = Campaign(cloud, guarded, event_id)
    campaign.open()
    assert campaign.apply("alice").code == (401, "unauthenticated")
    assert campaign.event().body["remaining"] == 3
    assert campaign.call("PUT", f"/events/{event_id}").code == (405, "method_not_allowed")
    assert campaign.call("GET", "/elsewhere").code == (404, "unknown_path")
    assert campaign.holders() == {}
