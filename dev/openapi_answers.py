"""What the operator's actions answer: a schema and an example of each, for the document of their API."""

from __future__ import annotations

from dev.openapi_parts import EVENT_ID, TIME, USER_ID, Json, object_of
from firstcome import rules
from firstcome.operate.outcomes import GateOutcome
from firstcome.operate.who import Group

NULL: Json = {"type": "null"}
COUNT: Json = {"type": "integer", "minimum": 0}
NEXT: Json = {"type": ["integer", "string", "null"], "description": "The `after` of the next page; null: the last one"}
TEXT_OR_NULL: Json = {"type": ["string", "null"]}
COUNT_OR_NULL: Json = {"type": ["integer", "null"]}
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
        "request_id": {"type": "string"},
        "at": TIME,
        "actor": {"type": "string"},
        "actor_kind": {"type": "string", "enum": list(rules.ActorKind)},
        "action": {"type": "string"},
        "event_id": TEXT_OR_NULL,
        "user_id": {**TEXT_OR_NULL, "description": "Hidden from a viewer, as what it answered is"},
        "version_before": COUNT_OR_NULL,
        "version_after": COUNT_OR_NULL,
        "status": {"type": "string", "enum": list(rules.OperationStatus)},
        "what": {"type": "object", "description": "What was asked for, but for codes and whoever was erased"},
        "code": {**TEXT_OR_NULL, "description": "Why it was refused"},
        "answer": {"description": "What it came to; in one that is asked for by its id"},
    },
    "answer",
    description="Something that was asked for, by whom, and what it came to.",
)
_WINNER: Json = object_of(
    {"ticket": {"type": "integer", "minimum": 1}, "user_id": USER_ID, "applied_at": TIME, "issued_at": TIME},
    description="A coupon row.",
)
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
}
COUNTS: Json = {"highest_ticket": 58, "failed": {"waiting": 0, "dead": 0}, "gate": {"remaining": 42, "pending": 0}}


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
    "Begun": object_of(
        {
            "operation": object_of(
                {
                    "id": {"type": "integer", "minimum": 1},
                    "status": {"type": "string"},
                    "action": {"type": "string"},
                    "event_id": TEXT_OR_NULL,
                },
                description="What to ask about",
            )
        },
        description="What was begun",
    ),
    "Events": _answer(
        {
            "rows": {
                "type": "array",
                "items": _EVENT
                | {
                    "properties": _EVENT["properties"]
                    | {
                        "highest_ticket": COUNT_OR_NULL,
                        "failed": {"type": "object", "additionalProperties": COUNT},
                        "gate": {"type": ["object", "null"], "description": "null: lost, gone, or Redis is away"},
                    }
                },
            },
            "next": NEXT,
            "gate": AWAY,
        },
        "gate",
        description="Events, by their ids",
    ),
    "Winners": _answer({"rows": {"type": "array", "items": _WINNER}, "next": NEXT}, description="Winners, by ticket"),
    "History": _answer(
        {"rows": {"type": "array", "items": _OPERATION}, "next": NEXT},
        description="What was asked for, the newest first",
    ),
    "OneOperation": _answer({"operation": _OPERATION}, description="One operation, and what it came to"),
    "Person": _answer(
        {
            "event_id": EVENT_ID,
            "user_id": USER_ID,
            "gate": {"anyOf": [{"type": "object"}, NULL, AWAY]},
            "row": {"anyOf": [_WINNER, NULL]},
            "refusal": {"type": ["object", "null"]},
            "failed": {"type": "array", "items": _ROW},
            "told": object_of(
                {"status": {"type": "string"}, "application": {"type": "string"}},
                description="What their status is, and what an application of theirs would be told",
            ),
        },
        description="All that is known of one person of an event; losers leave no trace",
    ),
    "Done": _answer({}, description="What was done, or is told"),
    "Updated": _answer(
        {"event": _EVENT, "gate": GATE, "note": {"type": "string"}, "created": {"type": "boolean"}},
        *("gate", "note", "created"),
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
            "rows": {
                "type": "array",
                "items": {"type": "array", "items": {"type": ["string", "integer"]}, "minItems": 2, "maxItems": 2},
                "description": "Pairs of a second and of the coupons that were issued in it",
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
    **dict.fromkeys(("open", "pause", "close", "end", "raise_capacity", "edit", "reschedule"), _UPDATED),
    "show": (
        "Shown",
        {"event": EVENT, "coupons": 58, "failed": {}, "refused": 0, "gate": {"state": "open"}, "unread": 0},
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
