"""What applicants and back ends are told: the schemas, examples and problems of docs/openapi.json."""

from __future__ import annotations

from dev.openapi_parts import (
    EVENT_ID,
    EVENT_STATE,
    RETRY_AFTER,
    SHA256,
    TIME,
    USER_ID,
    Json,
    object_of,
)
from firstcome import rules
from firstcome.apply.problem import CODES
from firstcome.runtime.http import TYPE_PREFIX

TICKET: Json = {"type": "integer", "minimum": 1, "description": "The number of the ticket, from 1"}

STATUSES = {
    "accepted": "the ticket is theirs, and the coupon is on its way",
    "reserved": "the ticket is theirs; the coupon follows, perhaps a little later",
    "issued": "the coupon exists",
    "pending": "the ticket is theirs; the coupon does not exist yet",
    "failed": "issuing the coupon failed, and is tried again",
    "refused": "this person gets no coupon of this event",
}

EVENT: Json = {
    "event_id": "spring-sale",
    "name": "Spring sale",
    "state": "open",
    "capacity": 100,
    "remaining": 42,
    "opens_at": "2030-01-01T00:00:00.000Z",
    "closes_at": "2030-01-02T00:00:00.000Z",
    "now": "2030-01-01T12:00:00.000Z",
    "timezone": "Asia/Seoul",
    "spread_ms": 10_000,
    "turn_commitment": "630dcd2966c4336691125448bbb25b4ff412a49c732db2c8abc1b8581bd710dd",
}

# What a problem says beside its usual members.
MORE: dict[str, Json] = {
    "not_open": {
        "now": "2030-01-01T00:00:00.000Z",
        "opens_at": "2030-01-01T00:00:00.000Z",
        "turn_at": "2030-01-01T00:00:07.316Z",
    },
    "sold_out": {
        "sold_out_at": "2030-01-01T00:01:41.275Z",
        "now": "2030-01-01T12:00:00.000Z",
        "correlation_id": "JKJaXmPLvHcESHA=",
    },
}

APPLICATION: Json = {
    "event_id": "spring-sale",
    "user_id": "alice",
    "status": "accepted",
    "ticket": 58,
    "applied_at": "2030-01-01T12:00:00.000Z",
}

ISSUED: Json = {
    **APPLICATION,
    "status": "issued",
    "issued_at": "2030-01-01T12:00:00.250Z",
    "code": "SPRING-0058",
}

CODE: Json = {
    "type": "string",
    "pattern": f"^{rules.CODE_PATTERN}$",
    "description": "Printable ASCII, exact: case and spaces count",
}

KEY: Json = {"type": "string", "format": "uuid", "description": "A UUID of yours, one for each redemption"}

AN_ORDER = "0b1f3a52-7d5e-4c1a-9a53-1f2e3d4c5b6a"

REDEMPTION: Json = {
    "event_id": "spring-sale",
    "ticket": 58,
    "user_id": "alice",
    "redeemed_at": "2030-02-03T10:00:00.000Z",
}

TAKEN_BACK: Json = {"event_id": "spring-sale", "ticket": 58, "taken_back_at": "2030-02-03T10:05:00.000Z"}

REFUSED: Json = {"event_id": "spring-sale", "user_id": "alice", "status": "refused"}

SCHEMAS: Json = {
    "Application": object_of(
        {
            "event_id": EVENT_ID,
            "user_id": USER_ID,
            "status": {
                "type": "string",
                "enum": list(STATUSES),
                "description": "; ".join(f"`{word}`: {meaning}" for word, meaning in STATUSES.items()),
            },
            "ticket": TICKET,
            "applied_at": TIME,
            "issued_at": TIME,
            "code": {
                **CODE,
                "type": ["string", "null"],
                "description": "Once issued, where the event has codes; null while this ticket has none",
            },
        },
        "ticket",
        "applied_at",
        "issued_at",
        "code",
        description="One person's application; `issued_at` is there once the coupon is issued, no ticket once refused.",
    ),
    "Event": object_of(
        {
            "event_id": EVENT_ID,
            "name": {"type": "string"},
            "state": EVENT_STATE,
            "capacity": {"type": "integer", "minimum": 1},
            "remaining": {"type": "integer", "minimum": 0, "description": "0 once the event has ended"},
            "opens_at": TIME,
            "closes_at": TIME,
            "now": {**TIME, "description": "The server's time: what counts"},
            "timezone": {"type": "string", "description": "The zone to tell people the times in, an IANA name"},
            "spread_ms": {
                "type": "integer",
                "minimum": 0,
                "description": "Over how many ms from `opens_at` on the turns are spread; 0: everybody's is `opens_at`",
            },
            "turn_commitment": {**SHA256, "description": "SHA-256 of the turns' secret, from the first opening on"},
            "turn_secret": {**SHA256, "description": "The turns' secret, 32 bytes, once the event has ended"},
        },
        "turn_commitment",
        "turn_secret",
        description="An event: it gives coupons while `state` is `open` and `now` is inside the window.",
    ),
    "NewApplication": object_of(
        {"user_id": {**USER_ID, "description": "Who applies. With a token it is the token's sub, and may be left out"}},
        "user_id",
        description="Fields that are not known are ignored.",
    ),
    "NewRedemption": object_of(
        {
            "code": CODE,
            "user_id": {**USER_ID, "description": "Whose coupon, in an event without codes; in the place of `code`"},
            "key": KEY,
        },
        "code",
        "user_id",
        description="`key`, and one of `code` and `user_id`. Fields that are not known are ignored.",
    )
    | {"oneOf": [{"required": ["code"]}, {"required": ["user_id"]}]},
    "Redemption": object_of(
        {"event_id": EVENT_ID, "ticket": TICKET, "user_id": USER_ID, "redeemed_at": TIME},
        "user_id",
        description="A coupon that was used; nobody is named once the person is erased.",
    ),
    "TakenBack": object_of(
        {"event_id": EVENT_ID, "ticket": TICKET, "taken_back_at": TIME},
        "ticket",
        description="A redemption that was taken back; no ticket where the key had redeemed nothing.",
    ),
    "Problem": object_of(
        {
            "type": {"type": "string", "format": "uri", "enum": [TYPE_PREFIX + code for code in CODES]},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "instance": {"type": "string", "format": "uri-reference"},
            "code": {"type": "string", "enum": list(CODES)},
            "now": {**TIME, "description": "With `not_open` and `sold_out`: the server's time"},
            "opens_at": {**TIME, "description": "With `not_open`: when the event opens"},
            "turn_at": {**TIME, "description": "With `not_open`: when this person may apply; a draft tells no turn"},
            "sold_out_at": {
                **TIME,
                "description": "With `sold_out`: when the last ticket was given, where it is known",
            },
            "correlation_id": {"type": "string", "description": "With `sold_out`: as in `X-Correlation-Id`"},
        },
        *("now", "opens_at", "turn_at", "sold_out_at", "correlation_id"),
        description="RFC 9457, with a stable `code`.",
    ),
}

