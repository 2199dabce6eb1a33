"""The gate: typed calls of the scripts that decide in Redis. Each script's own header says what it promises."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from redis import exceptions
from redis.client import NEVER_DECODE

from firstcome.gate import server
from firstcome.rules import EventState, Ticket, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import redis

    from firstcome.settings import Settings

REFUSED = "refused"
KEYS = ("event", "applied_user", "pending", "released", "winners")
# Of the filter of winners, for each coupon. A person sets two, so 1.4 % of the losers look like a winner, which costs a
# round trip; with half as many bits, 5 % would.
FILTER_BITS = 16
_DELIVERED = 2  # of gate.lua's `pending`
# The scripts of an application, which read the prelude alone.
_SHORT = ("gate", "delivered")


class ApplyOutcome(StrEnum):
    """What the gate may answer to an application."""

    UNKNOWN = "UNKNOWN"
    REFUSED = "REFUSED"
    ALREADY = "ALREADY"
    NOT_OPEN = "NOT_OPEN"
    PAUSED = "PAUSED"
    CLOSED = "CLOSED"
    SOLD_OUT = "SOLD_OUT"
    ACCEPTED = "ACCEPTED"


class Reassigned(StrEnum):
    """What `reassign` may answer."""

    UNKNOWN = "UNKNOWN"
    REFUSED = "REFUSED"
    HELD = "HELD"
    REASSIGNED = "REASSIGNED"
    SOLD_OUT = "SOLD_OUT"


@dataclass(frozen=True, slots=True)
class Decision:
    """The gate's answer to one application. Times are Redis's, in milliseconds since the epoch."""

    outcome: ApplyOutcome
    ticket: int | None
    applied_at_ms: int | None
    pending: bool  # no coupon row is known to exist yet
    delivered: bool  # it is pending, and its record is known to be in the stream
    remember: str  # not "": SOLD_OUT may be given again from memory, to whom this version of `winners` does not know
    restore_epoch: int
    now_ms: int


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

    @property
    def remaining(self) -> int:
        """How many coupons may still be given."""
        return self.capacity - self.coupon_count + self.free


class Gate:
    """The gate of every event, through one Redis client.

    Each method raises `Unavailable` where Redis cannot answer or cannot write; whether the script ran is then
    unknown, and each may simply be called again.
    """

    def __init__(self, redis: redis.Redis, settings: Settings) -> None:
        self.redis = redis
        self._settings = settings
        self._scripts: dict[str, Any] = {}
        self._about = server.About()
        self._checked = False

    def apply(self, event_id: str, user_id: str, call: str) -> Decision:
        """Decide one application; `call` tells this very call from another of the same person."""
        self.check_server()
        outcome, ticket, at, pending, remember, restore_epoch, now = self._run("gate", event_id, [user_id, call])
        return Decision(
            ApplyOutcome(outcome),
            ticket or None,
            at or None,
            bool(pending),
            pending == _DELIVERED,
            remember,
            restore_epoch,
            now,
        )

    def delivered(self, ticket: Ticket) -> bool:
        """Say that the ticket's record is in the stream; True where the gate has noted it."""
        return bool(self._run("delivered", ticket.event_id, [ticket.user_id, ticket.number]) == "NOTED")

    def winners(self, event_id: str) -> bytes:
        """Return the bitmap of `winners` as it is now; empty where there is none."""
        with self.answering():
            get: Any = self.redis.execute_command  # its own `get` decodes, as the client was told to
            return get("GET", self.keys(event_id)[4], **{NEVER_DECODE: True}) or b""

    def standing(self, event_id: str, user_id: str) -> Standing:
        """Return what the gate knows of one person."""
        known, held, pending = self._run("standing", event_id, [user_id])
        ticket, at = parse_held(held)
        return Standing(bool(known), ticket, at, bool(pending), held == REFUSED)

    def not_refused(self, event_id: str, people: Sequence[str]) -> list[str]:
        """Return which of these people the gate does not know as refused."""
        if not people:
            return []
        with self.answering():
            held = self.redis.hmget(self.keys(event_id)[1], people)
        return [user_id for user_id, what in zip(people, held, strict=True) if what != REFUSED]

    def show(self, event_id: str) -> EventView | None:
        """Return the event as the gate knows it; None where the gate is lost or there is no such event."""
        answer = self._run("show", event_id, [])
        if not answer:
            return None
        now, free, pending, oldest, *rest = answer
        event = dict(zip(rest[::2], rest[1::2], strict=True))
        return EventView(
            name=event["name"],
            state=EventState(event["state"]),
            capacity=int(event["capacity"]),
            coupon_count=int(event["coupon_count"]),
            free=free,
            pending=pending,
            oldest_pending_ms=oldest or None,
            opens_at_ms=int(event["opens_at_ms"]),
            closes_at_ms=int(event["closes_at_ms"]),
            restore_epoch=int(event["restore_epoch"]),
            config_version=int(event["config_version"]),
            write_seq=int(event["write_seq"]),
            reissued=int(event.get("reissued", 0)),
            learned=int(event.get("learned", 0)),
            replid=event["replid"],
            now_ms=now,
        )

    def survivors(self, event_id: str) -> dict[str, str]:
        """Return what a lost gate's `applied_user` holds, if it is whole: as many as were counted; {} otherwise.

        It is read page by page, so it counts only if sizes and replication id are the same before and after.
        """
        before = self._counted(event_id)
        with self.answering():
            applied = dict(self.redis.hscan_iter(self.keys(event_id)[1], count=1_000)) if before else {}
        whole = before == self._counted(event_id) and before is not None and len(applied) == before[0]
        return applied if whole else {}

    def _counted(self, event_id: str) -> tuple[int, str] | None:
        """Return how many `applied_user` must hold, and the replication id; None where nobody can tell."""
        event, applied, *_ = self.keys(event_id)
        with self.answering():
            sizes, write_seq = cast("list[str | None]", self.redis.hmget(event, ["sizes", "write_seq"]))
            found = self.redis.hlen(applied)
        at, counted, *_ = (sizes or "- -").removeprefix("lost ").split(" ")
        return (found, self.replid(event_id)) if at == write_seq and counted == str(found) else None

    def settle(self, event_id: str, rows: Sequence[Ticket]) -> bool:
        """Take the holders of these coupon rows off the pending set; False where the gate is lost."""
        args = [f"{row.number} {row.applied_at_ms} {row.user_id}" for row in rows]
        return bool(self._run("settle", event_id, args) == "SETTLED")

    def mark_failed(self, event_id: str, tickets: Sequence[Ticket]) -> bool:
        """Say that failed rows have these tickets now; False where the gate is lost."""
        args = [word for ticket in tickets for word in (ticket.user_id, ticket.number)]
        return bool(self._run("mark_failed", event_id, args) == "MARKED")

    def reassign(self, event_id: str, user_id: str, old: int) -> tuple[Reassigned, Ticket | None]:
        """Return the ticket that the person holds instead of `old`, taking a free one where they hold no other."""
        word, ticket, at = self._run("reassign", event_id, [user_id, old])
        return Reassigned(word), Ticket(event_id, user_id, ticket, at) if ticket else None

    def release(self, ticket: Ticket, instead: Ticket | None, *, has_row: bool) -> str:
        """Give the ticket back; its holder keeps `instead`, their coupon row, or is refused where that is None.

        `has_row`: the ticket has a row of somebody else, so it is not free. Answers the script's word.
        """
        held = f"{instead.number} {instead.applied_at_ms} -" if instead else REFUSED
        args = [ticket.user_id, ticket.number, held, int(has_row), self._settings.released_rest_ms]
        return str(self._run("release", ticket.event_id, args))

    def configure(
        self, event_id: str, config_version: int, event: dict[str, str | int], *, create: bool = False
    ) -> str:
        """Tell the gate what the ledger says (`event`: hash fields). `create` also makes it. Answers the word."""
        capacity = int(event["capacity"])
        rest = {name: value for name, value in event.items() if name != "capacity"}
        if create:
            rest["replid"] = self.replid(event_id)
        filter_bits = FILTER_BITS * capacity if capacity <= self._settings.sold_out_memory_coupons else 0
        what = "create" if create else "update"
        args = [what, config_version, capacity, filter_bits, self._settings.released_rest_ms, *_flat(rest)]
        return str(self._run("configure", event_id, args))

    def expire(self, event_id: str, at_ms: int) -> str:
        """Let the keys of an ended, settled event go together at `at_ms`. Answers the script's word."""
        return str(self._run("expire", event_id, [at_ms]))

    def lost(self, event_id: str) -> tuple[int, int] | None:
        """Return for how long (ms) and since when the gate has been known to be lost; None: it lives."""
        age, since = self._run("lost", event_id, [], keys=[_lost_key(event_id)])
        return None if age < 0 else (int(age), int(since))

    def overdue(self, event_id: str, overdue_ms: int, not_after_ms: int, limit: int) -> list[Ticket]:
        """Return up to `limit` tickets pending for longer than `overdue_ms` and accepted before `not_after_ms`."""
        answer = self._run("overdue", event_id, [overdue_ms, not_after_ms, limit])
        pairs = zip(answer[::2], answer[1::2], strict=True)
        return [Ticket(event_id, user, *at) for user, held in pairs if (at := _parse_ticket(held))]

    def restore(
        self, event_id: str, temporary: Sequence[str], sizes: Sequence[int], since: int, event: dict[str, Any]
    ) -> str:
        """Put the rebuilt `temporary` keys in the place of a gate lost `since` then. Answers the script's word."""
        keys = [*temporary, _lost_key(event_id)]
        return str(self._run("restore", event_id, [*sizes, since, *_flat(event)], keys=keys))

    def reconcile(self, event_id: str, write_seq: int, replid: str, repairs: Sequence[Sequence[str | int]]) -> str:
        """Repair the gate if its `write_seq` has not moved. Answers the script's word."""
        padded = [word for repair in repairs for word in (*repair, *["-"] * (4 - len(repair)))]
        return str(self._run("reconcile", event_id, [write_seq, replid, *padded]))

    def replid(self, event_id: str) -> str:
        """Return the replication id of the Redis that holds the event, which a failover changes; "" if it is untold."""
        return self._about.replid(self._info(event_id, "replication"))

    def keys(self, event_id: str) -> list[str]:
        """Return the keys of one event; they share a hash slot."""
        return [f"coupon:{{{event_id}}}:{part}" for part in KEYS]

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Turn what Redis raises when it cannot answer into `Unavailable`; leave our own mistakes alone."""
        try:
            yield
        except (
            exceptions.ConnectionError,
            exceptions.TimeoutError,
            exceptions.ClusterError,
            exceptions.RedisClusterException,
            exceptions.InvalidResponse,  # whoever answered is no Redis
        ) as error:
            raise Unavailable("redis", str(error)) from error
        except exceptions.ResponseError as error:
            if not server.is_not_now(error):
                raise
            if server.is_replica(error):
                # A primary that was demoted keeps its connections: only a new one finds its successor.
                self._disconnect()
            raise Unavailable("redis", str(error)) from error

    def script(self, name: str) -> Any:
        """Return redis-py's object of the script `<name>.lua`, which loads it where Redis does not have it."""
        if name not in self._scripts:
            shared = _read("prelude") + ("" if name in _SHORT else _read("repairs"))
            self._scripts[name] = self.redis.register_script(shared + _read(name))
        return self._scripts[name]

    def _run(self, name: str, event_id: str, args: list[Any], keys: Sequence[str] = ()) -> Any:
        script = self.script(name)
        with self.answering():
            return script(keys=[*self.keys(event_id), *keys], args=args)

    def check_server(self) -> None:
        """Raise `Unsuitable` for a Redis that cannot keep gates; it is asked until it can, and then no more."""
        if not self._checked:
            self._about.check(self._info("", None))
            self._checked = True

    def _info(self, event_id: str, section: str | None) -> dict[str, Any]:
        """Return a section of INFO, or all of it; nothing where the server refuses the command itself."""
        with self.answering():
            try:
                if self._settings.redis_cluster:
                    node = self.redis.get_node_from_key(self.keys(event_id)[0])  # type: ignore[attr-defined]
                    return dict(self.redis.info(section, target_nodes=node))
                return dict(self.redis.info(section))
            except exceptions.ResponseError as error:
                if not server.refuses_info(error):
                    raise
                return {}

    def close(self) -> None:
        """Close the connections; the next call opens another."""
        self.redis.close()

    def _disconnect(self) -> None:
        pool = getattr(self.redis, "connection_pool", None)  # a cluster client follows MOVED by itself
        if pool is not None:
            pool.disconnect()


def _lost_key(event_id: str) -> str:
    return f"coupon:{{{event_id}}}:lost"


def parse_held(held: str) -> tuple[int | None, int | None]:
    """Return ticket and applied_at_ms of an entry of applied_user; (None, None) for none and for `refused`."""
    return _parse_ticket(held) or (None, None)


def _parse_ticket(held: str) -> tuple[int, int] | None:
    if not held or held == REFUSED:
        return None
    ticket, applied_at_ms, _ = held.split(" ")
    return int(ticket), int(applied_at_ms)


def _flat(event: dict[str, Any]) -> list[str | int]:
    return [word for pair in event.items() for word in pair]


def _read(name: str) -> str:
    return Path(__file__).with_name(f"{name}.lua").read_text(encoding="utf-8")
