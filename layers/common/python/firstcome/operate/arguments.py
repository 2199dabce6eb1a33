"""What each action of the operator takes: one table that the function, the command line and its help read.

A field that an action does not know is refused by name, so that a typing error never widens what an action reaches.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from firstcome.rules import BadInput, FailedStatus, alike, check_event_id, check_user_id, parse_time

Input = dict[str, Any]

CAPACITY_MAX = 10_000_000  # a gate of about 2.5 GB, and a restore of minutes: more wants an event per region
SPREAD_MAX_MS = 3_600_000  # an hour: longer, and it is an event per hour
PARTITIONS_MAX = 1_000  # more than any event needs: a typing error
REPLICATION_MAX = 5
TEXT_MAX_LENGTH = 255  # the columns'
ID_MAX = 2**63 - 1  # the column's
SURROGATE = re.compile("[\ud800-\udfff]")
LIST_LIMIT = 100  # rows of one answer, where nothing else is asked for
LIST_LIMIT_MAX = 1_000
ECHO_MAX_LENGTH = 64  # characters of what somebody sent that an error repeats: the answer stays small
ECHO_MAX_NAMES = 5  # names that an error repeats


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an action. The type of `example` is that of the field; `check` returns the value as it is used."""

    name: str
    about: str
    example: str | int | bool
    check: Callable[[str, object], Any]


@dataclass(frozen=True, slots=True)
class Action:
    """One action. It needs all fields of one of its `forms`, and `may` have the others."""

    name: str
    about: str
    forms: tuple[tuple[Field, ...], ...]
    may: tuple[Field, ...] = ()

    @property
    def fields(self) -> tuple[Field, ...]:
        """Return every field, each once, in the order in which they are explained."""
        return tuple(dict.fromkeys([*(field for form in self.forms for field in form), *self.may, ACTOR]))


def _text(name: str, value: object) -> str:
    # Half of a surrogate pair is a string to JSON, and none to any database.
    if not isinstance(value, str) or not 1 <= len(value) <= TEXT_MAX_LENGTH or SURROGATE.search(value):
        raise BadInput(f"bad_{name}", f"{name} must be a string of 1 to {TEXT_MAX_LENGTH} characters")
    return value


