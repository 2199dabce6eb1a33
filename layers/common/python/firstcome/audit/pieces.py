"""An audit in pieces: each may be repeated, and between two of them everything that is known is a few KB of JSON."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from firstcome.audit import numbers
from firstcome.audit.codes import missing
from firstcome.audit.people import (
    GateLost,
    check,
    held,
    in_gate,
    in_ledger,
    in_pending,
    in_refusals,
    look,
    refused_with_row,
    unanswered,
)
from firstcome.audit.report import NOBODY_CAN, RETRY, SHOWN, Report
from firstcome.gate.entry import REFUSED, parse_entry
from firstcome.ledger.events import Event
from firstcome.ledger.failed_events import TICKET_MAX
from firstcome.rules import FailedStatus
from firstcome.stores import Stores
from firstcome.stream.reader import Part

STUCK_MS = 10 * 60 * 1000  # ten runs of the schedule: the sweep should have taken it
# People whose tickets may be stuck, the oldest first: more names would not fit into the row. Those behind them are as
# old, and a later audit comes to them.
OVERDUE = 100


@dataclass(slots=True)
class Progress:
    """How far an audit has come."""

    stage: str = "begin"
    cursor: Any = None  # the stage's own; None: it begins
    gate: list[Any] | None = None  # write_seq, restore_epoch and replid at the beginning; None: it was lost
    lost: bool = False  # there is no gate to compare, or none any more
    handed_out: int = 0  # the highest number at the beginning
    parts: list[Part] = field(default_factory=list)  # of the stream, that are left to be read
    overdue: list[str] = field(default_factory=list)  # people whose tickets may be stuck
    seen: Counter[str] = field(default_factory=Counter)
    report: Report = field(default_factory=Report)

    def dump(self) -> str:
        """Return it as text."""
        said = {name: getattr(self, name) for name in self.__slots__}
        report = {name: getattr(self.report, name) for name in Report.__slots__}
        return json.dumps(said | {"report": report})

    @classmethod
    def load(cls, text: str) -> "Progress":
        """Return what `dump` has written."""
        said = json.loads(text)
        report = said["report"]
        return cls(
            **said
            | {
                "parts": [Part(*part) for part in said["parts"]],
                "seen": Counter(said["seen"]),
                "report": Report(report["figures"], report["findings"], Counter(report["counts"])),
            }
        )


def audit(stores: Stores, event: Event) -> dict[str, Any]:
    """Check one event from beginning to end; see `piece`."""
    progress = Progress()
    while (answer := piece(stores, event, progress)) is None:
        pass
    return answer


def piece(stores: Stores, event: Event, this: Progress) -> dict[str, Any] | None:
    """Do one piece; return the answer after the last, None before it. A piece that raises has changed nothing.

    `ok` of the answer is whether every law holds, `quiet` whether nothing is on its way any more, `stable` whether the
    gate stood still. Raises `Unavailable` where one of the three servers cannot be read.
    """
    stage = STAGES[this.stage]
    mine = Progress.load(this.dump())
    try:
        cursor = stage(stores, event, mine)
    except GateLost:
        this.lost = True
        if this.stage not in OF_A_LIVE_GATE:
            return None  # the same again, of the ledger alone
        mine, cursor = this, None
    answer = None
    if cursor is None and this.stage == LAST:
        answer = _answer(stores, event, mine)
    elif cursor is None:
        following = NAMES[NAMES.index(this.stage) + 1 :]
        mine.stage = next(name for name in following if not (mine.lost and name in OF_A_LIVE_GATE))
    mine.cursor = cursor
    for name in Progress.__slots__:
        setattr(this, name, getattr(mine, name))
    return answer


def _begin(stores: Stores, event: Event, this: Progress) -> None:
    """Fix what will be read: the parts of the stream, and the numbers."""
    this.parts = stores.reader.parts()
    view = stores.gate.show(event.event_id)
    counts = stores.ledger.audit_counts(event.event_id)
    bounds = {"lowest": counts.low, "highest": counts.high}
    report = this.report
    report.figures["I1"] = {"capacity": event.capacity, "rows": counts.rows, **bounds}
    if counts.rows > event.capacity:
        report.find("I1", "more rows than coupons", counts.rows - event.capacity, NOBODY_CAN)
    if counts.rows and not 1 <= counts.low <= counts.high <= event.capacity:
        report.find("I1", "a ticket outside 1..N has a row", [counts.low, counts.high], NOBODY_CAN)
    report.figures["I2"] = {"rows": counts.rows, "people": counts.people, "tickets": counts.tickets}
    if not counts.rows == counts.people == counts.tickets:
        report.find("I2", "a person or a ticket has two rows", event.event_id, NOBODY_CAN)
    this.lost = view is None
    if view is not None:
        this.gate = [view.write_seq, view.restore_epoch, view.replid]
        this.handed_out = view.coupon_count
        this.overdue = stores.gate.pending_before(event.event_id, view.now_ms - STUCK_MS, OVERDUE)


def _applied(stores: Stores, event: Event, this: Progress) -> int | None:
    """Compare everybody whom the gate knows with the ledger."""
    cursor, page = _scanned(stores, stores.gate.applied_page, event, this)
    found = check(stores, this.report, event.event_id, page, in_gate)
    this.seen["winners"] += sum(one.held.entry not in {"", REFUSED} for one in found)
    return cursor or None


def _pending(stores: Stores, event: Event, this: Progress) -> int | None:
    """Look for marks of people who have no ticket."""
    cursor, page = _scanned(stores, stores.gate.pending_page, event, this)
    alone = [user_id for user_id, one in zip(page, held(stores, event.event_id, page), strict=True) if not one.entry]
    check(stores, this.report, event.event_id, alone, in_pending)
    this.seen["pending"] += len(page)
    return cursor or None


def _scanned(
    stores: Stores, scan: Callable[[str, int], tuple[int, list[str]]], event: Event, this: Progress
) -> tuple[int, list[str]]:
    """Return the next cursor (0: that was all), and the people of one piece of a scan."""
    cursor, people = scan(event.event_id, this.cursor or 0)
    while cursor and len(people) < stores.settings.audit_piece:
        cursor, more = scan(event.event_id, cursor)
        people += more
    return cursor, people


def _rows(stores: Stores, event: Event, this: Progress) -> list[int | None] | None:
    """Compare a page of rows with the gate, from the highest ticket down, and count those that are out of order."""
    below, earliest = this.cursor or (TICKET_MAX, None)
    page = stores.ledger.coupons_below(event.event_id, below, stores.settings.audit_piece)
    for row in page:
        this.seen["late"] += earliest is not None and row.applied_at_ms > earliest
        earliest = row.applied_at_ms if earliest is None else min(earliest, row.applied_at_ms)
    this.seen["rows"] += len(page)
    if not this.lost:
        people = [row.user_id for row in page]
        entries = [one.entry for one in held(stores, event.event_id, people)]
        forgotten = [user_id for user_id, entry in zip(people, entries, strict=True) if not entry]
        check(stores, this.report, event.event_id, forgotten, in_ledger)
        # Who was given their number once more, later: a failover forgot the first time, of which the row tells.
        given = [(row, parse_entry(entry)) for row, entry in zip(page, entries, strict=True)]
        this.seen["again"] += sum(one is not None and row.applied_at_ms < one[1] for row, one in given)
    return [page[-1].number, earliest] if len(page) == stores.settings.audit_piece else None


def _refusals(stores: Stores, event: Event, this: Progress) -> str | None:
    """Compare a page of refusals with the rows, and with the gate."""
    piece = stores.settings.audit_piece
    page = stores.ledger.refusals_after(event.event_id, this.cursor or "", piece)
    for finding in refused_with_row(stores, event.event_id, page):
        this.report.find(*finding)
    this.seen["refused"] += len(page)
    if not this.lost:
        check(stores, this.report, event.event_id, page, in_refusals)
    return page[-1] if len(page) == piece else None


def _stream(stores: Stores, event: Event, this: Progress) -> int | None:
    """Follow a page of records: what the group has read must have come to something. Each is read once."""
    # Asking Kafka for a page takes connections, and most parts of a small event have nothing.
    filled = (number for number in range(this.cursor or 0, len(this.parts)) if _has_records(this.parts[number]))
    if (number := next(filled, None)) is None:
        return None
    page = stores.reader.page(event.event_id, this.parts[number], stores.settings.audit_piece)
    # Older ones are of an event of the same name that was wiped.
    read = [one for one in page.read if one.applied_at_ms >= event.created_at_ms]
    for user_id in unanswered(stores, event.event_id, (one.user_id for one in read)):
        this.report.find("I3", "a delivered record has come to nothing", user_id, "reconcile")
        this.seen["lost"] += 1
    unread = {one.user_id for one in page.unread}
    this.overdue = [user_id for user_id in this.overdue if user_id not in unread]
    this.seen["unread"] += len(page.unread)
    this.seen["delivered"] += len(read) + sum(one.applied_at_ms >= event.created_at_ms for one in page.unread)
    this.parts[number] = page.rest
    return number if _has_records(page.rest) else number + 1


def _has_records(part: Part) -> bool:
    return part.start < part.end


def _numbers(stores: Stores, event: Event, this: Progress) -> int | None:
    """Look who has the numbers of one range."""
    low = this.cursor or 1
    high = min(low + numbers.RANGE - 1, this.handed_out)
    if low > high:
        return None
    this.seen += numbers.check_range(stores, this.report, event.event_id, low, high)
    return high + 1


def _stuck(stores: Stores, event: Event, this: Progress) -> None:
    """Look again at those whose tickets were overdue, and who are in no unread record."""
    now_ms = _now_ms(stores, event)
    for one in look(stores, event.event_id, this.overdue):
        if one.held.pending_at_ms and now_ms - one.held.pending_at_ms > STUCK_MS:
            this.report.find("I4", "a ticket stuck on its way", one.user_id, RETRY)


def _now_ms(stores: Stores, event: Event) -> int:
    view = stores.gate.show(event.event_id)
    if view is None:
        raise GateLost
    return view.now_ms


def _failed(stores: Stores, event: Event, this: Progress) -> None:
    """Name the failed rows that nobody tries again."""
    for row in stores.ledger.list_failed(event.event_id, FailedStatus.DEAD, SHOWN, cut_at=0):
        who = {"id": row.id, "user_id": row.user_id, "reason": row.reason}
        this.report.find("I3", "a dead failed row", who, "redrive or refuse")


def _answer(stores: Stores, event: Event, this: Progress) -> dict[str, Any]:
    report, seen, figures = this.report, this.seen, this.report.figures
    failed = stores.ledger.count_failed(event.event_id)
    # A change is in the ledger first: the gate's version is one that the event has had meanwhile.
    oldest = stores.ledger.event(event.event_id) or event
    view = stores.gate.show(event.event_id)
    newest = stores.ledger.event(event.event_id) or event
    figures["I3"] = {
        "rows": seen["rows"],
        "dead": failed[FailedStatus.DEAD],
        "refused": seen["refused"],
        "delivered": seen["delivered"],
        "unread": seen["unread"],
        "lost": seen["lost"],
        "partitions_without_offset": sum(part.expired for part in this.parts),
    }
    figures["I5"] = {"rows": seen["rows"], "out_of_order": seen["late"]}
    if view is None and stores.ledger.is_gated(event.event_id):
        report.find("I7", "the gate is lost: applications are refused", event.event_id, "restore")
    after = view and [view.write_seq, view.restore_epoch, view.replid]
    stable = this.gate == after
    known = stable or bool(this.gate and after and this.gate[1:] == after[1:] and not this.lost)
    if view is not None and this.gate is not None and not this.lost:
        figures["I4"] = {
            "oldest_pending_age_ms": 0 if view.oldest_pending_ms is None else view.now_ms - view.oldest_pending_ms,
            "handed_out": this.handed_out,
            "rows": seen["rows"],
            "pending": seen["pending"],
            "free": seen["free"],
            "held_by_failed_rows": seen["failed"],
            "nobody": seen["nobody"],
        }
        figures["I5"] |= {"reissued": view.reissued, "learned": view.learned, "given_again": seen["again"]}
        figures["I6"] = {"winners_in_gate": seen["winners"], "rows": seen["rows"]}
        # A gate that was rebuilt, or that forgot somebody, has handed out numbers below the highest: not promised.
        whole = view.restore_epoch == 1 and not view.learned and not seen["again"]
        open_ = failed[FailedStatus.WAITING] + failed[FailedStatus.DEAD]
        if seen["late"] > view.reissued and whole and not open_:
            late = seen["late"] - view.reissued
            report.find("I5", "tickets out of order that were never given back", late, NOBODY_CAN)
        if not oldest.config_version <= view.config_version <= newest.config_version:
            report.find("I6", "the gate has not heard of the ledger's newest version", view.config_version, RETRY)
        expiring = stores.gate.times_to_live(event.event_id)
        figures["I7"] = {"gate_lost": False, "keys_that_expire": len(expiring)}
        for key in expiring if newest.ended_at_ms is None else ():
            report.find("I7", "a key of a live gate expires", key, "restore, once it is gone")
    on_its_way = (view.pending if view else 0) or seen["unread"] or failed[FailedStatus.WAITING]
    answer = report.answer(event.event_id, quiet=not on_its_way, stable=stable, known=known)
    return answer | {"codes": missing(stores, event)}


# In this order: the gate before the rows, so that what it has settled is a row; the stream before the look at those
# whose tickets may be stuck.
STAGES: dict[str, Callable[[Stores, Event, Progress], Any]] = {
    "begin": _begin,
    "applied": _applied,
    "pending": _pending,
    "rows": _rows,
    "refusals": _refusals,
    "stream": _stream,
    "numbers": _numbers,
    "stuck": _stuck,
    "failed": _failed,
}
NAMES = tuple(STAGES)
LAST = NAMES[-1]
OF_A_LIVE_GATE = frozenset({"applied", "pending", "numbers", "stuck"})
