"""The routes of the operator's API: one table that the function, its document, the template's test and `/me` read."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from firstcome.operate.table import ACTIONS, Action
from firstcome.operate.web.problem import Problem

PAGE = {"limit": "limit", "after": "after"}
FAILED_PAGE = {"status": "status", "limit": "limit", "after": "after_id"}


@dataclass(frozen=True, slots=True)
class Route:
    """One route. Names in its path are fields of the action; `query` has the field of each parameter."""

    name: str
    method: str
    path: str
    action: str | None = None  # None: the path names it, or none is needed
    query: Mapping[str, str] = field(default_factory=dict)

    @property
    def pattern(self) -> re.Pattern[str]:
        """Return what a decoded path of this route looks like."""
        return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.path))


class Match(NamedTuple):
    """A route, and what the path says."""

    route: Route
    fields: dict[str, str]


ROUTES = (
    Route("list", "GET", "/events", "list", {"state": "state", **PAGE}),
    Route("show", "GET", "/events/{event_id}", "show"),
    Route("winners", "GET", "/events/{event_id}/winners", "winners", PAGE),
    Route("failed_of_event", "GET", "/events/{event_id}/failed", "list_failed", FAILED_PAGE),
    Route("failed", "GET", "/failed", "list_failed", {"id": "id", **FAILED_PAGE}),
    Route("history_of_event", "GET", "/events/{event_id}/history", "history", PAGE),
    Route("history", "GET", "/history", "history", PAGE),
    Route("lookup", "GET", "/events/{event_id}/people/{user_id}", "lookup"),
    Route("issued", "GET", "/events/{event_id}/issued", "issued", {"after": "after"}),
    Route("operation", "GET", "/operations/{id}", "operation"),
    Route("me", "GET", "/me"),
    Route("act_on_event", "POST", "/events/{event_id}/actions/{action}"),
    Route("act", "POST", "/actions/{action}"),
)
_PATTERNS = [(route, route.pattern) for route in ROUTES]


def match(method: str, path: str) -> Match:
    """Return the route of a decoded path; raise `Problem` where there is none."""
    fitting = [(route, found) for route, pattern in _PATTERNS if (found := pattern.fullmatch(path))]
    for route, found in fitting:
        if route.method == method:
            return Match(route, found.groupdict())
    if fitting:
        allowed = ", ".join(dict.fromkeys(route.method for route, _ in fitting))
        raise Problem("method_not_allowed", headers={"Allow": allowed})
    raise Problem("unknown_path")


def posted(name: str) -> Action:
    """Return the action that a path names; raise `Problem` unless it is one that is posted."""
    action = ACTIONS.get(name)
    if action is None or not is_posted(action):
        names = ", ".join(each.name for each in ACTIONS.values() if is_posted(each))
        raise Problem("unknown_action", f"the actions are {names}")
    return action


def is_posted(action: Action) -> bool:
    """Say whether the action is posted: it changes something, or takes long. What only looks has a route of its own."""
    return (action.changes or action.long) and not action.direct
