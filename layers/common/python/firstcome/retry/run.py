"""The scheduled retry: everything that finishes what died elsewhere, within the time that is left.

Each unit of work may run twice, and two retries at the same time. A server that is away stops what needs it, and
nothing else; the next run goes on.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from firstcome.gate.answers import ConfigureOutcome, ExpireOutcome, ReleaseOutcome
from firstcome.issue import release_refused
from firstcome.ledger.events import Event
from firstcome.retry.operations import deadline, work_off
from firstcome.retry.reconcile import Reconciled, failed_over, reconcile
from firstcome.retry.redrive import redrive
from firstcome.retry.restore import Restored, restore
from firstcome.retry.sweep import backlog, bounds, sweep
from firstcome.rules import EventState, FailedStatus, Unavailable, Unsuitable
from firstcome.runtime.telemetry import count, logger, measure
from firstcome.stores import Stores
from firstcome.stream.reader import Backlog

# What a run counts, and what it finds: metrics of every run, zeros included, so that an alarm on them has data.
COUNTED = ("swept", "restored", "released", "reconciled")
# In the answer.
DONE = ("swept", "configured", "restored", "released", "reconciled", "reconcile_later", "expiring", "operations")
# How often to look whether a lost gate may be restored, while there is nothing else to do.
WAIT_STEP_S = 0.5


def run(stores: Stores, remaining_ms: Callable[[], int]) -> dict[str, Any]:
    """Do one run, and answer counts of each kind of work.

    Raises `RuntimeError` at the end of the run where a unit of work failed by a fault of ours, or for a setting of a
    server's: an alarm shall ring.
    `remaining_ms` tells how long the function may still run; no unit of work is started when less is left than
    `retry_reserve_ms`, and `stopped` says so.
    """
    this = Run(stores, remaining_ms)
    events: list[Event] = []
    with this.unit("events"):
        events = stores.ledger.gated_events(stores.settings.retention_days)
    known = not this.unavailable and not this.broken
    for event in this.in_time(events):
        this.counts["looked"] += 1
        with this.unit("gate"):
            this.mend(event)
    unread = backlog(stores.reader)
    overdue = bounds(unread, stores.settings)
    for event in this.in_time(events):
        with this.unit("sweep"):
            this.sweep(event, overdue)
        with this.unit("expire"):
            this.expire(event)
    with this.unit("redrive"):
        this.redrive()
    while this.lost and not this.stop():
        time.sleep(WAIT_STEP_S)  # restore waits until the records in flight have arrived
        lost, this.lost = this.lost, []
        for event in lost:
            with this.unit("restore"):
                this.mend(event)
    known = known and this.counts["looked"] == len(events)
    gauges = {**_behind(unread), **_waiting(events if known else None, this)}
    with this.unit("failed rows"):
        gauges |= {f"{status}_rows": rows for status, rows in stores.ledger.count_open().items()}
    with this.unit("operations"):
        # Last, because the promise needs none of them.
        over = deadline(stores.settings.operation_run_ms)
        this.counts["operations"] += work_off(stores, lambda: this.stop() or over())
    done: dict[str, Any] = {
        "redriven": {outcome: this.redriven[outcome] for outcome in FailedStatus},
        **{name: this.counts[name] for name in DONE},
        **gauges,
        **_without_offset(unread),
        "unavailable": this.unavailable,
        "stopped": this.stop(),
    }
    for name in COUNTED:
        count(name, this.counts[name])
    for each in FailedStatus:
        count(f"redriven_{each}", this.redriven[each])
    for name, value in gauges.items():
        measure(name, value)
    if this.broken:
        raise RuntimeError(f"the rest of the run is done, but for {'; '.join(this.broken)}")
    count("runs")
    return done


@dataclass(slots=True)
class Run:
    """One run: the time that is left, what was done and found, and which units of work met trouble."""

    stores: Stores
    remaining_ms: Callable[[], int]
    counts: Counter[str] = field(default_factory=Counter)
    redriven: Counter[FailedStatus] = field(default_factory=Counter)
    lost: list[Event] = field(default_factory=list)  # their gates wait for the records in flight
    refusing: set[str] = field(default_factory=set)  # events whose applications are refused
    unavailable: list[str] = field(default_factory=list)  # units that a server put off
    broken: list[str] = field(default_factory=list)  # units that need somebody: an alarm shall ring

    def stop(self) -> bool:
        """Say whether too little time is left for another unit of work."""
        return self.remaining_ms() < self.stores.settings.retry_reserve_ms

    def in_time(self, events: Iterable[Event]) -> Iterator[Event]:
        """Return the events, as long as there is time for another."""
        for event in events:
            if self.stop():
                return
            yield event

    @contextmanager
    def unit(self, what: str) -> Iterator[None]:
        """Do one unit of work: its trouble is logged and noted, and the next unit goes on."""
        try:
            yield
        except Unavailable as trouble:
            logger.warning("unit of work put off", extra={"work": what, "cause": str(trouble)})
            # A setting does not mend itself: an alarm shall ring for it. Its words are ours, and name nobody.
            if isinstance(trouble, Unsuitable):
                _note(self.broken, f"{what}: {trouble}")
            else:
                _note(self.unavailable, f"{what}: {trouble.what}")
        except Exception as error:  # noqa: BLE001
            # A fault of ours, or a key that somebody garbled: the other events must not wait for it.
            logger.exception("unit of work failed", extra={"work": what})
            # Its type alone: this goes into a dead letter, and its words, which the log has, may name somebody.
            _note(self.broken, f"{what}: {type(error).__name__}")

    def mend(self, event: Event) -> None:
        """Bring one gate back to what the ledger says: restored, told of versions and refusals, reconciled."""
        ledger, gate = self.stores.ledger, self.stores.gate
        self.refusing.add(event.event_id)
        restored = restore(self.stores, event)
        if restored is Restored.WAITING:
            self.lost.append(event)
        if restored is Restored.RESTORED:
            self.counts["restored"] += 1
            self.refusing.discard(event.event_id)
            logger.info("restored", extra={"event_id": event.event_id})
        view = gate.show(event.event_id) if restored is Restored.ALIVE else None
        if view is None:
            return
        self.refusing.discard(event.event_id)
        self.counts["gates"] += 1
        if view.oldest_pending_ms is not None:
            age_ms = view.now_ms - view.oldest_pending_ms
            self.counts["oldest_pending_age_ms"] = max(self.counts["oldest_pending_age_ms"], age_ms)
        if view.config_version < event.config_version:
            said = gate.configure(event.event_id, event.config_version, event.gate_fields)
            self.counts["configured"] += said is ConfigureOutcome.UPDATED
        # Whoever refused somebody died before the gate heard of it, or Redis was away: nobody else meets the ticket.
        for user_id in gate.not_refused(event.event_id, ledger.refusals(event.event_id)):
            released = release_refused(ledger, gate, event.event_id, user_id)
            self.counts["released"] += released is ReleaseOutcome.RELEASED
        if failed_over(gate, view, event.event_id):
            outcome, repairs = reconcile(self.stores, event.event_id)
            self.counts["reconciled" if outcome is Reconciled.RECONCILED else "reconcile_later"] += 1
            logger.info("reconciled", extra={"event_id": event.event_id, "outcome": outcome, "repairs": len(repairs)})

    def sweep(self, event: Event, overdue: tuple[int, int]) -> None:
        """Issue the event's overdue tickets, as long as there is time."""
        for swept in sweep(self.stores, event.event_id, overdue, stop=self.stop):
            self.counts["swept"] += swept

    def expire(self, event: Event) -> None:
        """Let the gate of an event that has ended go, once it is settled."""
        if event.state is EventState.ENDED and event.ended_at_ms is not None:
            at_ms = event.ended_at_ms + self.stores.settings.retention_ms
            self.counts["expiring"] += self.stores.gate.expire(event.event_id, at_ms) is ExpireOutcome.EXPIRING

    def redrive(self) -> None:
        """Work off the failed rows that are due; where a gate waits to be restored, in half of the time left."""
        reserve_ms = self.stores.settings.retry_reserve_ms
        halfway_ms = (self.remaining_ms() + reserve_ms) // 2 if self.lost else reserve_ms
        enough: Callable[[], bool] = lambda: self.stop() or self.remaining_ms() < halfway_ms  # noqa: E731
        self.redriven.update(redrive(self.stores.ledger, self.stores.gate, self.stores.settings, enough))


