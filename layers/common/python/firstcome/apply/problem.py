"""HTTP as far as it can be wrong: who calls, what the body says, which methods a path has, and how an error reads."""

import random
import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

from firstcome.rules import BadInput, Unavailable
from firstcome.runtime.http import MEDIA_TYPE, RETRY_AFTER_S, Meaning, document, to_json

# The only field is a user id of 255 characters, 1.5 KB if every one of them is escaped. The rest is room for fields
# that are ignored; more than this is not an application, and is not parsed.
MAX_BODY_BYTES = 4_096

PRIVATE = {"Cache-Control": "no-store"}

# Documents that are made once: the crowd of a sold-out event is told the same, at the same path.
KEPT = 64

# Every code that an answer may carry. Codes and statuses are stable.
CODES: dict[str, Meaning] = {
    "bad_event_id": Meaning(400, "The event id is malformed", "event_id must be 1 to 64 characters of A-Z a-z 0-9 _ -"),
    "bad_user_id": Meaning(400, "The user id is missing or malformed", "user_id must be a string"),
    "bad_json": Meaning(
        400, "The body is not a JSON object", 'the body must be a JSON object in UTF-8, such as {"user_id": "alice"}'
    ),
    "bad_code": Meaning(400, "The code is missing or malformed", "code must be 1 to 64 printable ASCII characters"),
    "bad_key": Meaning(400, "The key is missing or malformed", "key must be a UUID of yours, one for each redemption"),
    "unauthenticated": Meaning(401, "Who is asking is not known", "send a token with a sub, or sign the request"),
    "not_yourself": Meaning(403, "Nobody applies for somebody else", "user_id is not the token's sub: leave it out"),
    "not_by_the_edge": Meaning(403, "This is not the way in", "use the address that the page uses"),
    "not_a_back_end": Meaning(403, "Only a back end redeems", "sign the request, on the back end's API"),
    "unknown_event": Meaning(404, "There is no such event", "there is no event of this id"),
    "no_application": Meaning(404, "There is no such application", "this person was given no ticket"),
    "unknown_code": Meaning(404, "There is no such code", "no coupon of this event has this code, as it is written"),
    "unknown_path": Meaning(404, "There is nothing at this path", "the OpenAPI document has the paths that exist"),
    "method_not_allowed": Meaning(405, "The path does not have this method", "Allow says which method it has"),
    "sold_out": Meaning(
        409, "Every coupon is given away", "no ticket is free; one that comes free goes to whoever asks then"
    ),
    "not_open": Meaning(409, "The event is not open yet", "ask again when it is open"),
    "paused": Meaning(409, "The event is paused", "it gives no coupons for now"),
    "closed": Meaning(409, "The event is over", "it gives no coupons any more"),
    "refused": Meaning(
        409, "This person gets no coupon of this event", "it was decided so; asking again does not help"
    ),
    "redeemed": Meaning(409, "The coupon is redeemed", "another key redeemed it, and has not taken it back"),
    "revoked": Meaning(409, "The coupon was revoked", "it was taken from its owner, and its code is nobody's any more"),
    "key_used": Meaning(409, "The key is used", "it stands for another coupon, or another back end's: make a new one"),
    "not_issued": Meaning(409, "The coupon is not issued", "nobody has this coupon, or not yet"),
    "taken_back": Meaning(410, "The redemption was taken back", "this key redeems nothing any more: make a new one"),
    "body_too_large": Meaning(413, "The body is too large", f"the body may have {MAX_BODY_BYTES} bytes"),
    "unsupported_media_type": Meaning(415, "The body must be JSON", "Content-Type must be application/json"),
    "internal": Meaning(500, "Something went wrong here", "the fault is ours; the log has it under the correlation id"),
    "gate_lost": Meaning(
        503, "The state of the event is being restored", "ask again later; a ticket that was given stays given"
    ),
    "try_again": Meaning(503, "A server is away", "ask again later; a ticket that was given stays given"),
}

METHODS: dict[str, str] = {
    "/events/{event_id}": "GET",
    "/events/{event_id}/applications": "POST",
    "/events/{event_id}/applications/{user_id}": "GET",
    "/events/{event_id}/redemptions": "POST",
    "/events/{event_id}/redemptions/{key}": "DELETE",
}
_METHODS = [(re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), method) for path, method in METHODS.items()]


class Answer(NamedTuple):  # a frozen dataclass is made three times slower, and every loser is sent one
    """What goes back to the caller."""

    status: int
    body: dict[str, Any]
    headers: Mapping[str, str] = MappingProxyType({})
    media_type: str = "application/json"
    counted: str = ""  # the metric that it counts into
    text: str = ""  # the body as JSON, where that is known already


class Problem(Exception):  # noqa: N818  an answer to the caller, most of them no fault of anybody
    """An answer that says no, or not now. `code` is one of `CODES`, which has its usual detail.

    `fields` are more members of the document, of this very answer.
    """

    def __init__(
        self,
        code: str,
        detail: str = "",
        headers: dict[str, str] | None = None,
        fields: dict[str, str] | None = None,
    ) -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail
        self.headers = headers or {}
        self.fields = fields

    def answer(self, path: str) -> Answer:
        """Return the RFC 9457 document of this problem at `path`, a decoded path."""
        if self.headers or self.fields:
            return _document(self.code, self.detail, path, self.headers, self.fields)
        return usual_answer(self.code, self.detail, path)


def _document(
    code: str, detail: str, path: str, headers: dict[str, str], fields: dict[str, str] | None = None
) -> Answer:
    made = document(code, CODES[code], detail, path) | (fields or {})
    headers = {**PRIVATE, **headers}
    return Answer(made["status"], made, headers, MEDIA_TYPE, _COUNTED.get(code, ""), to_json(made))


@lru_cache(maxsize=KEPT)
def usual_answer(code: str, detail: str, path: str) -> Answer:
    """Return the document of a code that has no fields or headers of its own; it is made once a path."""
    return _document(code, detail, path, {})


# The metric of each problem that says something of an event, or of a server that is away.
_COUNTED = {code: code for code in ("sold_out", "not_open", "paused", "closed", "refused")}
_COUNTED |= {"gate_lost": "gate_lost", "try_again": "unavailable", "internal": "internal"}


def of(error: Exception) -> Problem:
    """Return what an error is to the caller; nothing of it is told where the fault is not theirs."""
    match error:
        case Problem():
            return error
        case BadInput(code=code, detail=detail) if code in CODES:  # other codes are about our settings
            return Problem(code, detail)
        case Unavailable():
            return later("try_again")
        case _:
            return Problem("internal")


def later(code: str, within_s: int = RETRY_AFTER_S[1]) -> Problem:
    """Answer "not now", with the time after which to ask again."""
    wait_s = random.randint(RETRY_AFTER_S[0], within_s)  # noqa: S311  jitter needs no cryptography
    return Problem(code, headers={"Retry-After": str(wait_s)})


def nothing_here(path: str) -> Problem:
    """Return why no route fits: the path has another method, or there is no such path."""
    for pattern, allowed in _METHODS:
        if pattern.fullmatch(path):
            return Problem("method_not_allowed", headers={"Allow": allowed})
    return Problem("unknown_path")
