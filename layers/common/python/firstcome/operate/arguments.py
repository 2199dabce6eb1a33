"""Read an operator's payload by the table of actions.

A field that an action does not know is refused by name, so that a typing error never widens what an action reaches.
"""

import json
from collections.abc import Callable
from typing import Any

from firstcome.operate import fields
from firstcome.operate.fields import Field, echo
from firstcome.operate.table import ACTIONS, Action
from firstcome.rules import BadInput, alike

Input = dict[str, Any]

ECHO_MAX_NAMES = 5  # names that an error repeats

# Pairs that say two different things about how far an action reaches.
APART = (
    (fields.EVENT_ID, fields.ALL_EVENTS),
    (fields.ROW_ID, fields.ALL),
    (fields.ROW_ID, fields.ALL_EVENTS),
    (fields.ROW_ID, fields.USER_ID),
    (fields.ROW_ID, fields.UP_TO_ID),
    (fields.SINCE, fields.FROM_BEGINNING),
)


def as_json(action: Action, form: tuple[Field, ...]) -> str:
    """Return the payload of a form of the action, with examples."""
    return json.dumps({"action": action.name} | {field.name: field.example for field in form})


def read(
    payload: object, write: Callable[[Action, tuple[Field, ...]], str] = as_json, *, token: bool = False
) -> tuple[Action, Input]:
    """Return the action of a payload, and its fields as they are used; null and false stand for "left out".

    `token`: who acts stands in a token, so the payload may not say it, and must say which version was seen.
    Raises `BadInput` naming what is unknown, malformed, contradictory or missing; `write` writes the forms that are
    shown then.
    """
    action = named(payload.get("action") if isinstance(payload, dict) else None)
    assert isinstance(payload, dict)  # otherwise it has named no action
    # A direct invoke that only looks is answered at once: there is no row that a repeat would be answered by.
    left_out = fields.ACTOR if token else None if action.changes else fields.REQUEST_ID
    known = {field.name: field for field in action.fields if field is not left_out}
    if unknown := [name for name in payload if name not in known and name != "action"]:
        raise BadInput("unknown_field", _unknown(action, list(known), unknown))
    given = {name: field.check(name, payload[name]) for name, field in known.items() if payload.get(name) is not None}
    given = {name: value for name, value in given.items() if value is not False}
    for one, other in APART:
        if one.name in given and other.name in given:
            raise BadInput(
                f"bad_{other.name}", f"{one.name} and {other.name} contradict each other: leave one of them out"
            )
    missing = min(([field.name for field in form if field.name not in given] for form in action.forms), key=len)
    if missing:
        raise BadInput(f"bad_{missing[0]}", _missing(action, missing, write))
    version = fields.EXPECT_VERSION.name
    if token and action.versioned and version not in given:
        raise BadInput(f"bad_{version}", f"{action.name} needs {version}: {fields.EXPECT_VERSION.about}")
    return action, given


def named(name: object) -> Action:
    """Return the action of that name; raise `BadInput` with the names that there are."""
    if isinstance(name, str) and name in ACTIONS:
        return ACTIONS[name]
    if name is None:
        said = "no action is named"
    else:
        hint = alike(name, ACTIONS) if isinstance(name, str) else None
        said = f"there is no action {echo(name)}" + (f": did you mean {hint}?" if hint else "")
    raise BadInput("bad_action", f"{said}; action must be one of {', '.join(ACTIONS)}")


def _unknown(action: Action, known: list[str], unknown: list[str]) -> str:
    """Quote what was sent, and nothing else: what is quoted is left out where logs name nobody."""
    more = ", …" if len(unknown) > ECHO_MAX_NAMES else ""
    said = f"{action.name} has no field {', '.join(echo(name) for name in unknown[:ECHO_MAX_NAMES])}{more}"
    hints = dict.fromkeys(hint for name in unknown[:ECHO_MAX_NAMES] if (hint := alike(name, known)))
    meant = f": did you mean {' and '.join(hints)}?" if hints else "."
    return f"{said}{meant} Its fields are {', '.join(known)}"


def _missing(action: Action, missing: list[str], write: Callable[[Action, tuple[Field, ...]], str]) -> str:
    several = len(action.forms) > 1
    what = "say which" if several else f"missing: {', '.join(missing)}"
    needed = " or ".join(" and ".join(field.name for field in form) for form in action.forms if form)
    return f"{action.name} needs {needed}; {what}, as in {' or '.join(write(action, form) for form in action.forms)}"
