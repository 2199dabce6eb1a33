"""The sample events, and what becomes of each: shared by all who answer them, the local cloud and sam local."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from dev.cloud import ROOT
from dev.invoke import InvocationError
from dev.process import wait_until
from tests import operators
from tests.api import Reply, conforms
from tests.e2e.campaign import Campaign

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from dev.cloud import Cloud

FOLDER = ROOT / "events"
EVENT_ID = "spring-sale"
OPEN = ("operate-create", "operate-open")
WON = (*OPEN, "apply-first")
ENDED = (*OPEN, "operate-end")


class Case(NamedTuple):
    """What happened before, a part of the answer, and the coupon rows when every record has been read."""

    before: tuple[str, ...]
    answer: Any
    rows: int = 0


def http(status: int, word: str) -> tuple[int, str]:
    """Return a part of an answer over HTTP: its status, and the word or the code that the body carries."""
    return status, word


def event(state: str, capacity: int = 100) -> dict[str, Any]:
    """Return a part of the operator's answer about the event."""
    return {"event": {"event_id": EVENT_ID, "state": state, "capacity": capacity}}


ACCEPTED = http(202, "accepted")
CASES = {
    "apply-first": Case(OPEN, ACCEPTED, rows=1),
    "apply-again": Case(WON, http(200, "accepted"), rows=1),
    "apply-second-person": Case(WON, ACCEPTED, rows=2),
    "apply-jwt": Case(OPEN, ACCEPTED, rows=1),
    "apply-jwt-somebody-else": Case(OPEN, http(403, "not_yourself")),
    "apply-no-identity": Case(OPEN, http(401, "unauthenticated")),
    "apply-base64": Case(OPEN, http(415, "unsupported_media_type")),
    "apply-bad-base64": Case(OPEN, http(415, "unsupported_media_type")),
    "apply-bad-json": Case(OPEN, http(400, "bad_json")),
    "apply-bad-body": Case(OPEN, http(400, "bad_user_id")),
    "apply-no-user": Case(OPEN, http(400, "bad_user_id")),
    "apply-empty-user": Case(OPEN, http(400, "bad_user_id")),
    "apply-long-user": Case(OPEN, http(400, "bad_user_id")),
    "apply-bad-user": Case(OPEN, http(400, "bad_user_id")),
    "apply-bad-event": Case(OPEN, http(400, "bad_event_id")),
    "apply-unknown-event": Case(OPEN, http(404, "unknown_event")),
    "apply-status": Case(WON, http(200, "issued"), rows=1),
    "apply-status-jwt": Case(WON, http(200, "issued"), rows=1),
    "apply-status-somebody-else": Case((*WON, "apply-second-person"), http(404, "no_application"), rows=2),
    "apply-status-none": Case(OPEN, http(404, "no_application")),
    "apply-show": Case(OPEN, http(200, "open")),
    "apply-show-unknown": Case(OPEN, http(404, "unknown_event")),
    "apply-wrong-method": Case(OPEN, http(405, "method_not_allowed")),
    "apply-wrong-path": Case(OPEN, http(404, "unknown_path")),
    "apply-redeem": Case((*WON, "operate-upload-codes"), http(200, "redeemed_at"), rows=1),
    "apply-redeem-person": Case(WON, http(200, "redeemed_at"), rows=1),
    "apply-redeem-no-key": Case(OPEN, http(400, "bad_key")),
    "apply-redeem-jwt": Case(OPEN, http(403, "not_a_back_end")),
    "apply-take-back": Case((*WON, "apply-redeem-person"), http(200, "taken_back_at"), rows=1),
    "consume-good": Case(OPEN, {"records": 3, "issued": 3, "failed": 0}, rows=3),
    "consume-again": Case((*OPEN, "consume-good"), {"records": 4, "issued": 0, "failed": 0}, rows=3),
    "consume-mixed": Case(OPEN, {"records": 6, "issued": 3, "failed": 2}, rows=3),
    "consume-poisoned": Case(OPEN, {"records": 9, "issued": 0, "failed": 9}),
    "retry-schedule": Case(OPEN, {"unavailable": [], "stopped": False}),
    "operate-migrate": Case((), {"migrations": [], "topic": "coupon_create", "topic_changes": []}),
    "operate-create": Case((), {"created": True, **event("draft")}),
    "operate-open": Case(("operate-create",), event("open")),
    "operate-pause": Case(OPEN, event("paused")),
    "operate-close": Case(OPEN, event("closed")),
    "operate-end": Case(OPEN, event("ended")),
    "operate-raise-capacity": Case(OPEN, event("open", capacity=150)),
    "operate-show": Case(WON, {"coupons": 1, "unread": 0, **event("open")}, rows=1),
    "operate-list-failed": Case((*OPEN, "consume-poisoned"), {"rows": []}),  # of the dead ones: they wait
    "operate-redrive": Case((*OPEN, "consume-poisoned"), {"due": 4}),  # of this event: the others cannot be read
    "operate-redrive-one": Case(OPEN, {"errorType": "BadInput"}),  # there is no such row
    "operate-refuse": Case(OPEN, {"event_id": EVENT_ID, "user_id": "user-0666", "gate": "REFUSED"}),
    "operate-revoke": Case(OPEN, {"errorType": "BadInput"}),  # this person has no coupon
    "operate-upload-codes": Case(OPEN, {"new": 3, "unchanged": 0}),
    "operate-restore": Case(OPEN, {"outcome": "alive"}),
    "operate-reconcile": Case(WON, {"outcome": "reconciled", "repairs": 0}, rows=1),
    "operate-audit": Case((*WON, "apply-second-person"), {"event_id": EVENT_ID, "ok": True, "quiet": True}, rows=2),
    "operate-expire": Case(ENDED, {"gate": "EXPIRING"}),
    "operate-erase": Case(OPEN, {"erased": {}, "kept": []}),
    "operate-purge": Case(ENDED, {"erased": {}, "kept": []}),
    "operate-rewind": Case((), {"action": "rewind"}),
    "operate-drop-gate": Case(OPEN, {"gate": "LOST"}),
    "operate-wipe": Case(OPEN, {"wiped": EVENT_ID}),
    "operate-bad-action": Case((), {"errorType": "BadInput"}),
    "operate-edit": Case(("operate-create",), {"event": {"name": "Summer sale", "config_version": 2}}),
    "operate-delete": Case(("operate-create",), event("deleted")),
    "operate-reschedule": Case(OPEN, {"event": {"closes_at": "2100-12-31T23:59:59.000Z"}, "gate": "UPDATED"}),
    "operate-list": Case(OPEN, {"action": "list"}),
    "operate-issued": Case(WON, {"action": "issued", "next": None}, rows=1),
    "operate-winners": Case(WON, {"action": "winners", "next": None}, rows=1),
    "operate-history": Case(OPEN, {"action": "history"}),
    "operate-lookup": Case(WON, {"told": {"status": "issued", "application": "accepted"}}, rows=1),
    "operate-operation": Case(OPEN, {"errorType": "BadInput"}),  # there is no such operation
    "operator_api-me": Case((), http(200, "me")),
    "operator_api-list": Case(OPEN, http(200, "list")),
    "operator_api-show": Case(OPEN, http(200, "show")),
    "operator_api-show-unknown": Case(OPEN, http(404, "unknown_event")),
    "operator_api-winners": Case(WON, http(200, "winners"), rows=1),
    "operator_api-winners-viewer": Case(WON, http(403, "forbidden"), rows=1),
    "operator_api-lookup": Case(WON, http(200, "lookup"), rows=1),
    "operator_api-failed": Case(OPEN, http(200, "list_failed")),
    "operator_api-history": Case(OPEN, http(200, "history")),
    "operator_api-issued": Case(WON, http(200, "issued"), rows=1),
    "operator_api-operation-unknown": Case(OPEN, http(404, "unknown_operation")),
    "operator_api-open": Case(("operate-create",), http(200, "open")),
    "operator_api-open-changed": Case(OPEN, http(409, "changed")),
    "operator_api-open-unseen": Case(OPEN, http(400, "bad_expect_version")),
    "operator_api-open-viewer": Case(OPEN, http(403, "forbidden")),
    "operator_api-open-no-token": Case(OPEN, http(401, "unauthenticated")),
    "operator_api-bad-action": Case(OPEN, http(404, "unknown_action")),
    "operator_api-bad-field": Case(OPEN, http(400, "unknown_field")),
}


