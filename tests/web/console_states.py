"""The console's main states with made-up answers, shown without a server: for the pictures.

tests/unit/test_images.py holds each answer to the API's document.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from firstcome.audit.report import Report
from firstcome.operate.table import ACTIONS
from firstcome.rules import rfc3339

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page, Route

NOW_MS = 1_893_488_130_000  # 2030-01-01T08:55:30Z
OPENED_MS = NOW_MS - 30_000
DAY_MS = 86_400_000
EVENT_ID, CAPACITY, ISSUED, PENDING = "spring-sale", 1_000, 812, 185  # and three that failed
POLL_MS = 600_000  # longer than a picture takes
CODES = "\n".join(f"SPRING-{number:04}" for number in range(1, CAPACITY + 1))


def _event(event_id: str, name: str, state: str, opens_ms: int, **more: Any) -> dict[str, Any]:
    return {
        "event_id": event_id,
        "name": name,
        "state": state,
        "capacity": CAPACITY,
        "opens_at": rfc3339(opens_ms),
        "closes_at": rfc3339(opens_ms + DAY_MS),
        "timezone": "Asia/Seoul",
        "spread_ms": 0,
        "restore_epoch": 1,
        "config_version": 3,
        "ended_at": None,
        **more,
    }


def _gate(given: int, pending: int, capacity: int = CAPACITY) -> dict[str, Any]:
    return {
        "coupon_count": given,
        "free": 0,
        "remaining": capacity - given,
        "pending": pending,
        "oldest_pending_age_ms": 1_200 if pending else None,
    }


def _failed(row: int, user_id: str, ticket: int, **more: Any) -> dict[str, Any]:
    return {
        "id": row,
        "event_id": EVENT_ID,
        "user_id": user_id,
        "ticket": ticket,
        "correlation_id": "JKJaXmPLvHcESHA=",
        "payload_bytes": 112,
        **more,
    }


def _issued() -> list[list[Any]]:
    """Return the seconds of an opening: most come at once."""
    counts = [118, 131, 96, 104, 71, 62, 49, 38, 33, 24, 19, 17, 12, 9, 8, 7, 5, 4, 3, 2]
    return [[rfc3339(OPENED_MS + second * 1000), count] for second, count in enumerate(counts)]


def _audit() -> dict[str, Any]:
    """Return an audit's own report of a gate that was lost while two rows were dead."""
    report = Report()
    report.figures["I1"] = {"capacity": CAPACITY, "rows": ISSUED}
    report.figures["I2"] = {"rows": ISSUED, "people": ISSUED, "tickets": ISSUED}
    report.figures["I3"] = {"waiting": 1, "dead": 2}
    for row, name in ((41, "person-0230"), (42, "person-0231")):
        report.find(
            "I3", "a dead failed row", {"id": row, "user_id": name, "reason": "ledger_rejected"}, "redrive or refuse"
        )
    report.find("I4", "a ticket that nobody owns", 77, "reconcile")
    report.find(
        "I4", "a ticket stuck on its way", "person-0412", "none: the scheduled retry mends it; see that it runs"
    )
    return {"action": "audit", "codes": None} | report.answer(EVENT_ID, quiet=False, stable=True, known=True)


SPRING = _event(EVENT_ID, "Spring sale", "open", OPENED_MS)
AUDIT = _audit()
OPERATION = {
    "id": 9,
    "request_id": "5f0c1e9a",
    "at": rfc3339(NOW_MS - 4_000),
    "actor": "ada",
    "actor_kind": "token",
    "action": "audit",
    "event_id": EVENT_ID,
    "user_id": None,
    "version_before": None,
    "version_after": None,
    "status": "done",
    "what": {"event_id": EVENT_ID},
    "code": None,
}
EVENTS = [
    _event("autumn-sale", "Autumn sale", "draft", NOW_MS + 200 * DAY_MS) | {"failed": {}, "gate": None},
    SPRING | {"failed": {"waiting": 1, "dead": 2}, "gate": _gate(CAPACITY, PENDING)},
    _event("summer-tickets", "Summer tickets", "paused", NOW_MS - DAY_MS, capacity=20_000)
    | {"failed": {}, "gate": _gate(4_118, 0, 20_000)},
    _event("winter-sale", "Winter sale", "ended", NOW_MS - 30 * DAY_MS, ended_at=rfc3339(NOW_MS - 29 * DAY_MS))
    | {"failed": {}, "gate": _gate(CAPACITY, 0)},
]
FULL = {"reason": "ledger_rejected", "detail": "1114: the table is full", "status": "dead", "attempts": 10}
NEWER = {"reason": "unknown_version", "detail": "version 3", "status": "waiting", "attempts": 2}
FAILED = [
    _failed(41, "person-0230", 230, **FULL),
    _failed(42, "person-0231", 231, **FULL),
    _failed(43, "person-0507", 507, **NEWER),
]
LOSER: dict[str, Any] = {
    "action": "lookup",
    "event_id": EVENT_ID,
    "user_id": "person-1250",
    "row": None,
    "refusal": None,
    "failed": [],
    "gate": {"ticket": None, "applied_at": None, "pending": False, "refused": False},
    "told": {"status": "no_application", "application": "sold_out", "sold_out_at": rfc3339(OPENED_MS + 28_275)},
}

