"""The operator's actions: one table that function, doors, command line, its help and the documents read."""

from dataclasses import dataclass

from firstcome.operate.fields import (
    ACTOR,
    AFTER_EVENT,
    AFTER_ID,
    AFTER_SECOND,
    AFTER_TICKET,
    ALL,
    ALL_EVENTS,
    BEFORE_ID,
    CAPACITY,
    CLOSES_AT,
    CODES,
    ERASED_USER_ID,
    EVENT_ID,
    EXPECT_VERSION,
    FIRST_TICKET,
    FROM_BEGINNING,
    LIMIT,
    NAME,
    OPENS_AT,
    OPERATION_ID,
    PARTITIONS,
    REASON,
    REPLICATION,
    REQUEST_ID,
    ROW_ID,
    SINCE,
    SPREAD_MS,
    STATE,
    STATUS,
    TIMEZONE,
    UP_TO_ID,
    USER_ID,
    WINNERS_LIMIT,
    Field,
)
from firstcome.operate.who import Group


@dataclass(frozen=True, slots=True)
class Action:
    """One action. It needs all fields of one of its `forms`, and `may` have the others."""

    name: str
    about: str
    group: Group  # the least that may
    forms: tuple[tuple[Field, ...], ...]
    may: tuple[Field, ...] = ()
    changes: bool = True  # it has a row of `operation`, and takes a request_id
    versioned: bool = False  # it takes expect_version, which a token must give
    long: bool = False  # it may take longer than an HTTP API waits
    direct: bool = False  # no token may, whatever its groups
    personal: tuple[str, ...] = ()  # fields of its answer that are masked for a viewer
    secret: tuple[str, ...] = ()  # those that are masked for all but an admin

    @property
    def fields(self) -> tuple[Field, ...]:
        """Return every field, each once, in the order in which they are explained."""
        own = (field for form in self.forms for field in form)
        version = (EXPECT_VERSION,) if self.versioned else ()
        request = (REQUEST_ID,) if self.changes or self.long else ()
        return tuple(dict.fromkeys([*own, *self.may, *version, *request, ACTOR]))


_ONE_EVENT = ((EVENT_ID,),)
_PEOPLE_FOUND = ("who", "first")  # of an audit, and of a reconciliation

