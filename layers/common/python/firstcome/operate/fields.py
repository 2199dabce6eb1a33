"""The fields that an operator's actions take: what each is for, and what its value must be."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from firstcome.rules import (
    CODE_PATTERN,
    CORRELATION_ID_PATTERN,
    BadInput,
    EventState,
    FailedStatus,
    alike,
    check_event_id,
    check_user_id,
    harmless,
    parse_time,
)

CAPACITY_MAX = 10_000_000  # a gate of about 2.5 GB, and a restore of minutes: more wants an event per region
SPREAD_MAX_MS = 3_600_000  # an hour: longer, and it is an event per hour
PARTITIONS_MAX = 1_000  # more than any event needs: a typing error
REPLICATION_MAX = 5
TEXT_MAX_LENGTH = 255  # the columns'
ID_MAX = 2**63 - 1  # the column's
SURROGATE = re.compile("[\ud800-\udfff]")
CODE = re.compile(CODE_PATTERN)
CODES_MAX = 10_000  # of one upload, 0.7 MB: Lambda takes 6 MB, and a transaction of these half a second
LIST_LIMIT = 100  # rows of one answer, where nothing else is asked for
LIST_LIMIT_MAX = 1_000
WINNERS_LIMIT_MAX = 10_000  # of winners: 300 bytes each as a rule; a page of longer ones is cut below 5 MB
SHOWN_STATES = [state for state in EventState if state is not EventState.DELETED]
ECHO_MAX_LENGTH = 64  # characters of what somebody sent that an error repeats: the answer stays small


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an action. The type of `example` is that of the field; `check` returns the value as it is used."""

    name: str
    about: str
    example: str | int | bool | list[str] = field(hash=False)
    check: Callable[[str, object], Any]
    kept: bool = True  # False: no row of `operation` has it, so a repeat carries the action out again


def _text(name: str, value: object) -> str:
    # Half of a surrogate pair is a string to JSON, and none to any database.
    if not isinstance(value, str) or not 1 <= len(value) <= TEXT_MAX_LENGTH or SURROGATE.search(value):
        raise BadInput(f"bad_{name}", f"{name} must be a string of 1 to {TEXT_MAX_LENGTH} characters")
    return value


def _whole(low: int, high: int) -> Callable[[str, object], int]:
    def check(name: str, value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise BadInput(f"bad_{name}", f"{name} must be a whole number from {low} to {high}, and is {echo(value)}")
        return value

    return check


def _codes(name: str, value: object) -> list[str]:
    """Return the codes; the error names a place in the list, and never what stands there."""
    if not isinstance(value, list) or not 1 <= len(value) <= CODES_MAX:
        raise BadInput(f"bad_{name}", f"{name} must be a list of 1 to {CODES_MAX:,} codes")
    for number, code in enumerate(value, 1):
        if not isinstance(code, str) or not CODE.fullmatch(code):
            raise BadInput(
                f"bad_{name}", f"number {number} of {name} must be a string of 1 to 64 printable ASCII characters"
            )
    return value


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise BadInput(f"bad_{name}", f"{name} must be true or false, and is {echo(value)}")
    return value


def _status(name: str, value: object) -> FailedStatus:
    if not isinstance(value, str) or value not in list(FailedStatus):
        raise BadInput(f"bad_{name}", f"{name} must be one of {', '.join(FailedStatus)}, and is {echo(value)}")
    return FailedStatus(value)


def _state(name: str, value: object) -> EventState:
    if not isinstance(value, str) or value not in SHOWN_STATES:
        raise BadInput(f"bad_{name}", f"{name} must be one of {', '.join(SHOWN_STATES)}, and is {echo(value)}")
    return EventState(value)


def _timezone(name: str, value: object) -> str:
    from zoneinfo import available_timezones  # noqa: PLC0415  reads many files: for this field only

    if not isinstance(value, str) or value not in available_timezones():
        hint = alike(value, available_timezones()) if isinstance(value, str) else None
        meant = f": did you mean {hint}?" if hint else ""
        raise BadInput(f"bad_{name}", f"{name} must be an IANA name such as Asia/Seoul, and is {echo(value)}{meant}")
    return value


def _request_id(name: str, value: object) -> str:
    if not isinstance(value, str) or not harmless(value):
        raise BadInput(f"bad_{name}", f"{name} must be {CORRELATION_ID_PATTERN}, and is {echo(value)}")
    return value


def echo(value: object) -> str:
    """Return what somebody sent as an error repeats it: as JSON, and never long."""
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
FIRST_TICKET = Field("first_ticket", "whose code the first one is (1)", 1, _whole(1, CAPACITY_MAX))
CODES = Field(
    "codes", f"a list: one ticket's code each, up to {CODES_MAX:,}", ["SPRING-0001", "SPRING-0002"], _codes, kept=False
)
ALL = Field("all", "true: every failed row that is waiting or dead", example=True, check=_flag)
ALL_EVENTS = Field("all_events", "true: in every event", example=True, check=_flag)
SINCE = Field("since", "records that were stored from then on, RFC 3339", "2030-01-01T00:00:00Z", parse_time)
FROM_BEGINNING = Field("from_beginning", "true: all records that the stream has", example=True, check=_flag)
PARTITIONS = Field("partitions", "of a topic that is made", 12, _whole(1, PARTITIONS_MAX))
REPLICATION = Field("replication", "of a topic that is made: copies of each record", 3, _whole(1, REPLICATION_MAX))
ACTOR = Field("actor", "who acts, for the log", "ana", _text)
ERASED_USER_ID = replace(USER_ID, kept=False)
REQUEST_ID = Field(
    "request_id",
    "your name for this request, 1 to 128 characters of A-Z a-z 0-9 . _ = -: a repeat answers what it answered first",
    "5f0c1e9a",
    _request_id,
)
EXPECT_VERSION = Field(
    "expect_version",
    "the config_version that was seen: the event must not have changed since",
    3,
    _whole(1, 2**31 - 1),
)
STATE = Field("state", f"one of {', '.join(SHOWN_STATES)}", "open", _state)
AFTER_EVENT = Field("after", "the `next` of the answer before", "spring-sale", lambda _, value: check_event_id(value))
AFTER_TICKET = Field("after", "the `next` of the answer before", 100, _whole(0, ID_MAX))
AFTER_SECOND = Field("after", "the `next` of the answer before", "2030-01-01T00:00:00.000Z", parse_time)
BEFORE_ID = Field("after", "the `next` of the answer before: go on with older ones", 20, _whole(1, ID_MAX))
WINNERS_LIMIT = Field(
    "limit", f"rows of one answer, up to {WINNERS_LIMIT_MAX:,} ({LIST_LIMIT})", 20, _whole(1, WINNERS_LIMIT_MAX)
)
OPERATION_ID = Field("id", "an operation, as history names it", 1, _whole(1, ID_MAX))
UP_TO_ID = Field("up_to_id", "the last failed row that was seen: none that came later", 20, _whole(1, ID_MAX))
