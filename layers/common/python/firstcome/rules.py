"""Pure decisions: what is a valid name, which states exist, how long to wait before the next attempt.

Standard library only, and nothing else of this package: every other module may import this one.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

EVENT_ID_PATTERN = r"[A-Za-z0-9_-]{1,64}"
# Printable ASCII without space, quotes, backslash and / ? # %: safe in a URL path, and the same to every collation.
_USER_ID_CHARACTER = r"[!$&()*+,\-.0-9:;<=>@A-Z\[\]^_`a-z{|}~]"
USER_ID_MAX_LENGTH = 255
# Not `.` and not `..`: every client takes such a segment out of a path, percent-encoded or not (RFC 3986, 5.2.4).
USER_ID_PATTERN = rf"(?!\.\.?(?!{_USER_ID_CHARACTER})){_USER_ID_CHARACTER}{{1,{USER_ID_MAX_LENGTH}}}"
# What a coupon's code may be: printable ASCII, exact. Spaces count, case counts.
CODE_PATTERN = r"[ -~]{1,64}"
# What a caller may choose for the log and the record's header; anything else would be theirs to write there.
CORRELATION_ID_PATTERN = r"[A-Za-z0-9._=-]{1,128}"

ALIKE_MAX_LENGTH = 64  # characters that are compared: the time for it grows with the square
ALIKE_RATIO = 0.6  # of letters in common, difflib's own default: lower, and unrelated names are proposed

_EVENT_ID = re.compile(EVENT_ID_PATTERN)
_USER_ID = re.compile(USER_ID_PATTERN)
_CORRELATION_ID = re.compile(CORRELATION_ID_PATTERN)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
# What a DATETIME of the ledger is said to hold: 1000-01-01 to 9999-12-31, in UTC. Every year has four digits.
TIME_MIN_MS = -30_610_224_000_000
TIME_MAX_MS = 253_402_300_799_999


class EventState(StrEnum):
    """What the operator has decided about an event; the opening window comes on top of it."""

    DRAFT = "draft"  # created, not opened yet
    OPEN = "open"  # gives coupons inside its window
    PAUSED = "paused"  # gives none for now
    CLOSED = "closed"  # gives none any more, may be opened again
    ENDED = "ended"  # over for good: its gate may expire
    DELETED = "deleted"  # a draft that is gone; the row stays, so that its id is never used again


class FailedStatus(StrEnum):
    """What has become of a row of `failed_event`."""

    WAITING = "waiting"  # the scheduled retry works on it
    DEAD = "dead"  # the attempts are used up: an operator decides
    RESOLVED = "resolved"  # it has become a coupon row
    REFUSED = "refused"  # it will never become one


class ActorKind(StrEnum):
    """How far the name of whoever acts can be trusted."""

    TOKEN = "token"  # noqa: S105  a word: the subject of a verified JWT
    CLAIMED = "claimed"  # what a direct invoke says; CloudTrail knows the role


class OperationStatus(StrEnum):
    """What has become of a row of `operation`."""

    BEGUN = "begun"  # decided in the ledger, or about to be done: a repeat does the rest
    WORKING = "working"  # it takes long: the schedule and whoever asks work on it
    DONE = "done"
    REFUSED = "refused"  # it was not possible, and nothing was changed
    FAILED = "failed"  # it takes long, and was given up


class Reason(StrEnum):
    """Why a record did not become a coupon row."""

    NO_VALUE = "no_value"
    NOT_BASE64 = "not_base64"
    NOT_JSON = "not_json"
    UNKNOWN_VERSION = "unknown_version"
    BAD_FIELD = "bad_field"
    WRONG_TOPIC = "wrong_topic"
    UNKNOWN_EVENT = "unknown_event"
    TICKET_OUT_OF_RANGE = "ticket_out_of_range"
    TICKET_TAKEN = "ticket_taken"
    LEDGER_REJECTED = "ledger_rejected"


class BadInput(Exception):  # noqa: N818  it is an answer to the caller, not a fault of ours
    """The caller sent something that can never succeed. `code` is stable, `detail` says what to do."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class Unavailable(Exception):  # noqa: N818  an indefinite answer: nobody knows yet
    """The state is not known (a server is away, the gate is lost): ask again later. Nothing was decided."""

    def __init__(self, what: str, detail: str = "") -> None:
        super().__init__(f"{what}: {detail}" if detail else what)
        self.what = what


class Unsuitable(Unavailable):
    """A server whose version or settings cannot work. Nothing is decided until somebody has mended what it names."""


