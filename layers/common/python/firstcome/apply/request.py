"""Reading a request: who calls, who applies, what the body says."""

import re
from itertools import islice
from typing import Any

from firstcome.apply.problem import MAX_BODY_BYTES, Problem
from firstcome.rules import BadInput, alike, check_user_id
from firstcome.runtime import http

# What may be a misspelt user_id: enough for every spelling, and harmless to repeat.
ECHOED = re.compile("[A-Za-z][A-Za-z_-]{0,31}")
NAMES_LOOKED_AT = 16


def place(path: str) -> dict[str, str]:
    """Return what the log says of a decoded path: whom it names stands apart, so that logs may name nobody."""
    resource, _, _ = path.partition("/redemptions/")  # a caller's key stays its own
    resource, named, user_id = resource.partition("/applications/")
    return {"path": resource + named, "user_id": user_id} if named else {"path": resource}


def caller(event: dict[str, Any], local_identity: str) -> str | None:
    """Return the `sub` of the applicant who calls, or None for a trusted back end, as API Gateway's authorizer says.

    `local_identity` stands in where there is no authorizer. Raises `Problem` where nobody vouches for the caller.
    """
    authorizer = event["requestContext"].get("authorizer") or {}
    if jwt := authorizer.get("jwt"):
        sub = (jwt.get("claims") or {}).get("sub")
        if sub:
            return check_user_id(sub)
    elif authorizer.get("iam") or local_identity == "backend":
        return None
    elif local_identity.startswith("jwt:"):
        return check_user_id(local_identity.removeprefix("jwt:"))
    raise Problem("unauthenticated", headers={"WWW-Authenticate": "Bearer"})


def applicant(event: dict[str, Any], sub: str | None) -> str:
    """Return who applies: the caller `sub`, or whom the body of a back end names.

    Raises `Problem` or `BadInput` where the body is wrong, or names somebody else than the caller.
    """
    if sub is not None and not event.get("body"):
        return sub
    fields = read_object(event)
    if sub is None or "user_id" in fields:
        if fields.get("user_id") is None:
            raise Problem("bad_user_id", _missing(fields))
        user_id = check_user_id(fields["user_id"])
        if sub is not None and user_id != sub:
            raise Problem("not_yourself")
        return user_id
    return sub


def _missing(fields: dict[str, Any]) -> str:
    """Return what to do about a body without `user_id`. Of what was sent, only a name much like it is repeated."""
    for name in islice(fields, NAMES_LOOKED_AT):
        if name != "user_id" and ECHOED.fullmatch(name) and alike(name, ("user_id", "user")):
            return f'user_id is missing; {name} was sent: name it user_id, as in {{"user_id": "alice"}}'
    return 'user_id is missing: the body must be like {"user_id": "alice"}'


def read_object(event: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON object of the body, unknown fields and all; raise `Problem` where it is none."""
    try:
        return http.read_object(event, MAX_BODY_BYTES)
    except BadInput as error:  # what it says is said for an application: with its limit, and an example
        raise Problem(error.code) from error
