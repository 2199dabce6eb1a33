"""The gate: typed calls of the scripts that decide in Redis. Each script's own header says what it promises."""

import secrets
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, cast

from redis.client import NEVER_DECODE

from firstcome.gate.answers import (
    ApplyOutcome,
    ConfigureOutcome,
    Decision,
    DeliveredOutcome,
    EventView,
    ExpireOutcome,
    MarkFailedOutcome,
    ReassignOutcome,
    Rebuilt,
    ReconcileOutcome,
    ReleaseOutcome,
    RestoreOutcome,
    SettleOutcome,
    Snapshot,
    Standing,
)
from firstcome.gate.entry import NO_CALL, REFUSED, entry_of, parse_entry
from firstcome.gate.keys import lost_key, secret_key
from firstcome.gate.pages import CHUNK, Pages
from firstcome.gate.sold_out import filter_bits
from firstcome.rules import EventState, Ticket, Unavailable

_DELIVERED = 2  # of gate.lua's `pending`
# The words with a ticket, and with a turn.
_TICKET = (ApplyOutcome.ACCEPTED, ApplyOutcome.ALREADY)
_TURN = (ApplyOutcome.NOT_OPEN, ApplyOutcome.PAUSED)
# The numbers that every event's hash has.
_NUMBERS = (
    "capacity", "coupon_count", "opens_at_ms", "closes_at_ms", "restore_epoch", "config_version", "write_seq",
)  # fmt: skip
# Of settle's: half of what Lua's stack holds would do, and larger ones gain nothing.
ROWS_AN_ARGUMENT = 1_000
# The rebuilt keys of a builder that died go by themselves; the largest gate is built in seconds.
TEMPORARY_TTL_MS = 10 * 60 * 1000
SECRET = "turn_secret"  # noqa: S105  the field of the event hash that is never an argument of a script: those stand in SLOWLOG
# Until the script takes it, one round trip later; a caller that died leaves it for so long.
SECRET_TTL_MS = 60_000