def sample(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text())


def invoke(cloud: Cloud, name: str) -> Any:
    """Return what the function that the sample's name begins with makes of it."""
    return cloud.invoke(name.partition("-")[0], sample(name))


def spring_sale(cloud: Cloud, http: httpx.Client) -> Campaign:
    """Return the samples' event, which does not exist yet, with no failed row of any record."""
    campaign = Campaign(cloud, http, EVENT_ID)

    def wiped() -> bool:
        try:
            invoke(cloud, "operate-wipe")
        except InvocationError as failed:
            if "records are unread" not in str(failed):
                raise
            return False
        return True

    wait_until(wiped, "every record is read, and the event is wiped")
    campaign.sql("DELETE FROM failed_event")
    return campaign


def part(answer: Any, expected: Any) -> Any:
    """Return as much of `answer` as `expected` speaks of."""
    if isinstance(answer, dict) and isinstance(expected, dict):
        return {name: part(answer.get(name), value) for name, value in expected.items()}
    return answer


def check(name: str, campaign: Campaign, answered: Callable[[str], Any], expected: Any = None) -> None:
    """Hold what `answered` makes of the sample, and the rows that come of it, to the sample's case.

    What happened before happens in the campaign's own cloud; `expected` is an answer in place of the case's.
    """
    case = CASES[name]
    for earlier in case.before:
        invoke(campaign.cloud, earlier)
    if any(earlier.startswith("apply") for earlier in case.before):
        campaign.wait_consumed()
    try:
        answer = answered(name)
    except InvocationError as failed:
        answer = failed.said
    if name.startswith(("apply", "operator_api")):
        answer = read(name, answer)
    wanted = case.answer if expected is None else expected
    assert part(answer, wanted) == wanted, answer
    if wanted == ACCEPTED:
        campaign.wait_consumed()
    assert campaign.holders() == {f"user-{number:04}": number for number in range(1, case.rows + 1)}


def read(name: str, answer: dict[str, Any]) -> tuple[int, str]:
    """Hold an answer over HTTP to the OpenAPI document of its API; return its status and its word."""
    body = json.loads(answer["body"])
    headers = {key.lower(): value for key, value in answer["headers"].items()}
    context = sample(name)["requestContext"]["http"]
    if name.startswith("operator_api"):
        operators.conforms(context["method"], context["path"], operators.Reply(answer["statusCode"], headers, body))
        return answer["statusCode"], body.get("code") or body.get("action", "me")
    conforms(context["method"], context["path"], Reply(answer["statusCode"], headers, body))
    word = body.get("code") or body.get("status") or body.get("state")
    return answer["statusCode"], word or list(body)[-1]  # a redemption has a time in place of a word
