"""The audit's oracle: everything in memory, of one moment. What the audit in pieces finds must be what this finds."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from firstcome.gate.answers import Snapshot
from firstcome.gate.entry import REFUSED, parse_entry, ticket_of
from firstcome.ledger.events import Event
from firstcome.rules import FailedStatus, Ticket
from firstcome.stores import Stores

SHOWN = 20  # findings of one kind that the answer spells out; the figures count all
STUCK_MS = 10 * 60 * 1000  # ten runs of the schedule: the sweep should have taken it
MOVED = "the gate moved while it was read, so gate and ledger were not compared: ask again when it is quieter"
RETRY = "none: the scheduled retry mends it; see that it runs"
NOBODY_CAN = "none: a key of the ledger is missing or a clock went back; call a person"
ATTEMPTS = 3  # reads of a gate that moves meanwhile

LAWS = {
    "I1": "never more than N coupon rows",
    "I2": "never two coupons for one person, nor one ticket for two",
    "I3": "whoever was accepted has a row, a ticket on its way, a failed row that an operator sees, or their refusal",
    "I4": "every ticket has a row, is on its way, is held by a failed row, or is free",
    "I5": "tickets are numbered in the order of the applications",
    "I6": "gate and ledger give one answer to one person",
    "I7": "a gate that lost something refuses everybody, and nothing of a live gate can go by itself",
}

OF_THE_GATE = frozenset(LAWS) - {"I1", "I2"}  # the laws that the ledger alone does not decide


@dataclass(slots=True)
class Report:
    """Figures and findings, by invariant."""

    figures: dict[str, dict[str, Any]] = field(default_factory=lambda: {law: {} for law in LAWS})
    findings: list[dict[str, Any]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def find(self, invariant: str, what: str, who: object, command: str) -> None:
        """Note one inconsistency, and the action of operate that repairs it."""
        self.counts[invariant] += 1
        self.counts[what] += 1
        if self.counts[what] <= SHOWN:
            self.findings.append({"invariant": invariant, "what": what, "who": who, "command": command})


@dataclass(slots=True)
class Books:
    """What the ledger and the stream say of one event."""

    rows: dict[str, Ticket]
    failed: list[Ticket]
    refused: set[str]
    unread: list[Ticket]
    without_offset: int  # partitions whose offset expired
    delivered: list[Ticket]


def audit(stores: Stores, event: Event) -> dict[str, Any]:
    """Check one event; `ok` is whether every law holds, `quiet` whether nothing is on its way any more.

    A gate that moves while it is read is read again. One that never stops moving is not compared (`stable` false):
    then `ok` is None, "not known", unless what could be checked is wrong already.
    Raises `Unavailable` where one of the three cannot be read.
    """
    seen, books, stable = _read(stores, event)
    report = Report()
    _ledger_alone(report, stores, event, books)
    _stream(report, books)
    if seen is None and stores.ledger.is_gated(event.event_id):
        report.find("I7", "the gate is lost: applications are refused", event.event_id, "restore")
    elif seen is not None and stable:
        _gate(report, event, seen, books)
        _expiry(report, stores, event)
    pending = len(seen.pending) if seen else 0
    waiting = stores.ledger.count_failed(event.event_id)
    unknown = frozenset() if stable else OF_THE_GATE
    laws = {
        law: {"ok": _holds(report.counts[law], known=law not in unknown), "law": text, "figures": report.figures[law]}
        for law, text in LAWS.items()
    }
    return {
        "event_id": event.event_id,
        "ok": _holds(len(report.findings), known=stable),
        "quiet": not (pending or books.unread or waiting.get(FailedStatus.WAITING, 0)),
        "stable": stable,
        **({} if stable else {"note": MOVED}),
        "invariants": laws,
        "findings": report.findings,
    }


def _holds(found: int, *, known: bool) -> bool | None:
    return False if found else True if known else None


def _read(stores: Stores, event: Event) -> tuple[Snapshot | None, Books, bool]:
    attempt = 0
    while True:
        attempt += 1
        # The gate first: what it has settled by now must be a row, whenever the rows are read.
        seen = stores.gate.read_all(event.event_id)
        books = _books(stores, event)
        after = stores.gate.show(event.event_id)
        stable = (seen and seen.view.write_seq) == (after and after.write_seq)
        if stable or attempt == ATTEMPTS:
            return seen, books, stable


def _books(stores: Stores, event: Event) -> Books:
    event_id = event.event_id
    history = stores.reader.history(event_id, stores.settings.kafka_unread_timeout_ms)
    return Books(
        unread=stores.reader.unread(event_id, stores.settings.kafka_unread_timeout_ms),
        without_offset=len(stores.reader.backlog().without_offset),
        # Older ones are of an event of the same name that was wiped.
        delivered=[record for record in history if record.applied_at_ms >= event.created_at_ms],
        failed=stores.ledger.open_failed(event_id),
        refused=set(stores.ledger.refusals(event_id)),
        rows={row.user_id: row for row in stores.ledger.coupons(event_id)},
    )


def _ledger_alone(report: Report, stores: Stores, event: Event, books: Books) -> None:
    counts = stores.ledger.audit_counts(event.event_id)
    bounds = {"lowest": counts.low, "highest": counts.high}
    report.figures["I1"] = {"capacity": event.capacity, "rows": counts.rows, **bounds}
    if counts.rows > event.capacity:
        report.find("I1", "more rows than coupons", counts.rows - event.capacity, NOBODY_CAN)
    if counts.rows and not 1 <= counts.low <= counts.high <= event.capacity:
        report.find("I1", "a ticket outside 1..N has a row", [counts.low, counts.high], NOBODY_CAN)
    report.figures["I2"] = {"rows": counts.rows, "people": counts.people, "tickets": counts.tickets}
    if not counts.rows == counts.people == counts.tickets:
        report.find("I2", "a person or a ticket has two rows", event.event_id, NOBODY_CAN)
    dead = stores.ledger.count_failed(event.event_id).get(FailedStatus.DEAD, 0)
    report.figures["I3"] = {"rows": counts.rows, "dead": dead, "refused": len(books.refused)}
    for row in stores.ledger.list_failed(event.event_id, FailedStatus.DEAD, SHOWN, cut_at=0):
        who = {"id": row.id, "user_id": row.user_id, "reason": row.reason}
        report.find("I3", "a dead failed row", who, "redrive or refuse")
    for user_id in sorted(books.refused & set(books.rows)):
        report.find("I6", "refused, and has a row", user_id, NOBODY_CAN)
    _order(report, books)


def _order(report: Report, books: Books) -> None:
    """Count the rows whose application is later than that of a higher ticket."""
    earliest, late = None, 0
    for row in sorted(books.rows.values(), key=lambda one: -one.number):
        if earliest is not None and row.applied_at_ms > earliest:
            late += 1
        earliest = row.applied_at_ms if earliest is None else min(earliest, row.applied_at_ms)
    report.figures["I5"] = {"rows": len(books.rows), "out_of_order": late}


def _stream(report: Report, books: Books) -> None:
    """Every record that the broker ever took must have come to something."""
    unread = {(one.user_id, one.number) for one in books.unread}
    failed = {one.user_id for one in books.failed}
    delivered = {(one.user_id, one.number) for one in books.delivered}
    lost = sorted(
        user_id
        for user_id, ticket in delivered - unread
        if user_id not in books.rows and user_id not in failed and user_id not in books.refused
    )
    report.figures["I3"] |= {"delivered": len(delivered), "unread": len(unread), "lost": len(lost)}
    report.figures["I3"]["partitions_without_offset"] = books.without_offset
    for user_id in lost:
        report.find("I3", "a delivered record has come to nothing", user_id, "reconcile")


def _gate(report: Report, event: Event, seen: Snapshot, books: Books) -> None:
    _people(report, seen, books)
    _numbers(report, seen, books)
    _stuck(report, seen, books)
    view = seen.view
    late = report.figures["I5"]["out_of_order"]
    # Who was given their number once more, later: a failover forgot the first time, of which the row tells.
    given = [(row, parse_entry(seen.applied.get(row.user_id, ""))) for row in books.rows.values()]
    again = sum(held is not None and row.applied_at_ms < held[1] for row, held in given)
    report.figures["I5"] |= {"reissued": view.reissued, "learned": view.learned, "given_again": again}
    # A gate that was rebuilt, or that forgot somebody, has handed out numbers below the highest: that is not promised.
    whole = view.restore_epoch == 1 and not view.learned and not again
    if late > view.reissued and whole and not books.failed:
        report.find("I5", "tickets out of order that were never given back", late - view.reissued, NOBODY_CAN)
    if view.config_version != event.config_version:
        report.find("I6", "the gate has not heard of the ledger's newest version", view.config_version, RETRY)


def _people(report: Report, seen: Snapshot, books: Books) -> None:
    """Gate and ledger, person by person."""
    failed = {one.user_id for one in books.failed}
    for user_id, held in seen.applied.items():
        ticket = ticket_of(held)
        row = books.rows.get(user_id)
        if row is not None and row.number != ticket:
            report.find("I6", "gate and ledger name different tickets", user_id, "reconcile")
        elif (held == REFUSED) != (user_id in books.refused):
            command = "refuse" if held == REFUSED else "reconcile"
            report.find("I6", "refused in one of gate and ledger", user_id, command)
        elif ticket is not None and row is None and user_id not in seen.pending and user_id not in failed:
            report.find("I3", "a winner without row, mark or failed row", user_id, "reconcile")
    for user_id in sorted(set(books.rows) - set(seen.applied)):
        report.find("I6", "a row that the gate does not know", user_id, "reconcile")
    for user_id in sorted(books.refused - set(seen.applied)):
        report.find("I6", "refused in one of gate and ledger", user_id, "reconcile")
    for user_id in sorted(set(seen.pending) - set(seen.applied)):
        report.find("I4", "a pending mark without a ticket", user_id, "reconcile")
    winners = sum(held != REFUSED for held in seen.applied.values())
    report.figures["I6"] = {"winners_in_gate": winners, "rows": len(books.rows)}


def _numbers(report: Report, seen: Snapshot, books: Books) -> None:
    """Every number that was handed out has one owner, or is free."""
    owners = Counter(row.number for row in books.rows.values())
    owners.update(
        ticket
        for user_id, held in seen.applied.items()
        if user_id not in books.rows and (ticket := ticket_of(held)) is not None
    )
    for ticket, people in sorted(owners.items()):
        if people > 1:
            report.find("I4", "a ticket that two people hold", ticket, RETRY)
    owned = {one.number for one in books.failed}
    handed_out = range(1, seen.view.coupon_count + 1)
    nobody = [n for n in handed_out if n not in owners and n not in owned and n not in seen.released]
    for number in nobody:
        report.find("I4", "a ticket that nobody owns", number, "reconcile")
    for number in sorted(seen.released & set(owners)):
        report.find("I4", "a free ticket that somebody has", number, "reconcile")
    report.figures["I4"] |= {
        "handed_out": len(handed_out),
        "rows": len(books.rows),
        "pending": len(seen.pending),
        "free": len(seen.released),
        "held_by_failed_rows": len(owned),
        "nobody": len(nobody),
    }


def _stuck(report: Report, seen: Snapshot, books: Books) -> None:
    """A mark that a row or a failed row has made needless, or that is far older than the sweep would leave it."""
    unread = {one.user_id for one in books.unread}
    oldest = seen.view.oldest_pending_ms
    report.figures["I4"]["oldest_pending_age_ms"] = 0 if oldest is None else seen.view.now_ms - oldest
    for user_id, at_ms in seen.pending.items():
        if user_id not in unread and seen.view.now_ms - at_ms > STUCK_MS:
            report.find("I4", "a ticket stuck on its way", user_id, RETRY)


def _expiry(report: Report, stores: Stores, event: Event) -> None:
    expiring = stores.gate.times_to_live(event.event_id)
    report.figures["I7"] = {"gate_lost": False, "keys_that_expire": len(expiring)}
    for key in expiring if event.ended_at_ms is None else ():
        report.find("I7", "a key of a live gate expires", key, "restore, once it is gone")
