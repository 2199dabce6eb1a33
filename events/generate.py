"""The sample events, in the shapes that AWS sends: `python -m events.generate` writes them beside this file.

`sam local invoke ApplyFunction -e events/apply-first.json`. In order: operate-migrate, operate-create, operate-open,
apply-first, apply-status … A test compares the files with what this module makes, and the shapes with AWS's.
"""

from __future__ import annotations

import base64
import json
from http import HTTPMethod
from pathlib import Path
from typing import Any, Final

from events.shapes import (
    APPLICANT,
    BACK_END,
    DEFAULT,
    EVENT_ID,
    NOBODY,
    USER_ID,
    Event,
    batch,
    http,
    kafka,
    operator,
    value,
)

APPLICATIONS: Final = "/events/{event_id}/applications"
STATUS: Final = "/events/{event_id}/applications/{user_id}"
SHOW: Final = "/events/{event_id}"
REDEMPTIONS: Final = "/events/{event_id}/redemptions"
TAKE_BACK: Final = "/events/{event_id}/redemptions/{key}"
ORDER: Final = "0b1f3a52-7d5e-4c1a-9a53-1f2e3d4c5b6a"  # the key of an order of the back end's

VIEWER: Final = operator("viewer")
ADMIN: Final = operator("admin")


# --- API Gateway, HTTP API, payload 2.0 ------------------------------------------------------------------------------


def redemption(body: Event, authorizer: Event | None = BACK_END) -> Event:
    """Return what a back end sends to redeem a coupon."""
    return http(REDEMPTIONS, HTTPMethod.POST, authorizer, body=json.dumps(body), event_id=EVENT_ID)


def application(body: object, authorizer: Event | None = BACK_END, event_id: str = EVENT_ID) -> Event:
    """Return a POST whose body is `body` as JSON, or as it is if it is a string."""
    text = body if isinstance(body, str) else json.dumps(body)
    return http(APPLICATIONS, HTTPMethod.POST, authorizer, body=text, event_id=event_id)


def binary(event: Event, body: str) -> Event:
    """Return `event` with `body` as what API Gateway made of bytes that it took for no text."""
    event["headers"]["content-type"] = "application/octet-stream"
    return event | {"body": body, "isBase64Encoded": True}


def apply_events() -> dict[str, Event]:
    """Return one event for each answer that a request alone decides, and for those that depend on the event."""
    mine = {"user_id": USER_ID}
    again = application(mine)
    again["requestContext"]["requestId"] = "JKJbYnQMvHcESHB="
    return {
        "apply-first": application(mine),
        "apply-again": again,
        "apply-second-person": application({"user_id": "user-0002"}),
        "apply-jwt": application("{}", APPLICANT),
        "apply-jwt-somebody-else": application({"user_id": "user-0002"}, APPLICANT),
        "apply-no-identity": application(mine, NOBODY),
        "apply-base64": binary(application(mine), base64.b64encode(json.dumps(mine).encode()).decode()),
        "apply-bad-base64": binary(application(mine), "eyJ1c2VyX2lk*"),
        "apply-bad-json": application('{"user_id": '),
        "apply-bad-body": application({"user_id": 1}),
        "apply-no-user": application({}),
        "apply-empty-user": application({"user_id": ""}),
        "apply-long-user": application({"user_id": "u" * 256}),
        "apply-bad-user": application({"user_id": "user 0001"}),
        "apply-bad-event": application(mine, event_id="spring.sale"),
        "apply-unknown-event": application(mine, event_id="winter-sale"),
        "apply-status": http(STATUS, HTTPMethod.GET, event_id=EVENT_ID, user_id=USER_ID),
        "apply-status-jwt": http(STATUS, HTTPMethod.GET, APPLICANT, event_id=EVENT_ID, user_id=USER_ID),
        "apply-status-somebody-else": http(STATUS, HTTPMethod.GET, APPLICANT, event_id=EVENT_ID, user_id="user-0002"),
        "apply-status-none": http(STATUS, HTTPMethod.GET, event_id=EVENT_ID, user_id="user-9999"),
        "apply-show": http(SHOW, HTTPMethod.GET, NOBODY, event_id=EVENT_ID),
        "apply-show-unknown": http(SHOW, HTTPMethod.GET, NOBODY, event_id="winter-sale"),
        "apply-redeem": redemption({"code": "SPRING-0001", "key": ORDER}),
        "apply-redeem-person": redemption({"user_id": USER_ID, "key": ORDER}),
        "apply-redeem-no-key": redemption({"code": "SPRING-0001"}),
        "apply-redeem-jwt": redemption({"code": "SPRING-0001", "key": ORDER}, APPLICANT),
        "apply-take-back": http(TAKE_BACK, HTTPMethod.DELETE, event_id=EVENT_ID, key=ORDER),
        "apply-wrong-method": http(DEFAULT, HTTPMethod.DELETE, path=f"/events/{EVENT_ID}/applications"),
        "apply-wrong-path": http(DEFAULT, HTTPMethod.GET, path="/coupons"),
    }


# --- the same, for operators -----------------------------------------------------------------------------------------


def order(action: str, authorizer: Event | None = ADMIN, /, **fields: object) -> Event:
    """Return the POST of an action on the event."""
    route, body = "/events/{event_id}/actions/{action}", json.dumps(fields)
    return http(route, HTTPMethod.POST, authorizer, body=body, event_id=EVENT_ID, action=action)