RETRY_AT_TURN: Json = {
    **RETRY_AFTER,
    "description": "With a turn to come, or paused turns: seconds to wait before asking",
}

IAM: Json = {"iam": []}

FOR_BACK_ENDS = ("redeem", "takeBack")

SECURITY_SCHEMES: Json = {
    "jwt": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "An applicant: the token's sub"},
    "iam": {
        "type": "apiKey",
        "name": "Authorization",
        "in": "header",
        "description": "A trusted back end: Signature Version 4, on an API of its own",
        "x-amazon-apigateway-authtype": "awsSigv4",
    },
}

# By operation: what it answers when it goes well, and the codes of its problems.
ANSWERS: dict[str, dict[int, tuple[str, str, Json]]] = {
    "apply": {
        200: ("The coupon was given before, and is issued", "Application", {"again": APPLICATION}),
        202: (
            "The ticket is theirs; the coupon follows",
            "Application",
            {"accepted": APPLICATION, "reserved": {**APPLICATION, "status": "reserved"}},
        ),
    },
    "status": {
        200: (
            "How far the application has come",
            "Application",
            {
                "issued": ISSUED,
                "pending": {**APPLICATION, "status": "pending"},
                "failed": {**APPLICATION, "status": "failed"},
                "refused": REFUSED,
            },
        )
    },
    "event": {200: ("The event", "Event", {"open": EVENT})},
    "redeem": {200: ("The coupon is redeemed by this key, now or before", "Redemption", {"redeemed": REDEMPTION})},
    "takeBack": {
        200: (
            "The key redeems nothing, from now on",
            "TakenBack",
            {
                "taken_back": TAKEN_BACK,
                "unknown": {name: value for name, value in TAKEN_BACK.items() if name != "ticket"},
            },
        )
    },
}

TAKING_BACK = (
    *("bad_event_id", "bad_user_id", "bad_key", "unauthenticated", "not_a_back_end", "unknown_event", "key_used"),
    *("internal", "try_again"),
)

REDEEMING = (
    *("bad_event_id", "bad_user_id", "bad_json", "bad_code", "bad_key", "unauthenticated", "not_a_back_end"),
    *("unknown_event", "unknown_code", "redeemed", "revoked", "key_used", "not_issued", "taken_back"),
    *("body_too_large", "unsupported_media_type", "internal", "try_again"),
)

PROBLEMS: dict[str, tuple[str, ...]] = {
    "apply": (
        *("bad_event_id", "bad_user_id", "bad_json", "unauthenticated", "not_by_the_edge", "not_yourself"),
        *("unknown_event", "sold_out", "not_open", "paused", "closed", "refused"),
        *("body_too_large", "unsupported_media_type", "internal", "gate_lost", "try_again"),
    ),
    "status": (
        *("bad_event_id", "bad_user_id", "unauthenticated", "not_by_the_edge", "unknown_event", "no_application"),
        *("internal", "gate_lost", "try_again"),
    ),
    "event": ("bad_event_id", "not_by_the_edge", "unknown_event", "internal", "gate_lost", "try_again"),
    "redeem": REDEEMING,
    "takeBack": TAKING_BACK,
}

BODIES: Json = {
    "apply": ("NewApplication", {"alice": {"user_id": "alice"}}),
    "redeem": (
        "NewRedemption",
        {"code": {"code": "SPRING-0058", "key": AN_ORDER}, "person": {"user_id": "alice", "key": AN_ORDER}},
    ),
}

PARAMETERS: Json = {"event_id": EVENT_ID, "user_id": USER_ID, "key": KEY}
