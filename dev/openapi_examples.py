"""An example of what each of the operator's actions answers, for the document of their API."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dev.openapi_parts import Json

EVENT: Json = {
    "event_id": "spring-sale",
    "name": "Spring sale",
    "state": "open",
    "capacity": 100,
    "opens_at": "2030-01-01T00:00:00.000Z",
    "closes_at": "2030-01-31T00:00:00.000Z",
    "timezone": "Asia/Seoul",
    "spread_ms": 0,
    "restore_epoch": 1,
    "config_version": 3,
    "ended_at": None,
}
ROW: Json = {
    "id": 7,
    "event_id": "spring-sale",
    "user_id": "alice",
    "ticket": 58,
    "reason": "ledger_rejected",
    "detail": "Out of range value",
    "status": "dead",
    "attempts": 10,
    "correlation_id": "JKJaXmPLvHcESHA=",
    "payload_bytes": 3,
    "payload": "raw",
}

OPERATION: Json = {
    "id": 7,
    "request_id": "5f0c1e9a",
    "at": "2030-01-01T12:00:00.000Z",
    "actor": "ana",
    "actor_kind": "token",
    "action": "pause",
    "event_id": "spring-sale",
    "user_id": None,
    "version_before": 3,
    "version_after": 4,
    "status": "done",
    "what": {"event_id": "spring-sale", "expect_version": 3},
    "code": None,
}
WINNER: Json = {
    "ticket": 58,
    "user_id": "alice",
    "applied_at": "2030-01-01T12:00:00.000Z",
    "issued_at": "2030-01-01T12:00:00.250Z",
    "has_code": True,
    "code": "SPRING-0058",
    "redeemed": None,
}
COUNTS: Json = {"highest_ticket": 58, "failed": {"waiting": 0, "dead": 0}, "gate": {"remaining": 42, "pending": 0}}


_UPDATED: tuple[str, Json] = ("Updated", {"event": EVENT, "gate": "UPDATED"})
_ERASED: tuple[str, Json] = ("Erased", {"erased": {"spring-sale": 1}, "kept": []})
# By action: the schema of its answer, and an example. One that is not here answers an object of its own.
_BY_ACTION: dict[str, tuple[str, Json]] = {
    "create": ("Updated", {"created": True, "event": EVENT | {"state": "draft"}, "gate": "CREATED"}),
    **dict.fromkeys(("open", "pause", "close", "end", "raise_capacity", "edit", "reschedule"), _UPDATED),
    "show": (
        "Shown",
        {
            "event": EVENT,
            "coupons": 58,
            "codes": None,
            "failed": {},
            "refused": 0,
            "gate": {"state": "open"},
            "unread": 0,
        },
    ),
    "delete": ("Done", {}),
    "list": ("Events", {"rows": [EVENT | COUNTS], "next": None}),
    "winners": ("Winners", {"rows": [WINNER], "next": None}),
    "history": ("History", {"rows": [OPERATION], "next": None}),
    "operation": ("OneOperation", {"operation": OPERATION | {"answer": {"event": EVENT, "gate": "UPDATED"}}}),
    "lookup": (
        "Person",
        {
            "event_id": "spring-sale",
            "user_id": "alice",
            "row": WINNER,
            "refusal": None,
            "failed": [],
            "gate": None,
            "told": {"status": "issued", "application": "accepted"},
        },
    ),
    "list_failed": ("FailedRows", {"rows": [ROW], "next": None}),
    "issued": ("Issued", {"rows": [["2030-01-01T12:00:00.000Z", 58]], "next": None}),
    "redrive": ("Due", {"due": 1}),
    "refuse": ("Refused", {"event_id": "spring-sale", "user_id": "alice", "gate": "RELEASED"}),
    "revoke": (
        "Revoked",
        {"event_id": "spring-sale", "user_id": "alice", "ticket": 58, "code_spent": True, "gate": "RELEASED"},
    ),
    "upload_codes": ("Uploaded", {"event_id": "spring-sale", "new": 100, "unchanged": 0, "codes": None}),
    "restore": ("Outcome", {"outcome": "restored"}),
    "reconcile": ("Outcome", {"outcome": "reconciled", "repairs": 0, "first": []}),
    "audit": (
        "Audited",
        {
            "event_id": "spring-sale",
            "ok": True,
            "quiet": True,
            "stable": True,
            "invariants": {"I1 cap": True},
            "findings": [],
        },
    ),
    "erase": _ERASED,
    "purge": _ERASED,
}


def answer_of(name: str) -> tuple[str, Json]:
    """Return the schema of an action's answer by its name, and an example."""
    if name == "me":
        return "Me", {"actor": "ana", "groups": ["viewer"], "may": ["show"]}
    schema, example = _BY_ACTION.get(name, ("Done", {}))
    return schema, {"action": name, **example}