# What the API answers, by the path of its document and the query that tells two apart.
ANSWERS: dict[str, dict[str, Any]] = {
    "/me": {"actor": "ada", "groups": ["viewer", "operator", "admin"], "may": list(ACTIONS)},
    "/events": {"action": "list", "rows": EVENTS, "next": None},
    "/events/spring-sale": {
        "action": "show",
        "event": SPRING,
        "coupons": ISSUED,
        "codes": {"uploaded": CAPACITY, "of": CAPACITY},
        "failed": {"waiting": 1, "dead": 2},
        "refused": 0,
        "gate": _gate(CAPACITY, PENDING),
        "unread": 31,
    },
    "/events/spring-sale/issued": {"action": "issued", "rows": _issued(), "next": None},
    "/events/spring-sale/people/person-1250": LOSER,
    "/events/spring-sale/failed?status=dead": {"action": "list_failed", "rows": FAILED[:2], "next": None},
    "/events/spring-sale/failed?status=waiting": {"action": "list_failed", "rows": FAILED[2:], "next": None},
    "/events/spring-sale/history": {"action": "history", "rows": [OPERATION], "next": None},
    "/operations/9": {"action": "operation", "operation": OPERATION | {"answer": AUDIT}},
}
UPLOADED = {"action": "upload_codes", "event_id": EVENT_ID, "new": 1_000, "unchanged": 0, "codes": None}


def _lose(page: Page) -> None:
    page.get_by_label("The person's id").fill("person-1250")
    page.get_by_role("button", name="Look up").click()
    page.get_by_role("article").wait_for()


def _fill(page: Page) -> None:
    given = {
        "name": "Autumn sale",
        "event_id": "autumn-sale",
        "capacity": "1000",
        "timezone": "Asia/Seoul",
        "spread_s": "60",
    }
    times = {"opens_at": "2030-10-01T10:00:00", "closes_at": "2030-10-02T10:00:00"}
    for name, value in (given | times).items():
        page.locator(f"input[name={name}]").fill(value)
    page.locator("h1").click()  # no field has the cursor


def _upload(page: Page) -> None:
    page.get_by_label("File").set_input_files({"name": "codes.txt", "mimeType": "text/plain", "buffer": CODES.encode()})
    page.get_by_role("button", name="Upload").click()
    page.get_by_text("1,000 codes sent, 1,000 new.").wait_for()


def _end(page: Page) -> None:
    page.get_by_role("button", name="End…").click()
    page.get_by_role("dialog").wait_for()


def _stand(page: Page) -> None:
    """Do nothing."""


# By the name of the picture: the place, words that stand there once it is whole, and what somebody does then.
STATES: dict[str, tuple[str, str, Callable[[Page], None]]] = {
    "events": ("#/events", "Winter sale", _stand),
    "create": ("#/new", "New event", _fill),
    "live": (f"#/events/{EVENT_ID}/live", "812 coupons in 20 seconds", _stand),
    "lookup": (f"#/events/{EVENT_ID}/people", "Look up a person", _lose),
    "failed": (f"#/events/{EVENT_ID}/failed", "Redrive these 3", _stand),
    "codes": (f"#/events/{EVENT_ID}/codes", "1,000 of 1,000 tickets", _upload),
    "audit": (f"#/events/{EVENT_ID}/audit", "4 findings.", _stand),
    "end": (f"#/events/{EVENT_ID}/live", "812 coupons in 20 seconds", _end),
}


def answered(page: Page, url: str) -> None:
    """Have a page that is opened next sign somebody in, at NOW_MS, and be answered what stands above."""
    config = {"api": f"{url}/api", "issuer": url, "client_id": "console", "poll_ms": POLL_MS}
    person = {"token": "t", "sub": "ada", "name": "ada", "issuer": url, "until": NOW_MS + DAY_MS, "lifetimeMs": DAY_MS}
    page.clock.set_fixed_time(NOW_MS / 1000)
    page.add_init_script(f"sessionStorage['firstcome:person'] = {json.dumps(json.dumps(person))}")
    page.route("**/config.json", lambda route: route.fulfill(json=config))
    page.route(f"{url}/api/**", lambda route: _answer(route, f"{url}/api"))


def _answer(route: Route, api: str) -> None:
    asked = route.request
    if asked.method == "POST":
        return route.fulfill(json=UPLOADED)
    target = asked.url.removeprefix(api)
    path, _, query = target.partition("?")
    told = [word for word in query.split("&") if word.startswith("status=")]
    return route.fulfill(json=ANSWERS["?".join([path, *told])])


def show(page: Page, url: str, name: str) -> None:
    """Show one of `STATES`, whole."""
    place, words, then = STATES[name]
    page.goto(f"{url}/{place}")
    page.get_by_text(words).first.wait_for()
    then(page)
