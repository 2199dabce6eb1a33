"""What the operator's actions answer: a schema and an example of each, for the document of their API."""

from __future__ import annotations

from dev.openapi_parts import EVENT_ID, EVENT_STATE, SHA256, TIME, USER_ID, Json, object_of
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

_EVENT: Json = object_of(
    {
        "event_id": EVENT_ID,
        "name": {"type": "string"},
        "state": EVENT_STATE,
        "capacity": {"type": "integer", "minimum": 1},
        "opens_at": TIME,
        "closes_at": TIME,
        "timezone": {"type": "string"},
        "spread_ms": COUNT,
        "restore_epoch": {"type": "integer", "minimum": 1},
        "config_version": {"type": "integer", "minimum": 1, "description": "The `expect_version` of the next change"},
        "ended_at": {**TIME, "type": ["string", "null"]},
        "turn_commitment": {**SHA256, "description": "SHA-256 of the turns' secret, from the first opening on"},
        "turn_secret": {**SHA256, "description": "The turns' secret, 32 bytes, once the event has ended"},
    },
    *("turn_commitment", "turn_secret"),
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
    {
        "ticket": {"type": "integer", "minimum": 1},
        "user_id": USER_ID,
        "applied_at": TIME,
        "issued_at": TIME,
        "has_code": {"type": "boolean"},
        "code": {**TEXT_OR_NULL, "description": "null: it has none, or whoever asks is no admin"},
        "redeemed": {
            "anyOf": [object_of({"at": TIME, "by": {"type": "string"}}, description="When, by which back end"), NULL]
        },
    },
    description="A coupon row.",
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
                {"status": {"type": "string"}, "application": {"type": "string"}, "turn_at": TIME, "sold_out_at": TIME},
                "turn_at",
                "sold_out_at",
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
            "codes": {"type": ["object", "null"], "description": "How many tickets have one; null: it has no codes"},
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
    "Revoked": _answer(
        {
            "event_id": EVENT_ID,
            "user_id": USER_ID,
            "ticket": COUNT_OR_NULL,
            "gate": GATE,
            "note": {"type": "string"},
            "code_spent": {"type": "boolean"},
        },
        "note",
        description="Whose coupon was taken back, and what became of their ticket",
    ),
    "Uploaded": _answer(
        {"event_id": EVENT_ID, "new": COUNT, "unchanged": COUNT, "codes": {"type": ["object", "null"]}},
        description="How many codes are new, and how far the event has its codes",
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
