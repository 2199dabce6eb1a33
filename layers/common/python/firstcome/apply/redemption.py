"""Redemptions as a back end asks for them: what its request says, and how the ledger's answer reads.

A code passes through here, and stays nowhere: not in a log line, not in a metric, not in an error.
"""

import re
from typing import Any, NamedTuple

from firstcome.apply import request
from firstcome.apply.problem import PRIVATE, Answer, Problem
from firstcome.ledger.redemptions import Redeeming, Redemption
from firstcome.rules import CODE_PATTERN, check_user_id, rfc3339

_CODE = re.compile(CODE_PATTERN)
_KEY = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SESSION = re.compile(r"(:assumed-role/[^/]+)/.*")
# Who calls, where no authorizer says it: on loopback, or behind a gateway of one's own.
LOCAL = "local"


class Asked(NamedTuple):
    """What a back end wants to redeem: a code, or a person in an event without codes; and by which key."""

    code: str | None
    user_id: str | None
    key: str


def read(event: dict[str, Any]) -> Asked:
    """Return what the body asks for; raise `Problem` or `BadInput` where it is malformed. No error repeats a code."""
    fields = request.read_object(event)
    if ("code" in fields) is ("user_id" in fields):
        raise Problem("bad_code", "send code and key, or, in an event without codes, user_id and key")
    key = check_key(fields.get("key"))
    if "user_id" in fields:
        return Asked(None, check_user_id(fields["user_id"]), key)
    code = fields["code"]
    if not isinstance(code, str) or not _CODE.fullmatch(code):
        raise Problem("bad_code")
    return Asked(code, None, key)


def back_end(event: dict[str, Any], local_identity: str) -> str:
    """Return which back end calls: its role or user, whichever session it is. Raise `Problem` for an applicant."""
    if request.caller(event, local_identity) is not None:
        raise Problem("not_a_back_end")
    iam = (event["requestContext"].get("authorizer") or {}).get("iam") or {}
    return _SESSION.sub(r"\1", str(iam.get("userArn") or LOCAL))


def check_key(value: object) -> str:
    """Return the key in the one form in which it is compared; raise `Problem` where it is no UUID."""
    key = value.lower() if isinstance(value, str) else ""
    if not _KEY.fullmatch(key):
        raise Problem("bad_key")
    return key


def answer(event_id: str, done: Redemption, when: str = "redeemed_at") -> Answer:
    """Return what is told of a redemption; raise `Problem` where it is a no."""
    if done.outcome is not Redeeming.DONE:
        raise Problem(str(done.outcome))
    body: dict[str, Any] = {"event_id": event_id}
    if done.ticket is not None:
        body["ticket"] = done.ticket
    if done.user_id is not None:
        body["user_id"] = done.user_id
    if done.at_ms is not None:
        body[when] = rfc3339(done.at_ms)
    return Answer(200, body, PRIVATE)