ACTIONS: dict[str, Action] = {
    action.name: action
    for action in (
        Action(
            "migrate",
            "Bring the ledger's schema and the topic's settings up to date; make the topic if it is missing.",
            Group.OPERATOR,
            ((),),
            may=(PARTITIONS, REPLICATION),
            long=True,
        ),
        Action(
            "create",
            "Make an event, as a draft: it gives no coupons before it is opened.",
            Group.OPERATOR,
            ((EVENT_ID, NAME, CAPACITY, OPENS_AT, CLOSES_AT),),
            may=(TIMEZONE, SPREAD_MS),
        ),
        Action("open", "Open an event: from now on its window decides.", Group.OPERATOR, _ONE_EVENT, versioned=True),
        Action("pause", "Give no coupons for now.", Group.OPERATOR, _ONE_EVENT, versioned=True),
        Action(
            "close",
            "Give no coupons any more; the event may be opened again.",
            Group.OPERATOR,
            _ONE_EVENT,
            versioned=True,
        ),
        Action("end", "End an event for good.", Group.ADMIN, _ONE_EVENT, versioned=True),
        Action(
            "raise_capacity",
            "Raise the number of coupons; it is never lowered.",
            Group.OPERATOR,
            ((EVENT_ID, CAPACITY),),
            versioned=True,
        ),
        Action(
            "edit",
            "Change a draft: whatever is given of its name, capacity, window, timezone and spread.",
            Group.OPERATOR,
            (
                (EVENT_ID, NAME),
                (EVENT_ID, CAPACITY),
                (EVENT_ID, OPENS_AT),
                (EVENT_ID, CLOSES_AT),
                (EVENT_ID, TIMEZONE),
                (EVENT_ID, SPREAD_MS),
            ),
            versioned=True,
        ),
        Action(
            "delete",
            "Delete a draft. Its id is never used again.",
            Group.OPERATOR,
            _ONE_EVENT,
            versioned=True,
        ),
        Action(
            "reschedule",
            "Let an event open or close later; its opening does not move in the last two minutes before it.",
            Group.OPERATOR,
            ((EVENT_ID, OPENS_AT), (EVENT_ID, CLOSES_AT)),
            versioned=True,
        ),
        Action(
            "list",
            "List events by id, with state, window and counts. Changes nothing.",
            Group.VIEWER,
            ((),),
            may=(STATE, LIMIT, AFTER_EVENT),
            changes=False,
        ),
        Action(
            "show",
            "Show one event as ledger, gate and stream know it. Changes nothing.",
            Group.VIEWER,
            _ONE_EVENT,
            changes=False,
        ),
        Action(
            "issued",
            "List the seconds in which coupons were issued, and how many in each. Changes nothing.",
            Group.VIEWER,
            _ONE_EVENT,
            may=(AFTER_SECOND,),
            changes=False,
        ),
        Action(
            "winners",
            "List an event's coupon rows by ticket. Changes nothing.",
            Group.ADMIN,
            _ONE_EVENT,
            may=(WINNERS_LIMIT, AFTER_TICKET),
            changes=False,
        ),
        Action(
            "lookup",
            "Show all that is known of one person of an event, and what they would be told now. Changes nothing.",
            Group.OPERATOR,
            ((EVENT_ID, USER_ID),),
            changes=False,
            secret=("code",),
        ),
        Action(
            "history",
            "List what operators asked for, the newest first, of one event or of all. Changes nothing.",
            Group.VIEWER,
            ((),),
            may=(EVENT_ID, LIMIT, BEFORE_ID),
            changes=False,
            personal=("user_id", "reason"),
        ),
        Action(
            "operation",
            "Show one operation, and what it came to; one that takes long is worked on. Changes nothing else.",
            Group.VIEWER,
            ((OPERATION_ID,),),
            changes=False,
            personal=("user_id", "reason", "detail", "kept", *_PEOPLE_FOUND),
        ),
        Action(
            "list_failed",
            "List failed rows, the oldest first, of one event or of all; or one row whole. Changes nothing.",
            Group.VIEWER,
            ((), (ROW_ID,)),
            may=(EVENT_ID, STATUS, LIMIT, AFTER_ID),
            changes=False,
            personal=("user_id", "detail", "payload", "payload_base64"),
        ),
        Action(
            "redrive",
            "Make failed rows due again, with all their attempts: one, or all of an event, or all of every event.",
            Group.OPERATOR,
            ((ROW_ID,), (ALL, EVENT_ID), (ALL_EVENTS,)),
            may=(UP_TO_ID,),
        ),
        Action(
            "refuse",
            "Refuse one person for good, and release their ticket; by name, or by a failed row.",
            Group.ADMIN,
            ((EVENT_ID, USER_ID), (ROW_ID,)),
            may=(REASON,),
        ),
        Action(
            "revoke",
            "Take one person's coupon back for good: its ticket is free again, and its code is spent.",
            Group.ADMIN,
            ((EVENT_ID, USER_ID),),
            may=(REASON,),
        ),
        Action(
            "upload_codes",
            "Give tickets their codes, line by line: all of an upload or none; repeated, it changes nothing.",
            Group.OPERATOR,
            ((EVENT_ID, CODES),),
            may=(FIRST_TICKET,),
        ),
        Action("restore", "Rebuild a lost gate now.", Group.OPERATOR, _ONE_EVENT, long=True),
        Action(
            "reconcile",
            "Compare a quiet event's gate with the ledger, and repair it.",
            Group.OPERATOR,
            _ONE_EVENT,
            long=True,
        ),
        Action(
            "audit",
            "Check the promise of one event against all three servers. Changes nothing.",
            Group.VIEWER,
            _ONE_EVENT,
            changes=False,
            long=True,
            personal=_PEOPLE_FOUND,
        ),
        Action(
            "expire",
            "Let the gate of an ended event go when its retention is over.",
            Group.OPERATOR,
            _ONE_EVENT,
        ),
        Action(
            "erase",
            "Erase one person from one event that is over, or from every such event.",
            Group.ADMIN,
            ((ERASED_USER_ID, EVENT_ID), (ERASED_USER_ID, ALL_EVENTS)),
            long=True,
        ),
        Action(
            "purge",
            "Erase everybody from one event that is over, or from every event that ended long enough ago.",
            Group.ADMIN,
            ((EVENT_ID,), (ALL_EVENTS,)),
            long=True,
        ),
        Action(
            "rewind",
            "Let the stopped event source read records once more, from a time on or from the beginning.",
            Group.ADMIN,
            ((SINCE,), (FROM_BEGINNING,)),
            direct=True,
        ),
        Action(
            "drop_gate",
            "Lose the gate of one event on purpose, so that it is rebuilt; tickets that were only reserved are free.",
            Group.ADMIN,
            _ONE_EVENT,
            direct=True,
        ),
        Action(
            "wipe",
            "Remove every trace of one event: on the local cloud only.",
            Group.ADMIN,
            _ONE_EVENT,
            direct=True,
        ),
    )
}