def check_event_id(value: object) -> str:
    """Return `value` if it is a valid event id; raise `BadInput` otherwise."""
    if not isinstance(value, str) or not _EVENT_ID.fullmatch(value):
        raise BadInput("bad_event_id", "event_id must be 1 to 64 characters of A-Z a-z 0-9 _ -")
    return value


def check_user_id(value: object) -> str:
    """Return `value` if it is a valid user id; raise `BadInput` otherwise."""
    if not isinstance(value, str):
        raise BadInput("bad_user_id", "user_id must be a string")
    if not _USER_ID.fullmatch(value):
        raise BadInput(
            "bad_user_id",
            f"user_id must be 1 to {USER_ID_MAX_LENGTH} printable ASCII characters "
            "without space, quotes, backslash and / ? # %, and not . or .. alone",
        )
    return value


def are_ids(event_ids: Iterable[str], user_ids: Iterable[str]) -> bool:
    """Return whether all of these strings are valid ids."""
    return all(map(_EVENT_ID.fullmatch, event_ids)) and all(map(_USER_ID.fullmatch, user_ids))


def harmless(correlation_id: str) -> str:
    """Return the correlation id if it is one that may stand in a log; otherwise an empty one."""
    return correlation_id if _CORRELATION_ID.fullmatch(correlation_id) else ""


def alike(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that somebody who wrote `name` may have meant: userId for user_id, capcity for capacity."""
    from difflib import get_close_matches  # noqa: PLC0415  for mistakes only: a cold start need not wait for it

    known = {_bare(one): one for one in known}
    found = get_close_matches(_bare(name[:ALIKE_MAX_LENGTH]), known, n=1, cutoff=ALIKE_RATIO)
    return known[found[0]] if found else None


def _bare(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")


class Ticket(NamedTuple):  # as everything of which a batch has hundreds: a frozen dataclass is made four times slower
    """One person's claim to one coupon: what the gate hands out, the stream carries and the ledger keeps."""

    event_id: str
    user_id: str
    number: int
    applied_at_ms: int  # Redis's clock, milliseconds since the epoch


def from_ms(ms: int) -> datetime:
    """Return the UTC time of `ms` milliseconds since the epoch, exactly."""
    return _EPOCH + timedelta(milliseconds=ms)


def to_ms(when: datetime) -> int:
    """Return the milliseconds since the epoch; a naive time is UTC, as the ledger keeps it."""
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return (when - _EPOCH) // _MILLISECOND


def rfc3339(ms: int) -> str:
    """Answer RFC 3339 UTC with milliseconds, as every body and the operator's answers carry it."""
    return from_ms(ms).isoformat("T", "milliseconds")[:23] + "Z"


def turn_at_ms(event_id: str, user_id: str, opens_at_ms: int, spread_ms: int, secret: bytes) -> int:
    """Return when this person's turn is, as gate.lua computes it, which decides."""
    from hashlib import sha1  # noqa: PLC0415  only while a gate is lost

    digits = sha1(f"{secret.hex()}:{event_id}:{user_id}".encode(), usedforsecurity=False).hexdigest()[:12]
    return opens_at_ms + (int(digits, 16) % spread_ms if spread_ms else 0)


def public_turns(state: EventState, secret: bytes | None) -> dict[str, str]:
    """Return what everybody may know of the secret: a commitment to it, and itself once the event has ended."""
    from hashlib import sha256  # noqa: PLC0415  only where an event is shown

    if secret is None:
        return {}
    known = {"turn_commitment": sha256(secret).hexdigest()}
    return known | ({"turn_secret": secret.hex()} if state is EventState.ENDED else {})


def parse_time(field: str, value: object) -> int:
    """Return the milliseconds of an RFC 3339 time with an offset; raise `BadInput` naming `field` otherwise."""
    try:
        when = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        when = None
    if when is None or when.tzinfo is None:
        raise BadInput("bad_time", f"{field} must be an RFC 3339 time with an offset, such as 2030-01-01T00:00:00Z")
    ms = to_ms(when)
    if not TIME_MIN_MS <= ms <= TIME_MAX_MS:
        raise BadInput("bad_time", f"{field} must be a time of the years 1000 to 9999, in UTC")
    return ms


def backoff_ms(attempts: int, base_ms: int, cap_ms: int, chance: float) -> int:
    """Return the wait before the next attempt: exponential, capped, with full jitter above half of it.

    `attempts` counts the failed ones, from 1; `chance` is uniform in 0..1. Half of the wait is certain, so that a
    row never comes back at once; the other half is spread, so that rows that failed together do not return together.
    """
    full = min(cap_ms, base_ms * 2 ** min(attempts - 1, 30))
    return int(full / 2 + chance * full / 2)
