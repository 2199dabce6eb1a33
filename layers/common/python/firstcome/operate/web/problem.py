"""What a refused or failed action is over HTTP: the one table of codes and statuses, and its RFC 9457 documents."""

import random
from typing import Any, NamedTuple

from firstcome.operate.table import ACTIONS
from firstcome.rules import BadInput, Unavailable, Unsuitable
from firstcome.runtime.http import RETRY_AFTER_S, Meaning, document

# Of a request. Lambda takes 6 MB; a body that arrives as base64 is a third longer there.
MAX_BODY_BYTES = 4_000_000

# Every code but those of a single field, which `meaning` has. Codes and statuses are stable.
CODES: dict[str, Meaning] = {
    "bad_json": Meaning(400, "The body is not a JSON object", "the body must be a JSON object in UTF-8"),
    "unknown_field": Meaning(400, "There is no such field", "leave out what the action does not know"),
    "answer_too_large": Meaning(400, "The answer is too large for HTTP", "ask for fewer rows, with limit"),
    "unauthenticated": Meaning(401, "Who is asking is not known", "send a token with a sub"),
    "forbidden": Meaning(403, "None of your groups may do this", "ask for a group that may"),
    "unknown_path": Meaning(404, "There is nothing at this path", "the OpenAPI document has the paths that exist"),
    "unknown_action": Meaning(404, "There is no such action", "GET /me has the actions that you may ask for"),
    "unknown_event": Meaning(404, "There is no such event", "there is no event of this id"),
    "unknown_operation": Meaning(404, "There is no such operation", "there is no operation of this id"),
    "method_not_allowed": Meaning(405, "The path does not have this method", "Allow says which method it has"),
    "bad_transition": Meaning(409, "The event's state does not allow this", "show says which state it has"),
    "beyond_capacity": Meaning(409, "There is no such ticket", "raise the capacity first"),
    "busy": Meaning(409, "Something is not settled yet", "try again in a few seconds"),
    "capacity_lowered": Meaning(409, "The capacity is never lowered", "raise it, or leave it"),
    "changed": Meaning(409, "Somebody else has changed the event", "look at it again, then decide again"),
    "duplicate_codes": Meaning(409, "A code is another ticket's", "the detail says which tickets have it"),
    "earlier": Meaning(409, "An event is rescheduled to later times only", "take a later time"),
    "event_ended": Meaning(409, "The event has ended", "an event that has ended is over for good"),
    "event_exists": Meaning(409, "There is another event of this id", "take another id"),
    "gate_alive": Meaning(409, "The gate is not lost", "there is nothing to restore"),
    "has_code": Meaning(409, "A ticket has another code", "a code is never replaced: leave out those tickets"),
    "has_coupon": Meaning(409, "This person has a coupon", "revoke takes a coupon back"),
    "id_used": Meaning(409, "The id was a deleted draft's", "take another id"),
    "in_stream": Meaning(409, "A record in the stream still names them", "try again when the stream has forgotten it"),
    "no_coupon": Meaning(409, "This person has no coupon", "refuse keeps somebody from having one"),
    "not_draft": Meaning(409, "The event is no draft any more", "reschedule, raise_capacity: an opened event has them"),
    "not_ended": Meaning(409, "The event has not ended", "end the event first"),
    "not_over": Meaning(409, "The event is not over", "try again when it is over"),
    "owed": Meaning(409, "This person is still owed a coupon", "try again when it is issued or refused"),
    "past_retention": Meaning(409, "The event is past its retention", "the ledger alone answers for it"),
    "redeemed": Meaning(409, "The coupon is redeemed", "take the redemption back first"),
    "too_late": Meaning(409, "The opening is too near to be moved", "pause the event instead"),
    "request_id_used": Meaning(409, "The request id was another request's", "make a new one for each request"),
    "unsuitable": Meaning(409, "A server is not set up for this", "change what the detail names, then repeat it"),
    "body_too_large": Meaning(413, "The body is too large", f"the body may have {MAX_BODY_BYTES} bytes"),
    "unsupported_media_type": Meaning(415, "The body must be JSON", "Content-Type must be application/json"),
    "internal": Meaning(500, "Something went wrong here", "the fault is ours; the log has it under the correlation id"),
    "try_again": Meaning(503, "A server is away", "whether it was done is not known: repeat it with its request_id"),
}
# Of a field that is missing, malformed or contradicts another one: bad_capacity, bad_limit.
FIELD = Meaning(400, "A field is missing or malformed", "the detail says what it must be")
FIELD_CODES = tuple(
    dict.fromkeys(f"bad_{field.name}" for action in ACTIONS.values() if not action.direct for field in action.fields)
)
# Of several fields, or of what several fields share.
SHARED_CODES = ("bad_time", "bad_window")


class Problem(Exception):  # noqa: N818  an answer to the caller
    """An answer that no action has given. `code` is one of `CODES`, which has its usual detail."""

    def __init__(self, code: str, detail: str = "", headers: dict[str, str] | None = None) -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail
        self.headers = headers or {}


class Refusal(NamedTuple):
    """What goes back to the caller in place of an action's answer."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str]


def meaning(code: str) -> Meaning:
    """Return what a code means; one that is not in the table is that of a field."""
    return CODES.get(code, FIELD)


def refusal(error: Exception, path: str, correlation_id: str) -> Refusal:
    """Return what an error is to the caller, at a decoded path; nothing of it is told where the fault is ours."""
    code, detail, headers = _told(error)
    body = document(code, meaning(code), detail, path) | {"correlation_id": correlation_id}
    return Refusal(body["status"], body, headers)


def _told(error: Exception) -> tuple[str, str, dict[str, str]]:
    match error:
        case Problem():
            return error.code, error.detail, error.headers
        case BadInput():
            return error.code, error.detail, {}
        case Unsuitable():  # no 503, which says to repeat it: somebody has to change what its words name
            return "unsuitable", str(error), {}
        case Unavailable():
            wait_s = random.randint(*RETRY_AFTER_S)  # noqa: S311  jitter needs no cryptography
            return "try_again", "", {"Retry-After": str(wait_s)}
        case _:
            return "internal", "", {}
