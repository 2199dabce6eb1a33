"""What the operator's actions answer: a schema and an example of each, for the document of their API."""

from __future__ import annotations

from dev.openapi_parts import EVENT_ID, TIME, USER_ID, Json, object_of
from firstcome import rules
from firstcome.operate.outcomes import GateOutcome
from firstcome.operate.who import Group

NULL: Json = {"type": "null"}
COUNT: Json = {"type": "integer", "minimum": 0}
NEXT: Json = {"type": ["integer", "null"], "description": "The `after` of the next page; null: this is the last one"}
REPEATED: Json = {"type": "boolean", "const": True, "description": "This is what the request came to the first time"}
# What a server that is away leaves of a figure: which one, and why.
AWAY: Json = {"type": "string", "pattern": "^away: "}
GATE: Json = {
    "anyOf": [{"type": "string", "enum": list(GateOutcome)}, AWAY],
    "description": "What became of it in the gate; where Redis is away, the scheduled retry tells it",
}

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

_EVENT: Json = object_of(
    {
        "event_id": EVENT_ID,
        "name": {"type": "string"},
        "state": {
            "type": "string",
            "enum": [each for each in rules.EventState if each is not rules.EventState.DELETED],
        },
        "capacity": {"type": "integer", "minimum": 1},
        "opens_at": TIME,
        "closes_at": TIME,
        "timezone": {"type": "string"},
        "spread_ms": COUNT,
        "restore_epoch": {"type": "integer", "minimum": 1},
        "config_version": {"type": "integer", "minimum": 1, "description": "The `expect_version` of the next change"},
        "ended_at": {**TIME, "type": ["string", "null"]},
    },
    description="An event, as the ledger knows it.",
)
_ROW: Json = object_of(
    {
        "id": {"type": "integer", "minimum": 1},
        "event_id": {"type": ["string", "null"]},
        "user_id": {"type": ["string", "null"], "description": "Hidden from a viewer, as detail and payload are"},
        "ticket": {"type": ["integer", "null"]},
        "reason": {"type": "string", "enum": list(rules.Reason)},
        "detail": {"type": ["string", "null"]},
        "status": {"type": "string", "enum": list(rules.FailedStatus)},
        "attempts": COUNT,
        "correlation_id": {"type": ["string", "null"]},
        "payload_bytes": COUNT,
        "payload": {"type": ["string", "null"], "description": "The record; in a list its beginning"},
        "payload_base64": {"type": ["string", "null"], "description": "The record, where it is no text"},
    },
    "payload",
    "payload_base64",
    description="A failed row: a record that became no coupon yet.",
)
_OPERATION: Json = object_of(
    {
        "id": {"type": "integer", "minimum": 1},
        "status": {"type": "string"},
        "action": {"type": "string"},
        "event_id": {"type": ["string", "null"]},
    },
    description="Something that was asked for, and how far it has come.",
)


def _answer(properties: Json, *optional: str, description: str) -> Json:
    action: Json = {"action": {"type": "string"}}
    return object_of(action | properties | {"repeated": REPEATED}, *optional, "repeated", description=description)


SCHEMAS: Json = {
    "Event": _EVENT,
    "FailedRow": _ROW,
    "Operation": _OPERATION,
    "Me": object_of(
        {
            "actor": {"type": "string"},
            "groups": {"type": "array", "items": {"type": "string", "enum": list(Group)}},
            "may": {"type": "array", "items": {"type": "string"}},
        },
        description="Who asks, and what they may do",
    ),
    "Begun": object_of({"operation": _OPERATION}, description="What was begun"),
    "Done": _answer({}, description="What was done, or is told"),
    "Updated": _answer(
        {"event": _EVENT, "gate": GATE, "note": {"type": "string"}, "created": {"type": "boolean"}},
        *("note", "created"),
        description="The event as it is now, and what became of it in the gate",
    ),
    "Shown": _answer(
        {
            "event": _EVENT,
            "coupons": COUNT,
            "failed": {"type": "object", "additionalProperties": COUNT},
            "refused": COUNT,
            "gate": {"anyOf": [{"type": "object"}, NULL, AWAY]},
            "unread": {"anyOf": [COUNT, AWAY]},
        },
        description="The event as ledger, gate and stream know it",
    ),
    "FailedRows": _answer(
        {"rows": {"type": "array", "items": _ROW}, "next": NEXT}, description="Failed rows, the oldest first"
    ),
    "Issued": _answer(
        {
            "issued": {
                "type": "array",
                "items": {"type": "array", "items": COUNT, "minItems": 2, "maxItems": 2},
                "description": "Pairs of a second since the epoch and of the coupons that it has made",
            },
            "next": NEXT,
        },
        description="Coupons by the second in which they were issued",
    ),
    "Due": _answer({"due": COUNT}, description="How many rows are due again"),
    "Refused": _answer(
        {"event_id": EVENT_ID, "user_id": USER_ID, "gate": GATE, "note": {"type": "string"}},
        "note",
        description="Who gets no coupon, and what became of their ticket",
    ),
    "Outcome": _answer(
        {"outcome": {"type": "string"}, "repairs": COUNT, "first": {"type": "array"}},
        *("repairs", "first"),
        description="What it came to",
    ),
    "Audited": _answer(
        {
            "event_id": EVENT_ID,
            "ok": {"type": ["boolean", "null"], "description": "null: not known"},
            "quiet": {"type": "boolean"},
            "stable": {"type": "boolean"},
            "note": {"type": "string"},
            "invariants": {"type": "object"},
            "findings": {"type": "array"},
        },
        "note",
        description="Whether the promise holds, and the action that repairs each finding",
    ),
    "Erased": _answer(
        {"erased": {"type": "object"}, "kept": {"type": "array"}, "not_shown": {"type": "object"}},
        "not_shown",
        description="What was erased, and what is kept, with the reason",
    ),
}

_UPDATED: tuple[str, Json] = ("Updated", {"event": EVENT, "gate": "UPDATED"})
_ERASED: tuple[str, Json] = ("Erased", {"erased": {"spring-sale": 1}, "kept": []})
# By action: the schema of its answer, and an example. One that is not here answers an object of its own.
_BY_ACTION: dict[str, tuple[str, Json]] = {
    "create": ("Updated", {"created": True, "event": EVENT | {"state": "draft"}, "gate": "CREATED"}),
    **dict.fromkeys(("open", "pause", "close", "end", "raise_capacity"), _UPDATED),
    "show": (
        "Shown",
        {"event": EVENT, "coupons": 58, "failed": {}, "refused": 0, "gate": {"state": "open"}, "unread": 0},
    ),
    "list_failed": ("FailedRows", {"rows": [ROW], "next": None}),
    "issued": ("Issued", {"issued": [[1_893_456_000, 58]], "next": None}),
    "redrive": ("Due", {"due": 1}),
    "refuse": ("Refused", {"event_id": "spring-sale", "user_id": "alice", "gate": "RELEASED"}),
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
