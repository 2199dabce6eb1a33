"""`make demo-web`: an event that a crowd comes to while somebody watches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dev import demo_web

if TYPE_CHECKING:
    import pytest

    from dev.cloud import Cloud


def test_the_demo_says_where_to_look_and_ends(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    """It prints the event's address in the console and that of its page, and what people were told."""
    addresses = {"FIRSTCOME_API_URL": cloud.api_url, "FIRSTCOME_LAMBDA_URL": cloud.lambda_url, **cloud.doors.urls}
    event_id = demo_web.main(addresses, people=demo_web.COUPONS + 20, opens_in_s=1, rate=100)
    said = capsys.readouterr().out
    assert f"{cloud.doors.urls['FIRSTCOME_CONSOLE_URL']}/#/events/{event_id}" in said
    assert f"{cloud.doors.urls['FIRSTCOME_PAGE_URL']}/?event={event_id}" in said
    assert "20 were told 409 sold_out" in said