def operator_events() -> dict[str, Event]:
    """Return requests of the operator's API: looking, acting, and what is turned down."""
    get = HTTPMethod.GET
    one: dict[str, Any] = {"event_id": EVENT_ID}
    return {
        "operator_api-me": http("/me", get, VIEWER),
        "operator_api-list": http("/events", get, VIEWER, query={"state": "open", "limit": "20"}),
        "operator_api-show": http("/events/{event_id}", get, VIEWER, **one),
        "operator_api-show-unknown": http("/events/{event_id}", get, VIEWER, event_id="winter-sale"),
        "operator_api-winners": http("/events/{event_id}/winners", get, ADMIN, **one),
        "operator_api-winners-viewer": http("/events/{event_id}/winners", get, VIEWER, **one),
        "operator_api-lookup": http("/events/{event_id}/people/{user_id}", get, ADMIN, **one, user_id=USER_ID),
        "operator_api-failed": http("/failed", get, VIEWER, query={"status": "dead"}),
        "operator_api-history": http("/events/{event_id}/history", get, VIEWER, **one),
        "operator_api-issued": http("/events/{event_id}/issued", get, VIEWER, **one),
        "operator_api-operation-unknown": http("/operations/{id}", get, VIEWER, id="9000000000"),
        "operator_api-open": order("open", expect_version=1, request_id="open-the-spring-sale"),
        "operator_api-open-changed": order("open", expect_version=1),
        "operator_api-open-unseen": order("open"),
        "operator_api-open-viewer": order("open", VIEWER, expect_version=1),
        "operator_api-open-no-token": order("open", NOBODY, expect_version=1),
        "operator_api-bad-action": order("opn", expect_version=1),
        "operator_api-bad-field": order("open", expect_version=1, reason="it is time"),
    }


# --- MSK -------------------------------------------------------------------------------------------------------------


# Each record that consume must survive, in the order of consume-poisoned.json.
POISON: Final = (
    None,
    "not base64!",
    b"not json",
    value(4, v=2),
    value(5, ticket=None),
    value(6, user_id="u" * 256),
    value(7, event_id="winter-sale"),
    value(8, ticket=2_000_000_000),
)


def consume_events() -> dict[str, Event]:
    """Return batches of good records, of bad ones, and of both."""
    good = [value(number) for number in (1, 2, 3)]
    return {
        "consume-good": kafka(batch(*good)),
        "consume-again": kafka(batch(*good, good[0])),  # delivered before, and one of them twice in the batch
        "consume-mixed": kafka(batch(good[0], b"not json", good[1], good[1], None, good[2])),
        "consume-poisoned": kafka(batch(*POISON) | batch(value(9), topic="coupon_delete")),
    }


# --- EventBridge Scheduler and the operator --------------------------------------------------------------------------


def retry_events() -> dict[str, Event]:
    """Return what the schedule sends: its plain Input, without an envelope."""
    return {"retry-schedule": {}}


def operate_events() -> dict[str, Event]:
    """Return one order for each action."""
    window = {"opens_at": "2020-01-01T00:00:00Z", "closes_at": "2099-12-31T23:59:59Z"}
    orders: list[Event] = [
        {"action": "migrate"},
        {"action": "create", "event_id": EVENT_ID, "name": "Spring sale", "capacity": 100} | window,
        *({"action": action, "event_id": EVENT_ID} for action in ("open", "pause", "close", "end", "show")),
        {"action": "raise_capacity", "event_id": EVENT_ID, "capacity": 150},
        {"action": "list_failed", "event_id": EVENT_ID, "status": "dead", "limit": 20},
        {"action": "redrive", "all": True, "event_id": EVENT_ID},
        {"action": "refuse", "event_id": EVENT_ID, "user_id": "user-0666", "reason": "asked to be removed"},
        {"action": "revoke", "event_id": EVENT_ID, "user_id": "user-0666", "reason": "a bot"},
        {"action": "upload_codes", "event_id": EVENT_ID, "codes": ["SPRING-0001", "SPRING-0002", "SPRING-0003"]},
        *(
            {"action": action, "event_id": EVENT_ID}
            for action in ("restore", "reconcile", "audit", "expire", "drop_gate", "wipe")
        ),
        {"action": "rewind", "since": "2020-01-01T00:00:00Z"},
        {"action": "erase", "user_id": "user-0666", "all_events": True},
        {"action": "purge", "all_events": True},
        {"action": "edit", "event_id": EVENT_ID, "name": "Summer sale"},
        {"action": "reschedule", "event_id": EVENT_ID, "closes_at": "2100-12-31T23:59:59Z"},
        {"action": "list", "state": "open", "limit": 20},
        *({"action": action, "event_id": EVENT_ID} for action in ("delete", "issued", "winners", "history")),
        {"action": "lookup", "event_id": EVENT_ID, "user_id": USER_ID},
        {"action": "operation", "id": 9_000_000_000},
    ]
    named = {f"operate-{order['action'].replace('_', '-')}": order for order in orders}
    return named | {"operate-redrive-one": {"action": "redrive", "id": 1}, "operate-bad-action": {"action": "remove"}}


# --- all -------------------------------------------------------------------------------------------------------------


def samples() -> dict[str, str]:
    """Return the text of every sample by its file's name; the name begins with the function's."""
    events = apply_events() | operator_events() | consume_events() | retry_events() | operate_events()
    return {f"{name}.json": json.dumps(event, indent=2) + "\n" for name, event in events.items()}


def main() -> None:
    """Write the samples, and remove those that are no more."""
    folder, made = Path(__file__).parent, samples()
    for old in folder.glob("*.json"):
        if old.name not in made:
            old.unlink()
    for name, text in made.items():
        (folder / name).write_text(text)


if __name__ == "__main__":
    main()
