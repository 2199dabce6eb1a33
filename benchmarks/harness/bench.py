"""What every benchmark may use: real servers, a local cloud over them, events to fill, and a look at what came of them.

This is the one place that reaches into the gate: for its script, and for what its keys hold.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from dev.cloud import ROOT, Cloud
from dev.process import wait_until
from dev.servers import Servers
from firstcome.gate.answers import ApplyOutcome, EventView
from firstcome.gate.gate import Gate
from firstcome.ledger.connect import mysql_connection
from firstcome.operate.actions import act
from firstcome.rules import Ticket
from firstcome.settings import Settings
from firstcome.stores import Stores
from firstcome.stream.producer import Stream
from firstcome.stream.topic import ensure_topic

BARE = ROOT / "benchmarks" / "bars" / "bare" / "template.yaml"
PREFIX = "5f0e8400-e29b-41d4-a716-"  # of a person's id, as long as a UUID
CALL = "0123abcd"  # the name of an application's call
APPLY_AT_A_TIME = 1_000  # in one round trip
PLENTY = 10**6  # coupons that are never given away
FEW = 100  # coupons of an event that is sold out
DRAINED_S = 60.0
# A busy machine is no dead broker: no schedule runs here that would issue what was only reserved.
PATIENT = {
    "FIRSTCOME_KAFKA_MAX_BLOCK_MS": "10000",
    "FIRSTCOME_KAFKA_REQUEST_TIMEOUT_MS": "10000",
    "FIRSTCOME_KAFKA_DELIVERY_TIMEOUT_MS": "11000",
}
# A broker that has served for a minute is several times as quick as one that has just started: its virtual machine
# compiles what it has done ten thousand times. It is warm wherever people deploy it.
WARM_RECORDS = 30_000
WARM_SENDERS = 3
LOCAL = {"FIRSTCOME_KAFKA_REPLICATION": "1", "FIRSTCOME_LOCAL_IDENTITY": "backend", "FIRSTCOME_LOCAL_CLOUD": "1"}


@dataclass(frozen=True, slots=True)
class Bench:
    """One run of the benchmarks. `quick`: as few rounds and as little load as still show that everything works."""

    servers: Servers
    folder: Path  # for data and logs; not the report's
    quick: bool
    say: Callable[[str], None]

    def pick(self, full: int, quick: int) -> int:
        """Return how many of something: rounds, calls, records."""
        return quick if self.quick else full

    @property
    def environ(self) -> dict[str, str]:
        """The variables of a function over these servers, outside the local cloud."""
        return self.servers.environ | LOCAL

    @property
    def settings(self) -> Settings:
        """The settings of a function over these servers."""
        return Settings.from_env(self.environ)

    def stores(self) -> Stores:
        """Return gate, ledger and reader over these servers; `close` them."""
        return Stores.of(self.settings)

    def warm_broker(self) -> None:
        """Send records, each by itself, into a topic that nobody reads."""
        settings = replace(Settings.from_env(self.environ | PATIENT), kafka_topic="warm")
        ensure_topic(settings, partitions=12, replication=1)

        def send(sender: int) -> None:
            with closing(Stream(settings)) as stream:
                for number in range(sender, WARM_RECORDS, WARM_SENDERS):
                    stream.send(Ticket("warm", person(number), 1, 0), 0, CALL)

        with ThreadPoolExecutor(WARM_SENDERS) as senders:
            list(senders.map(send, range(WARM_SENDERS)))

    def cloud(self, name: str, *, poller: bool = True, template: Path = ROOT / "template.yaml") -> Cloud:
        """Return a local cloud over these servers, whose schedule does not run."""
        more: dict[str, Any] = {"apply_environments": 2} if self.quick else {}  # starting one takes most of a second
        folder = self.folder / f"cloud-{name}"
        return Cloud(
            folder, servers=self.servers, poller=poller, clock=False, template=template, environment=PATIENT, **more
        )

    def open_event(self, stores: Stores, capacity: int, name: str = "bench") -> str:
        """Make an event and open it; return its id."""
        event_id = f"{name}-{uuid.uuid4().hex[:12]}"
        now, day = datetime.now(UTC), timedelta(days=1)
        window = {"opens_at": (now - day).isoformat(), "closes_at": (now + day).isoformat()}
        act(stores, {"action": "create", "event_id": event_id, "name": name, "capacity": capacity, **window})
        act(stores, {"action": "open", "event_id": event_id})
        return event_id

    def sold_out(self, stores: Stores, coupons: int = FEW) -> str:
        """Return the id of a new event whose tickets are given away."""
        event_id = self.open_event(stores, coupons, "sold-out")
        for number in range(coupons):
            stores.gate.apply(event_id, f"winner-{number}", "call")
        return event_id

    def forget(self, stores: Stores, *event_ids: str) -> None:
        """Forget events whose tickets nobody will issue: a later retry would sweep them, and mend their gates."""
        for event_id in event_ids:
            stores.ledger.wipe(event_id)
            stores.gate.redis.unlink(*stores.gate.keys(event_id))  # `DEL` of a million waits for all of them

    def query(self, sql: str, *arguments: Any) -> list[tuple[Any, ...]]:
        """Return what one statement on a connection of its own finds; it is committed."""
        with mysql_connection(self.settings, 120_000) as connection, connection.cursor() as cursor:
            cursor.execute(sql, arguments)
            return list(cursor.fetchall())

    def rows(self, event_id: str) -> tuple[int, ...]:
        """Return how many coupon rows, distinct tickets and distinct people the event has, counted by MySQL."""
        counts = "COUNT(*), COUNT(DISTINCT ticket), COUNT(DISTINCT user_id)"
        [found] = self.query(f"SELECT {counts} FROM coupon WHERE event_id = %s", event_id)
        return found

    def wrong_rows(self, expected: dict[str, int], gate: Gate | None = None) -> list[str]:
        """Return what is wrong with the rows of events: exactly so many, one each; and with a gate, all settled."""
        found = {event_id: self.rows(event_id) for event_id in expected}
        wrong = [
            f"{event_id}: rows, tickets, people {found[event_id]} for {count}"
            for event_id, count in expected.items()
            if found[event_id] != (count,) * 3
        ]
        views = [view(gate, event_id) for event_id in expected] if gate else []
        return wrong + [f"{one} is not settled" for one in views if one.pending]

    def drained(self, stores: Stores, event_id: str) -> list[str]:
        """Wait until the stream is read; return what is wrong with the rows of what the gate gave away."""
        self.say("draining")
        wait_until(stores.reader.caught_up, "the stream is read", timeout_s=DRAINED_S)
        return self.wrong_rows({event_id: view(stores.gate, event_id).coupon_count})


# --- the gate --------------------------------------------------------------------------------------------------------


def evalsha(gate: Gate, event_id: str) -> list[str]:
    """Return the command that applies, its script loaded; the person's id and the call's name follow it."""
    keys = gate.keys(event_id)
    sha = gate.redis.script_load(gate.script("gate").script)  # as where other environments run
    return ["EVALSHA", str(sha), str(len(keys)), *keys]


def person(number: int) -> str:
    """Return the id of one person, as long as a UUID."""
    return f"{PREFIX}{number:012}"


def apply_all(gate: Gate, event_id: str, count: int) -> list[Ticket]:
    """Let so many people apply, in few round trips, and return their tickets; nothing is sent."""
    command, tickets = evalsha(gate, event_id), []
    for start in range(0, count, APPLY_AT_A_TIME):
        people = [person(number) for number in range(start, min(count, start + APPLY_AT_A_TIME))]
        redis: Any = gate.redis  # whose commands by name have no types
        with redis.pipeline(transaction=False) as pipeline:
            for user_id in people:
                pipeline.execute_command(*command, user_id, CALL)
            answers = pipeline.execute()
        for user_id, answer in zip(people, answers, strict=True):
            word, _, _, ticket, applied_at_ms, _ = answer.split(" ")
            assert word == ApplyOutcome.ACCEPTED, word
            tickets.append(Ticket(event_id, user_id, int(ticket), int(applied_at_ms)))
    return tickets


def view(gate: Gate, event_id: str) -> EventView:
    """Return what the gate knows of an event that is there."""
    found = gate.show(event_id)
    assert found is not None, event_id
    return found


def mend(cloud: Cloud, gate: Gate, event_id: str) -> None:
    """Let the schedule run, until every ticket has its row and the gate knows it."""

    def whole() -> bool:
        cloud.invoke("retry", {})
        return not view(gate, event_id).pending

    wait_until(whole, f"{event_id} is mended", timeout_s=DRAINED_S)


def wrong_people(gate: Gate, event_id: str, expected: int) -> list[str]:
    """Return what is wrong where not exactly so many people have a ticket."""
    people, given = int(gate.redis.hlen(gate.keys(event_id).applied_user)), view(gate, event_id).coupon_count
    return [] if people == given == expected else [f"{event_id}: {people} people, {given} tickets for {expected}"]