class Gate(Pages):
    """The gate of every event. Nobody else knows the names and formats of the keys.

    Each method raises `Unavailable` where Redis cannot answer or cannot write; whether the script ran is then
    unknown, and each may simply be called again.
    """

    def apply(self, event_id: str, user_id: str, call: str) -> Decision:
        """Decide one application; `call` tells this very call from another of the same person."""
        self.check_server()
        said, epoch, now, *more = self.run_kept("gate", event_id, user_id, call).split(" ")
        outcome, restore_epoch, now_ms = ApplyOutcome[said], int(epoch), int(now)
        if outcome is ApplyOutcome.SOLD_OUT:
            return Decision(outcome, restore_epoch, now_ms, sold_out_at_ms=int(more[0]), remember=more[1])
        numbers = map(int, more)
        if outcome in _TICKET:
            ticket, at, mark = numbers
            return Decision(outcome, restore_epoch, now_ms, ticket, at, bool(mark), mark == _DELIVERED)
        if outcome in _TURN:
            opens_at, turn_at, spread = numbers
            return Decision(outcome, restore_epoch, now_ms, opens_at_ms=opens_at, turn_at_ms=turn_at, spread_ms=spread)
        return Decision(outcome, restore_epoch, now_ms)

    def delivered(self, ticket: Ticket) -> bool:
        """Say that the ticket's record is in the stream; True where the gate has noted it."""
        said = self.run_kept("delivered", ticket.event_id, ticket.user_id, str(ticket.number))
        return DeliveredOutcome(said) is DeliveredOutcome.NOTED

    def winners(self, event_id: str) -> bytes:
        """Return the bitmap of `winners` as it is now; empty where there is none."""
        with self.answering():
            get: Any = self.redis.execute_command  # its own `get` decodes, as the client was told to
            return get("GET", self.keys(event_id).winners, **{NEVER_DECODE: True}) or b""

    def standing(self, event_id: str, user_id: str) -> Standing:
        """Return what the gate knows of one person."""
        known, held, pending = self.run_kept("standing", event_id, user_id)
        ticket, at = parse_entry(held) or (None, None)
        return Standing(bool(known), ticket, at, bool(pending), held == REFUSED)

    def not_refused(self, event_id: str, people: Sequence[str]) -> list[str]:
        """Return which of these people the gate does not know as refused."""
        if not people:
            return []
        with self.answering():
            held = self.redis.hmget(self.keys(event_id).applied_user, people)
        return [user_id for user_id, what in zip(people, held, strict=True) if what != REFUSED]

    def show(self, event_id: str) -> EventView | None:
        """Return the event as the gate knows it; None where the gate is lost or there is no such event."""
        answer = self.run("show", event_id, [])
        if not answer:
            return None
        now, free, pending, oldest, *rest = answer
        event = dict(zip(rest[::2], rest[1::2], strict=True))
        return EventView(
            name=event["name"],
            state=EventState(event["state"]),
            free=free,
            pending=pending,
            oldest_pending_ms=oldest or None,
            reissued=int(event.get("reissued", 0)),
            learned=int(event.get("learned", 0)),
            replid=event["replid"],
            now_ms=now,
            **{name: int(event[name]) for name in _NUMBERS},
            # An older version has made gates without these.
            timezone=event.get("timezone", "UTC"),
            spread_ms=int(event.get("spread_ms", 0)),
            turn_secret=bytes.fromhex(event.get("turn_secret", "")) or None,
            given_ms=int(event.get("given_ms", 0)),
        )

    def read_all(self, event_id: str) -> Snapshot | None:
        """Read the whole gate without blocking it; None where it is lost, or has lost a key meanwhile.

        It is read page by page, so it holds only if `write_seq` has not moved since `view`.
        """
        view = self.show(event_id)
        if view is None:
            return None
        keys, applied = self.keys(event_id), self._applied(event_id)
        with self.answering():
            pending = {user: int(at) for user, at in self.redis.zscan_iter(keys.pending, count=CHUNK)}
            released = {int(ticket) for _, ticket in self.redis.zscan_iter(keys.released, count=CHUNK)}
        after = self.show(event_id)  # it compares the sizes again
        return Snapshot(view, applied, pending, released) if after and after.replid == view.replid else None

    def survivors(self, event_id: str) -> dict[str, str]:
        """Return what a lost gate's `applied_user` holds, if it is whole: as many as were counted; {} otherwise.

        It is read page by page, so it counts only if sizes and replication id are the same before and after.
        """
        before = self._counted(event_id)
        applied = self._applied(event_id) if before else {}
        whole = before == self._counted(event_id) and before is not None and len(applied) == before[0]
        return applied if whole else {}

    def _applied(self, event_id: str) -> dict[str, str]:
        with self.answering():
            return dict(self.redis.hscan_iter(self.keys(event_id).applied_user, count=CHUNK))

    def _counted(self, event_id: str) -> tuple[int, str] | None:
        """Return how many `applied_user` must hold, and the replication id; None where nobody can tell."""
        keys = self.keys(event_id)
        with self.answering():
            sizes, write_seq = cast("list[str | None]", self.redis.hmget(keys.event, ["sizes", "write_seq"]))
            found = self.redis.hlen(keys.applied_user)
        at, counted, *_ = (sizes or "- -").removeprefix("lost ").split(" ")
        return (found, self.replid(event_id)) if at == write_seq and counted == str(found) else None

    def settle(self, event_id: str, rows: Sequence[Ticket]) -> bool:
        """Take the holders of these coupon rows off the pending set; False where the gate is lost."""
        lines = [f"{number} {applied_at_ms} {user_id}" for _, user_id, number, applied_at_ms in rows]
        args = ["\n".join(lines[start : start + ROWS_AN_ARGUMENT]) for start in range(0, len(lines), ROWS_AN_ARGUMENT)]
        return SettleOutcome(self.run("settle", event_id, args)) is SettleOutcome.SETTLED

    def mark_failed(self, event_id: str, tickets: Sequence[Ticket]) -> bool:
        """Say that failed rows have these tickets now; False where the gate is lost."""
        args = [word for ticket in tickets for word in (ticket.user_id, ticket.number)]
        return MarkFailedOutcome(self.run("mark_failed", event_id, args)) is MarkFailedOutcome.MARKED

    def reassign(self, event_id: str, user_id: str, old: int) -> tuple[ReassignOutcome, Ticket | None]:
        """Return the ticket that the person holds instead of `old`, taking a free one where they hold no other."""
        outcome, ticket, at = self.run("reassign", event_id, [user_id, old])
        return ReassignOutcome(outcome), Ticket(event_id, user_id, ticket, at) if ticket else None

    def release(self, ticket: Ticket, instead: Ticket | None, *, has_row: bool) -> ReleaseOutcome:
        """Give the ticket back, free if nobody `has_row` for it; its holder keeps the row `instead`, or is refused."""
        held = entry_of(instead, NO_CALL) if instead else REFUSED
        args = [ticket.user_id, ticket.number, held, int(has_row), self._settings.released_rest_ms]
        return ReleaseOutcome(self.run("release", ticket.event_id, args))

    def configure(
        self, event_id: str, config_version: int, event: dict[str, str | int], *, create: bool = False
    ) -> ConfigureOutcome:
        """Tell the gate what the ledger says (`event`: hash fields). `create` also makes it."""
        capacity = int(event["capacity"])
        rest = {name: value for name, value in event.items() if name not in {"capacity", SECRET}}
        if create:
            rest["replid"] = self.replid(event_id)
        what, bits = "create" if create else "update", filter_bits(capacity, self._settings)
        args = [what, config_version, capacity, bits, self._settings.released_rest_ms, *_flat(rest)]
        outcome = ConfigureOutcome(self.run("configure", event_id, args, keys=self._leave_secret(event_id, event)))
        if outcome is ConfigureOutcome.INCOMPLETE:
            raise Unavailable("redis", "the secret of the turns was gone before the gate took it: tell the gate again")
        return outcome

    def _leave_secret(self, event_id: str, event: dict[str, Any]) -> list[str]:
        """Leave the secret of the turns where a script takes it from, and return that key: none without a secret.

        Each call has a key of its own, or one would take away another's.
        """
        if SECRET not in event:
            return []
        key = secret_key(event_id, secrets.token_hex(4))
        with self.answering():
            self.redis.set(key, event[SECRET], px=SECRET_TTL_MS)
        return [key]

    def expire(self, event_id: str, at_ms: int) -> ExpireOutcome:
        """Let the keys of an ended, settled event go together at `at_ms`."""
        return ExpireOutcome(self.run("expire", event_id, [at_ms]))

    def lost(self, event_id: str) -> tuple[int, int] | None:
        """Return for how long (ms) and since when the gate has been known to be lost; None: it lives."""
        age, since = self.run("lost", event_id, [], keys=[lost_key(event_id)])
        return None if age < 0 else (int(age), int(since))

    def overdue(self, event_id: str, overdue_ms: int, not_after_ms: int, limit: int) -> list[Ticket]:
        """Return up to `limit` tickets pending for longer than `overdue_ms` and accepted before `not_after_ms`."""
        answer = self.run("overdue", event_id, [overdue_ms, not_after_ms, limit])
        pairs = zip(answer[::2], answer[1::2], strict=True)
        return [Ticket(event_id, user, *at) for user, held in pairs if (at := parse_entry(held))]

    def put_rebuilt(self, event_id: str, rebuilt: Rebuilt, since: int, event: dict[str, Any]) -> RestoreOutcome:
        """Write the rebuilt keys beside the real ones, then let one script put them in place, as `restore` says."""
        nonce, keys = secrets.token_hex(4), self.keys(event_id)
        applied, pending, released = (f"{key}:{nonce}" for key in (keys.applied_user, keys.pending, keys.released))
        free = {f"{ticket}:0": ticket for ticket in rebuilt.released}
        with self.answering():
            for entries in _chunks(rebuilt.applied):
                self.redis.hset(applied, mapping=entries)
                self.redis.pexpire(applied, TEMPORARY_TTL_MS)
            for key, scores in ((pending, rebuilt.pending), (released, free)):
                for scored in _chunks(scores):
                    self.redis.zadd(key, scored)
                    self.redis.pexpire(key, TEMPORARY_TTL_MS)
        sizes = [len(rebuilt.applied), len(rebuilt.pending), len(rebuilt.released)]
        return self.restore(event_id, [applied, pending, released], sizes, since, event)

    def restore(
        self, event_id: str, temporary: Sequence[str], sizes: Sequence[int], since: int, event: dict[str, Any]
    ) -> RestoreOutcome:
        """Put the rebuilt `temporary` keys in the place of a gate lost `since` then."""
        keys = [*temporary, lost_key(event_id), *self._leave_secret(event_id, event)]
        rest = {name: value for name, value in event.items() if name != SECRET}
        return RestoreOutcome(self.run("restore", event_id, [*sizes, since, *_flat(rest)], keys=keys))

    def reconcile(
        self, event_id: str, write_seq: int, replid: str, repairs: Sequence[Sequence[str | int]]
    ) -> ReconcileOutcome:
        """Repair the gate if its `write_seq` has not moved."""
        padded = [word for repair in repairs for word in (*repair, *["-"] * (4 - len(repair)))]
        return ReconcileOutcome(self.run("reconcile", event_id, [write_seq, replid, *padded]))

    def exists(self, event_id: str) -> bool:
        """Say whether any key of the event is left."""
        with self.answering():
            return bool(self.redis.exists(*self.keys(event_id)))

    def drop(self, event_id: str) -> None:
        """Lose the gate, even a damaged one: from now on it refuses everybody, until it is restored."""
        with self.answering():
            self.redis.delete(self.keys(event_id).event)

    def delete(self, event_id: str) -> None:
        """Delete every key of the event."""
        with self.answering():
            self.redis.delete(*self.keys(event_id), lost_key(event_id))

    def times_to_live(self, event_id: str) -> dict[str, int]:
        """Return the keys that go by themselves, and in how many ms."""
        with self.answering():
            lives = {key: int(self.redis.pttl(key)) for key in self.keys(event_id)}
        return {key: life for key, life in lives.items() if life >= 0}


def _flat(event: dict[str, Any]) -> list[str | int]:
    return [word for pair in event.items() for word in pair]


def _chunks(members: dict[str, Any]) -> Iterator[dict[Any, Any]]:
    items = iter(members.items())
    while chunk := dict(islice(items, CHUNK)):
        yield chunk
