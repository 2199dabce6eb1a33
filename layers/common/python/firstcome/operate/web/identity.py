"""Who asks, as API Gateway's authorizer says it of a verified token. Nobody else may send what this reads."""

from typing import Any

from firstcome.operate.fields import SURROGATE, TEXT_MAX_LENGTH
from firstcome.operate.web.problem import Problem
from firstcome.operate.who import Forbidden, Group, Who
from firstcome.rules import ActorKind


def identify(event: dict[str, Any], groups_claim: str) -> Who:
    """Return the token's subject with their groups.

    Raises `Problem` where there is no token, and `Forbidden` where none of its groups is one of ours.
    """
    jwt = (event["requestContext"].get("authorizer") or {}).get("jwt") or {}
    claims = jwt.get("claims") or {}
    sub = claims.get("sub")
    if not isinstance(sub, str) or not 1 <= len(sub) <= TEXT_MAX_LENGTH or SURROGATE.search(sub):
        raise Problem("unauthenticated", headers={"WWW-Authenticate": "Bearer"})
    who = Who(sub, ActorKind.TOKEN, groups(claims.get(groups_claim)))
    if not who.has(Group.VIEWER):
        raise Forbidden(f"the claim {groups_claim} names none of the groups {', '.join(Group)}")
    return who


def groups(claim: object) -> frozenset[str]:
    """Return the names in a claim: a list of them, or one; HTTP APIs hand a list on as the string "[a b]".

    A name with a space falls apart there, as `[not admin]` does: the identity provider's names must have none.
    """
    if isinstance(claim, str):
        claim = claim[1:-1].split(" ") if claim.startswith("[") and claim.endswith("]") else [claim]
    names = claim if isinstance(claim, list) else []
    return frozenset(name for name in names if isinstance(name, str))
