"""A flood of people without a token takes nothing from applicants: what is open to all has its own environments."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx

from dev.doors import APPLICANT_URL
from dev.process import wait_until
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dev.cloud import Cloud
    from tests.e2e.campaign import Campaign

LOOKING = 60  # three times what the route lets through at once


@contextmanager
def frozen(cloud: Cloud, function: str) -> Iterator[None]:
    """Every environment of the function stands still: what needs one of them waits."""
    pids = cloud.environments(function)
    assert pids
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def test_no_environment_of_apply_serves_the_view(guarded: Cloud, campaign: Campaign) -> None:
    """It is told while all of them stand still."""
    campaign.open(3)
    with frozen(guarded, "apply"):
        view = httpx.get(f"{guarded.doors.urls[APPLICANT_URL]}/events/{campaign.event_id}", timeout=PATIENCE_S)
    assert (view.status_code, view.json()["remaining"]) == (200, 3)


def test_applicants_are_answered_during_a_flood(guarded: Cloud, campaign: Campaign) -> None:
    """Those who look wait for environments that stand still, or are told so by the front; those who apply do not."""
    campaign.open(3)
    url = f"{guarded.doors.urls[APPLICANT_URL]}/events/{campaign.event_id}"
    token = {"authorization": f"Bearer {guarded.doors.identity.access_token('ann', ())}"}
    with ThreadPoolExecutor(LOOKING) as pool, httpx.Client(timeout=PATIENCE_S) as applicant:
        with frozen(guarded, "event"):
            looking = [pool.submit(httpx.get, url, timeout=PATIENCE_S) for _ in range(LOOKING)]
            applied = applicant.post(f"{url}/applications", headers=token)
            asked = applicant.get(f"{url}/applications/ann", headers=token)
        views = [each.result() for each in looking]
    assert applied.status_code == 202, applied.text
    assert asked.json()["ticket"] == applied.json()["ticket"] == 1
    assert {view.status_code for view in views} <= {200, 429}
    assert any(view.status_code == 200 for view in views)


def test_the_real_view_is_kept(guarded: Cloud, campaign: Campaign) -> None:
    """What the function says of it lets a second of it be one answer; an event that there is not is asked for anew."""
    campaign.open(3)
    with httpx.Client(base_url=guarded.doors.urls[APPLICANT_URL], timeout=PATIENCE_S) as door:

        def one_request() -> bool:
            asked = [door.get(f"/events/{campaign.event_id}") for _ in range(2)]
            assert {each.status_code for each in asked} == {200}
            return len({each.json()["now"] for each in asked}) == 1 and "age" in asked[1].headers

        wait_until(one_request, "two looks at one event are one request")
        missing = [door.get("/events/no-such-event") for _ in range(3)]
        assert {each.status_code for each in missing} == {404}
        assert not any("age" in each.headers for each in missing)