def _whole(low: int, high: int) -> Callable[[str, object], int]:
    def check(name: str, value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise BadInput(f"bad_{name}", f"{name} must be a whole number from {low} to {high}, and is {_echo(value)}")
        return value

    return check


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise BadInput(f"bad_{name}", f"{name} must be true or false, and is {_echo(value)}")
    return value


def _status(name: str, value: object) -> FailedStatus:
    if not isinstance(value, str) or value not in list(FailedStatus):
        raise BadInput(f"bad_{name}", f"{name} must be one of {', '.join(FailedStatus)}, and is {_echo(value)}")
    return FailedStatus(value)


def _timezone(name: str, value: object) -> str:
    from zoneinfo import available_timezones  # noqa: PLC0415  reads many files: for this field only

    if not isinstance(value, str) or value not in available_timezones():
        hint = alike(value, available_timezones()) if isinstance(value, str) else None
        meant = f": did you mean {hint}?" if hint else ""
        raise BadInput(f"bad_{name}", f"{name} must be an IANA name such as Asia/Seoul, and is {_echo(value)}{meant}")
    return value


def _echo(value: object) -> str:
    said = json.dumps(value)
    return said if len(said) <= ECHO_MAX_LENGTH else said[:ECHO_MAX_LENGTH] + "…"


EVENT_ID = Field("event_id", "the event", "spring-sale", lambda _, value: check_event_id(value))
USER_ID = Field("user_id", "the person", "alice", lambda _, value: check_user_id(value))
NAME = Field("name", f"what people read, up to {TEXT_MAX_LENGTH} characters", "Spring sale", _text)
CAPACITY = Field("capacity", f"how many coupons there are, up to {CAPACITY_MAX:,}", 100, _whole(1, CAPACITY_MAX))
OPENS_AT = Field("opens_at", "the first moment, RFC 3339 with an offset", "2030-01-01T00:00:00Z", parse_time)
CLOSES_AT = Field("closes_at", "the moment at which it is over", "2030-01-31T00:00:00Z", parse_time)
TIMEZONE = Field("timezone", "the zone in which people are told the times, an IANA name (UTC)", "Asia/Seoul", _timezone)
SPREAD_MS = Field(
    "spread_ms",
    f"turns: over how long the opening is spread, up to {SPREAD_MAX_MS:,} (0: none)",
    10_000,
    _whole(0, SPREAD_MAX_MS),
)
ROW_ID = Field("id", "a failed row, as list_failed names it", 1, _whole(1, ID_MAX))
STATUS = Field("status", f"one of {', '.join(FailedStatus)}", "dead", _status)
LIMIT = Field("limit", f"rows of one answer, up to {LIST_LIMIT_MAX:,} ({LIST_LIMIT})", 20, _whole(1, LIST_LIMIT_MAX))
AFTER_ID = Field("after_id", "the `next` of the answer before: go on from there", 20, _whole(0, ID_MAX))
REASON = Field("reason", "why, for the ledger", "a bot", _text)
ALL = Field("all", "true: every failed row that is waiting or dead", example=True, check=_flag)
ALL_EVENTS = Field("all_events", "true: in every event", example=True, check=_flag)
PARTITIONS = Field("partitions", "of a topic that is made", 12, _whole(1, PARTITIONS_MAX))
REPLICATION = Field("replication", "of a topic that is made: copies of each record", 3, _whole(1, REPLICATION_MAX))
ACTOR = Field("actor", "who acts, for the log", "ana", _text)

_ONE_EVENT = ((EVENT_ID,),)

ACTIONS: dict[str, Action] = {
    action.name: action
    for action in (
        Action(
            "migrate",
            "Bring the ledger's schema up to date, and make the topic if it is missing.",
            ((),),
            may=(PARTITIONS, REPLICATION),
        ),
        Action(
            "create",
            "Make an event, as a draft: it gives no coupons before it is opened.",
            ((EVENT_ID, NAME, CAPACITY, OPENS_AT, CLOSES_AT),),
            may=(TIMEZONE, SPREAD_MS),
        ),
        Action("open", "Open an event: from now on its window decides.", _ONE_EVENT),
        Action("pause", "Give no coupons for now.", _ONE_EVENT),
        Action("close", "Give no coupons any more; the event may be opened again.", _ONE_EVENT),
        Action("end", "End an event for good.", _ONE_EVENT),
        Action("raise_capacity", "Raise the number of coupons; it is never lowered.", ((EVENT_ID, CAPACITY),)),
        Action("show", "Show one event as ledger, gate and stream know it. Changes nothing.", _ONE_EVENT),
        Action(
            "list_failed",
            "List failed rows, the oldest first, of one event or of all; or one row whole. Changes nothing.",
            ((), (ROW_ID,)),
            may=(EVENT_ID, STATUS, LIMIT, AFTER_ID),
        ),
        Action(
            "redrive",
            "Make failed rows due again, with all their attempts: one, or all of an event, or all of every event.",
            ((ROW_ID,), (ALL, EVENT_ID), (ALL_EVENTS,)),
        ),
        Action(
            "refuse",
            "Refuse one person for good, and release their ticket; by name, or by a failed row.",
            ((EVENT_ID, USER_ID), (ROW_ID,)),
            may=(REASON,),
        ),
        Action("restore", "Rebuild a lost gate now.", _ONE_EVENT),
        Action("reconcile", "Compare a quiet event's gate with the ledger, and repair it.", _ONE_EVENT),
        Action("audit", "Check the promise of one event against all three servers. Changes nothing.", _ONE_EVENT),
        Action("expire", "Let the gate of an ended event go when its retention is over.", _ONE_EVENT),
        Action(
            "erase",
            "Erase one person from one event that is over, or from every such event.",
            ((USER_ID, EVENT_ID), (USER_ID, ALL_EVENTS)),
        ),
        Action(
            "purge",
            "Erase everybody from one event that is over, or from every event that ended long enough ago.",
            ((EVENT_ID,), (ALL_EVENTS,)),
        ),
        Action("wipe", "Remove every trace of one event: on the local cloud only.", _ONE_EVENT),
    )
}

# Pairs that say two different things about how far an action reaches.
_APART = ((EVENT_ID, ALL_EVENTS), (ROW_ID, ALL), (ROW_ID, ALL_EVENTS), (ROW_ID, USER_ID))


def as_json(action: Action, form: tuple[Field, ...]) -> str:
    """Return the payload of a form of the action, with examples."""
    return json.dumps({"action": action.name} | {field.name: field.example for field in form})


def read(payload: object, write: Callable[[Action, tuple[Field, ...]], str] = as_json) -> tuple[Action, Input]:
    """Return the action of a payload, and its fields as they are used; null and false stand for "left out".

    Raises `BadInput` naming what is unknown, malformed, contradictory or missing; `write` writes the forms that are
    shown then.
    """
    action = named(payload.get("action") if isinstance(payload, dict) else None)
    assert isinstance(payload, dict)  # otherwise it has named no action
    known = {field.name: field for field in action.fields}
    if unknown := [name for name in payload if name not in known and name != "action"]:
        raise BadInput("unknown_field", _unknown(action, unknown))
    given = {name: field.check(name, payload[name]) for name, field in known.items() if payload.get(name) is not None}
    given = {name: value for name, value in given.items() if value is not False}
    for one, other in _APART:
        if one.name in given and other.name in given:
            raise BadInput(
                f"bad_{other.name}", f"{one.name} and {other.name} contradict each other: leave one of them out"
            )
    missing = min(([field.name for field in form if field.name not in given] for form in action.forms), key=len)
    if missing:
        raise BadInput(f"bad_{missing[0]}", _missing(action, missing, write))
    return action, given


def named(name: object) -> Action:
    """Return the action of that name; raise `BadInput` with the names that there are."""
    if isinstance(name, str) and name in ACTIONS:
        return ACTIONS[name]
    if name is None:
        said = "no action is named"
    else:
        hint = alike(name, ACTIONS) if isinstance(name, str) else None
        said = f"there is no action {_echo(name)}" + (f": did you mean {hint}?" if hint else "")
    raise BadInput("bad_action", f"{said}; action must be one of {', '.join(ACTIONS)}")


def _unknown(action: Action, unknown: list[str]) -> str:
    """Quote what was sent, and nothing else: what is quoted is left out where logs name nobody."""
    known = [field.name for field in action.fields]
    more = ", …" if len(unknown) > ECHO_MAX_NAMES else ""
    said = f"{action.name} has no field {', '.join(_echo(name) for name in unknown[:ECHO_MAX_NAMES])}{more}"
    hints = dict.fromkeys(hint for name in unknown[:ECHO_MAX_NAMES] if (hint := alike(name, known)))
    meant = f": did you mean {' and '.join(hints)}?" if hints else "."
    return f"{said}{meant} Its fields are {', '.join(known)}"


def _missing(action: Action, missing: list[str], write: Callable[[Action, tuple[Field, ...]], str]) -> str:
    several = len(action.forms) > 1
    what = "say which" if several else f"missing: {', '.join(missing)}"
    needed = " or ".join(" and ".join(field.name for field in form) for form in action.forms if form)
    return f"{action.name} needs {needed}; {what}, as in {' or '.join(write(action, form) for form in action.forms)}"