def _note(known: list[str], what: str) -> None:
    """Note it once for all events: with thousands of them the answer would be too long for Lambda."""
    if what not in known:
        known.append(what)


# --- gauges: what cannot be known is left out, because a zero that was guessed would silence an alarm ----------------


def _behind(unread: Backlog | None) -> dict[str, int]:
    """Return how far behind consume is."""
    if unread is None:
        return {}
    now_ms = time.time_ns() // 1_000_000
    age_ms = 0 if unread.oldest_ms is None else max(0, now_ms - unread.oldest_ms)
    return {"unread_records": unread.records, "oldest_unread_age_ms": age_ms}


def _without_offset(unread: Backlog | None) -> dict[str, int]:
    """Return in how many partitions the group's offset expired, and warn: on AWS its mapping is disabled."""
    partitions = unread.without_offset if unread else ()
    if partitions:
        logger.warning("no committed offset", extra={"partitions": partitions})
    return {"partitions_without_offset": len(partitions)} if unread else {}


def _waiting(events: list[Event] | None, this: Run) -> dict[str, int]:
    """Return how many events refuse everybody, and how old the oldest pending ticket is, as the run found them."""
    if events is None:
        return {}
    found = {"lost_gates": len(this.refusing)}
    if this.counts["gates"] or not events:
        found["oldest_pending_age_ms"] = this.counts["oldest_pending_age_ms"]
    return found
