"""Who acts, and what their groups let them do."""

from dataclasses import dataclass
from enum import StrEnum

from firstcome.rules import ActorKind, BadInput

UNKNOWN_ACTOR = "unknown"  # of a direct invoke that does not say who acts


class Group(StrEnum):
    """What the claim of a token names, exactly so. Each may do what those above it may."""

    VIEWER = "viewer"  # looks, and sees no personal data
    OPERATOR = "operator"  # sees people; does what can be undone
    ADMIN = "admin"  # sees all winners; does what cannot be undone


RANKS = {group: rank for rank, group in enumerate(Group)}


class Forbidden(BadInput):
    """Somebody asked for what none of their groups allows."""

    def __init__(self, detail: str) -> None:
        super().__init__("forbidden", detail)


@dataclass(frozen=True, slots=True)
class Who:
    """Who acts. `groups` None: a direct invoke, for which IAM has decided already: it may do everything."""

    actor: str
    kind: ActorKind
    groups: frozenset[str] | None

    def has(self, group: Group) -> bool:
        """Say whether they may do what this group may."""
        if self.groups is None:
            return True
        return any(name in self.groups and RANKS[name] >= RANKS[group] for name in Group)

    def check(self, action: str, group: Group, *, direct: bool = False) -> None:
        """Raise `Forbidden` unless they may do what this group may; `direct`: unless nobody but IAM decides."""
        if direct and self.groups is not None:
            raise Forbidden(f"{action} is invoked directly only")
        if not self.has(group):
            raise Forbidden(f"{action} is for the group {group}, and for those above it")


def claimed(actor: str | None) -> Who:
    """Return who invokes the function directly."""
    return Who(actor or UNKNOWN_ACTOR, ActorKind.CLAIMED, None)
