"""The scheduled retry: everything that finishes what died elsewhere, within the time that is left.

Each unit of work may run twice, and two retries at the same time. A server that is away stops what needs it, and
nothing else; the next run goes on.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from firstcome.gate.answers import ConfigureOutcome, ExpireOutcome, ReleaseOutcome
from firstcome.issue import release_refused
from firstcome.retry.reconcile import Reconciled, failed_over, reconcile
from firstcome.retry.redrive import Redriven, redrive
from firstcome.retry.restore import Restored, restore
from firstcome.retry.sweep import backlog, bounds, sweep
from firstcome.rules import EventState, Unavailable, Unsuitable
from firstcome.runtime.telemetry import count, logger, measure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from firstcome.ledger.events import Event
    from firstcome.stores import Stores
    from firstcome.stream.reader import Backlog

# What a run counts, and what it finds: metrics of every run, zeros included, so that an alarm on them has data.
COUNTED = ("swept", "restored", "released", "reconciled")
# How often to look whether a lost gate may be restored, while there is nothing else to do.
WAIT_STEP_S = 0.5


def run(stores: Stores, remaining_ms: Callable[[], int]) -> dict[str, Any]:
    """Do one run, and answer counts of each kind of work.

    Raises `RuntimeError` at the end of the run where a unit of work failed by a fault of ours, or for a setting of a
    server's: an alarm shall ring.
    `remaining_ms` tells how long the function may still run; no unit of work is started when less is left than
    `retry_reserve_ms`, and `stopped` says so.
    """
    settings = stores.settings
    counts: Counter[str] = Counter()
    unavailable: list[str] = []
    broken: list[str] = []

    def stop() -> bool:
        return remaining_ms() < settings.retry_reserve_ms

    def trying(what: str, work: Callable[[], object]) -> None:
        try:
            work()
        except Unavailable as trouble:
            logger.warning("unit of work put off", extra={"work": what, "cause": str(trouble)})
            # A setting does not mend itself: an alarm shall ring for it. Its words are ours, and name nobody.
            unsuitable = isinstance(trouble, Unsuitable)
            _note(broken if unsuitable else unavailable, f"{what}: {trouble if unsuitable else trouble.what}")
        except Exception as error:  # noqa: BLE001
            # A fault of ours, or a key that somebody garbled: the other events must not wait for it.
            logger.exception("unit of work failed", extra={"work": what})
            # Its type alone: this goes into a dead letter, and its words, which the log has, may name somebody.
            _note(broken, f"{what}: {type(error).__name__}")

    events: list[Event] = []
    trying("events", lambda: events.extend(stores.ledger.gated_events(settings.retention_days)))
    known = not unavailable and not broken
    lost: list[Event] = []  # their gates wait for the records in flight
    refusing: set[str] = set()  # applications are refused there
    for event in _until(stop, events):
        counts["looked"] += 1
        trying("gate", lambda event=event: _mend(stores, event, lost, refusing, counts))  # type: ignore[misc]
    unread = backlog(stores.reader)
    overdue = bounds(unread, settings)
    for event in _until(stop, events):
        trying("sweep", lambda event=event: _sweep(stores, event, overdue, counts, stop))  # type: ignore[misc]
        trying("expire", lambda event=event: _expire(stores, event, counts))  # type: ignore[misc]
    # After the sweep, and not longer than half of the time where a gate waits: there may be more failed rows than time.
    halfway_ms = (remaining_ms() + settings.retry_reserve_ms) // 2 if lost else settings.retry_reserve_ms
    redriven: Counter[Redriven] = Counter()
    enough: Callable[[], bool] = lambda: stop() or remaining_ms() < halfway_ms  # noqa: E731
    trying("redrive", lambda: redriven.update(redrive(stores.ledger, stores.gate, settings, enough)))
    while lost and not stop():
        time.sleep(WAIT_STEP_S)  # restore waits until the records in flight have arrived
        for event in list(lost):
            lost.remove(event)
            trying("restore", lambda event=event: _mend(stores, event, lost, refusing, counts))  # type: ignore[misc]
    known = known and counts["looked"] == len(events)
    gauges = {**_behind(unread), **_waiting(events if known else None, refusing, counts)}
    trying("failed rows", lambda: gauges.update(_open_rows(stores)))
    done: dict[str, Any] = {
        "redriven": {outcome: redriven[outcome] for outcome in Redriven},
        "swept": counts["swept"],
        "configured": counts["configured"],
        "restored": counts["restored"],
        "released": counts["released"],
        "reconciled": counts["reconciled"],
        "reconcile_later": counts["reconcile_later"],
        "expiring": counts["expiring"],
        **gauges,
        **_without_offset(unread),
        "unavailable": unavailable,
        "stopped": stop(),
    }
    _report({name: done[name] for name in COUNTED} | {f"redriven_{each}": redriven[each] for each in Redriven}, gauges)
    if broken:
        raise RuntimeError(f"the rest of the run is done, but for {'; '.join(broken)}")
    count("runs")
    return done


def _note(known: list[str], what: str) -> None:
    """Note it once for all events: with thousands of them the answer would be too long for Lambda."""
    if what not in known:
        known.append(what)


def _until(stop: Callable[[], bool], events: list[Event]) -> Iterator[Event]:
    for event in events:
        if stop():
            return
        yield event


def _mend(stores: Stores, event: Event, lost: list[Event], refusing: set[str], counts: Counter[str]) -> None:
    """Bring one gate back to what the ledger says: restored, told of versions and refusals, reconciled."""
    ledger, gate, reader, settings = stores.ledger, stores.gate, stores.reader, stores.settings
    refusing.add(event.event_id)
    restored = restore(ledger, gate, reader, settings, event)
    if restored is Restored.WAITING:
        lost.append(event)
    if restored is Restored.RESTORED:
        counts["restored"] += 1
        refusing.discard(event.event_id)
        logger.info("restored", extra={"event_id": event.event_id})
    view = gate.show(event.event_id) if restored is Restored.ALIVE else None
    if view is None:
        return
    refusing.discard(event.event_id)
    counts["gates"] += 1
    if view.oldest_pending_ms is not None:
        age_ms = view.now_ms - view.oldest_pending_ms
        counts["oldest_pending_age_ms"] = max(counts["oldest_pending_age_ms"], age_ms)
    if view.config_version < event.config_version:
        said = gate.configure(event.event_id, event.config_version, event.gate_fields)
        counts["configured"] += said is ConfigureOutcome.UPDATED
    # Whoever refused somebody died before the gate heard of it, or Redis was away: nobody else would meet that ticket.
    for user_id in gate.not_refused(event.event_id, ledger.refusals(event.event_id)):
        counts["released"] += release_refused(ledger, gate, event.event_id, user_id) is ReleaseOutcome.RELEASED
    if failed_over(gate, view, event.event_id):
        word, repairs = reconcile(ledger, gate, reader, settings, event.event_id)
        counts["reconciled" if word is Reconciled.RECONCILED else "reconcile_later"] += 1
        logger.info("reconciled", extra={"event_id": event.event_id, "outcome": word, "repairs": len(repairs)})


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


def _waiting(events: list[Event] | None, refusing: set[str], counts: Counter[str]) -> dict[str, int]:
    """Return how many events refuse everybody, and how old the oldest pending ticket is, as the run found them."""
    if events is None:
        return {}
    found = {"lost_gates": len(refusing)}
    if counts["gates"] or not events:
        found["oldest_pending_age_ms"] = counts["oldest_pending_age_ms"]
    return found


def _open_rows(stores: Stores) -> dict[str, int]:
    return {f"{status}_rows": rows for status, rows in stores.ledger.count_open().items()}


def _report(counts: dict[str, int], gauges: dict[str, int]) -> None:
    for name, value in counts.items():
        count(name, value)
    for name, value in gauges.items():
        measure(name, value)


# --- units of work ---------------------------------------------------------------------------------------------------


def _sweep(
    stores: Stores, event: Event, bounds: tuple[int, int], counts: Counter[str], stop: Callable[[], bool]
) -> None:
    for swept in sweep(stores.ledger, stores.gate, stores.settings, event.event_id, bounds, stop=stop):
        counts["swept"] += swept


def _expire(stores: Stores, event: Event, counts: Counter[str]) -> None:
    if event.state is EventState.ENDED and event.ended_at_ms is not None:
        at_ms = event.ended_at_ms + stores.settings.retention_ms
        counts["expiring"] += stores.gate.expire(event.event_id, at_ms) is ExpireOutcome.EXPIRING
