"""Step 6: functions/apply as it is, called with the event that API Gateway would make.

Fixes what is left: one atomic script decides and marks, the send is awaited, rows are keyed by person and ticket, and
what died halfway is found by its mark and finished. consume and retry run in the local cloud.

The price: a winner waits for the broker, and each request goes through the checks, logs and metrics of a function that
somebody operates. Once it is sold out, losers are answered from memory, without Redis.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from dev import gateway
from functions.apply.handler import handler

if TYPE_CHECKING:
    from benchmarks.strategies import Apply
    from firstcome.settings import Settings

ROUTES = gateway.Routes([("POST", "/events/{event_id}/applications")])
HEADERS = {"content-type": "application/json"}


def start(settings: Settings, capacity: int) -> Apply:  # noqa: ARG001  its init has read them; it is in the event
    """Return how to apply."""

    def apply(event_id: str, user_id: str) -> bool:
        body = json.dumps({"user_id": user_id}).encode()
        path = f"/events/{event_id}/applications"
        request = gateway.Request("POST", path, "HTTP/1.1", dict(HEADERS), body)
        event = gateway.event(request, ROUTES, "JKJaXmPLvHcESHA=")
        assert event is not None, path
        status: int = handler(event, None)["statusCode"]
        assert status in (200, 202, 409), status  # no server is away here
        return status != 409

    return apply
