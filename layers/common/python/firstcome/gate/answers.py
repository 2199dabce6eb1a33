"""What the scripts answer: a word of each as an enum, and what is read from the gate. An unknown word raises."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from firstcome.rules import EventState


class ApplyOutcome(StrEnum):
    """What `gate` answers to an application."""

    UNKNOWN = "UNKNOWN"
    REFUSED = "REFUSED"
    ALREADY = "ALREADY"
    NOT_OPEN = "NOT_OPEN"
    PAUSED = "PAUSED"
    CLOSED = "CLOSED"
    SOLD_OUT = "SOLD_OUT"
    ACCEPTED = "ACCEPTED"


class DeliveredOutcome(StrEnum):
    """What `delivered` answers."""

    NOTED = "NOTED"
    STALE = "STALE"  # they hold another ticket by now
    UNKNOWN = "UNKNOWN"  # the gate is lost; so it is in all that follow


class SettleOutcome(StrEnum):
    """What `settle` answers."""

    SETTLED = "SETTLED"
    UNKNOWN = "UNKNOWN"


class MarkFailedOutcome(StrEnum):
    """What `mark_failed` answers."""

    MARKED = "MARKED"
    UNKNOWN = "UNKNOWN"


class ReassignOutcome(StrEnum):
    """What `reassign` answers."""

    UNKNOWN = "UNKNOWN"
    REFUSED = "REFUSED"
    HELD = "HELD"  # another ticket than the old one is theirs already
    REASSIGNED = "REASSIGNED"
    SOLD_OUT = "SOLD_OUT"


class ReleaseOutcome(StrEnum):
    """What `release` answers."""

    RELEASED = "RELEASED"
    STALE = "STALE"  # the ticket is not theirs
    UNKNOWN = "UNKNOWN"


class ConfigureOutcome(StrEnum):
    """What `configure` answers."""

    CREATED = "CREATED"
    UPDATED = "UPDATED"
    STALE = "STALE"  # the gate knows this version or a newer one
    INCOMPLETE = "INCOMPLETE"  # the secret of the turns was gone before the script ran
    UNKNOWN = "UNKNOWN"


class ExpireOutcome(StrEnum):
    """What `expire` answers."""

    EXPIRING = "EXPIRING"
    LIVE = "LIVE"  # the event has not ended
    PENDING = "PENDING"  # a ticket waits for its row
    UNKNOWN = "UNKNOWN"


class RestoreOutcome(StrEnum):
    """What `restore` answers."""

    RESTORED = "RESTORED"
    ALIVE = "ALIVE"  # it is not lost, or was lost again since
    INCOMPLETE = "INCOMPLETE"  # the rebuilt keys lost members, or the secret was gone, before they were put in place


class ReconcileOutcome(StrEnum):
    """What `reconcile` answers."""

    RECONCILED = "RECONCILED"
    MOVED = "MOVED"  # somebody has written to the gate since it was read
    UNKNOWN = "UNKNOWN"


class Decision(NamedTuple):
    """The gate's answer to one application. Times are Redis's, in milliseconds since the epoch."""

    outcome: ApplyOutcome
    restore_epoch: int
    now_ms: int
    # Of ALREADY and ACCEPTED:
    ticket: int | None = None
    applied_at_ms: int | None = None
    pending: bool = False  # no coupon row is known to exist yet
    delivered: bool = False  # it is pending, and its record is known to be in the stream
    # Of NOT_OPEN and PAUSED:
    opens_at_ms: int = 0
    turn_at_ms: int = 0  # this person's turn; 0: nobody is told one yet
    spread_ms: int = 0
    # Of SOLD_OUT:
    sold_out_at_ms: int = 0  # when the last ticket was given; 0: not known
    remember: str = ""  # not "": it may be given again from memory, to whom this version of `winners` does not know


@dataclass(frozen=True, slots=True)
class Standing:
    """What the gate knows of one person."""

    known: bool  # False: the gate is lost, so it knows nothing of anybody
    ticket: int | None
    applied_at_ms: int | None
    pending: bool
    refused: bool


@dataclass(frozen=True, slots=True)
class EventView:
    """What the gate knows of one event."""

    name: str
    state: EventState
    capacity: int
    coupon_count: int  # the highest ticket handed out
    free: int  # tickets that came free and wait for somebody
    pending: int
    oldest_pending_ms: int | None  # applied_at of the oldest pending ticket
    opens_at_ms: int
    closes_at_ms: int
    restore_epoch: int
    config_version: int  # of the ledger's row that the gate was told last
    write_seq: int  # raised by every write
    reissued: int  # tickets that were handed out again after they had come free
    learned: int  # people whom a failover had forgotten, as the ledger told
    replid: str  # the Redis that wrote it first, or was reconciled
    now_ms: int
    timezone: str = "UTC"
    spread_ms: int = 0
    turn_secret: bytes | None = field(default=None, repr=False)  # None before the first opening, and without turns
    given_ms: int = 0  # when the last ticket was given; 0: not known

    @property
    def remaining(self) -> int:
        """How many coupons may still be given."""
        return self.capacity - self.coupon_count + self.free


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The whole gate of one event, as it was at `view.write_seq`. Entries of `applied` are text: see entry.py."""

    view: EventView
    applied: dict[str, str]
    pending: dict[str, int]
    released: set[int]


@dataclass(slots=True)
class Rebuilt:
    """What a lost gate's keys are to hold."""

    applied: dict[str, str] = field(default_factory=dict)
    pending: dict[str, int] = field(default_factory=dict)
    released: list[int] = field(default_factory=list)
    count: int = 0  # the highest ticket handed out
    given_ms: int = 0  # applied_at of the last ticket given
