"""Every state of the applicant's page with what it may know, shown without a server: for axe, and for the pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from firstcome.rules import rfc3339

if TYPE_CHECKING:
    from playwright.sync_api import Page

LANGUAGES = ("en", "ko")
NOW_MS = 1_893_488_100_000  # 2030-01-01T08:55:00Z
OPENS_MS = NOW_MS + 323_000
EVENT = {
    "event_id": "spring-sale",
    "name": "Spring sale",
    "state": "open",
    "capacity": 1000,
    "remaining": 1000,
    "opens_at": OPENS_MS,
    "closes_at": OPENS_MS + 86_400_000,
    "timezone": "Asia/Seoul",
    "spread_ms": 60_000,
}
NAMES = {"en": "Spring sale", "ko": "봄맞이 할인"}
TICKET = {"number": 417, "userId": "alice", "appliedAt": OPENS_MS + 7_300}
ASKED = {"askedAt": OPENS_MS + 7_300, "correlationId": "0b9bd9a3-6d2b-4c2e-8a3e-5f1c2d7f9a10"}
SOLD_OUT = {"name": "soldout", "soldOutAt": OPENS_MS + 6_900, **ASKED}
ASKED_AGAIN = {"askedAt": OPENS_MS + 95_400, "correlationId": "5d0c8f64-1b7e-4a39-9c52-8e7f4b6a2d31"}

# By the name of the picture; `name` is the state's own.
STATES: dict[str, dict[str, Any]] = {
    "loading": {"name": "loading"},
    "missing": {"name": "missing"},
    "signedout": {"name": "signedout"},
    "signedout-again": {"name": "signedout", "expired": True},
    "before": {"name": "before"},
    "before-joined": {"name": "before", "joined": True},
    "turn": {"name": "turn", "turnAt": OPENS_MS + 7_000},
    "open": {"name": "open"},
    "asking": {"name": "asking", "askedAt": OPENS_MS},
    "accepted": {"name": "accepted", "ticket": TICKET},
    "making": {"name": "making", "ticket": TICKET},
    "making-late": {"name": "making", "ticket": TICKET, "done": True},
    "issued": {"name": "issued", "ticket": TICKET, "code": "SPRING-7KQ2-M4XD"},
    "issued-plain": {"name": "issued", "ticket": TICKET},
    "soldout": SOLD_OUT,
    "soldout-again": {**SOLD_OUT, **ASKED_AGAIN, "first": SOLD_OUT},
    "soldout-seen": {"name": "soldout"},
    "soldout-signedout": {"name": "soldout", "signedOut": True},
    "paused": {"name": "paused"},
    "closed": {"name": "closed"},
    "refused": {"name": "refused", **ASKED},
    "tryagain": {"name": "tryagain", "againAt": NOW_MS + 12_000, **ASKED},
    "tryagain-button": {"name": "tryagain", **ASKED},
    "offline": {"name": "offline"},
}

# In place of main.js: the view, and nothing that asks anybody.
ONLY_THE_VIEW = """
import { View } from "./view.js";
const view = new View(document);
globalThis.show = (language, state, seen) => {
  view.language = language;
  view.show(state, seen);
  globalThis.tick = (now) => view.tick(state, seen.event, now);
};
"""


def only_the_view(page: Page) -> None:
    """Have a page that is opened next show what it is told to, and do nothing by itself."""
    page.route("**/main.js", lambda route: route.fulfill(body=ONLY_THE_VIEW, content_type="text/javascript"))


def show(page: Page, name: str, language: str, **event_fields: Any) -> None:
    """Show one of `STATES`; `event_fields` are the event's, where they are to be others."""
    event = {**EVENT, "name": NAMES[language], **{at: _iso(EVENT[at]) for at in ("opens_at", "closes_at")}}
    event |= event_fields
    seen = {"event": None if name in ("loading", "missing") else event, "now": NOW_MS, "person": {"name": "alice"}}
    if "signedout" in name:
        seen["person"] = None
    page.wait_for_function("typeof show === 'function'")
    page.evaluate("([language, state, seen]) => show(language, state, seen)", [language, _dated(STATES[name]), seen])


def _dated(state: dict[str, Any]) -> dict[str, Any]:
    """Return the state with the times that come from an answer as the API writes them."""
    dated = {**state}
    if "ticket" in dated:
        dated["ticket"] = {**dated["ticket"], "appliedAt": _iso(dated["ticket"]["appliedAt"])}
    if "soldOutAt" in dated:
        dated["soldOutAt"] = _iso(dated["soldOutAt"])
    if "first" in dated:
        dated["first"] = _dated(dated["first"])
    return dated


def _iso(at_ms: Any) -> str:
    return rfc3339(at_ms)
