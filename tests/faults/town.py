"""One event of a running local cloud, everybody who asks for a coupon of it, and what each of them was told.

The processes and the servers are real; a test kills, stops and starts them. Nothing happens by itself but consume: the
schedule is `retry`, called by the test.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import signal
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kafka import KafkaProducer

from dev.crowd import Answer, Crowd
from dev.invoke import InvocationError
from dev.process import PATIENCE_S, wait_until
from firstcome.gate.connect import redis_client
from firstcome.gate.gate import Gate
from firstcome.ledger.connect import mysql_connection
from firstcome.rules import Ticket, rfc3339
from firstcome.settings import Settings
from firstcome.stream.reader import StreamReader
from firstcome.stream.record import encode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from dev.cloud import Cloud
    from dev.servers import Servers
    from tests.faults.proxy import KafkaProxy, Proxy

HOUR_MS = 3_600_000
WHOLE_S = 180.0  # the longest that anything may take to mend: 15,000 records drain in some seconds, on two free cores
ASK_AGAIN = 200  # of the winners, drawn by lot: all of them, where there are no more
SQL_TIMEOUT_MS = 60_000


@dataclass(frozen=True, slots=True)
class Told:
    """One answer, and between which times it was asked for and given (monotonic, s)."""

    answer: Answer
    asked: float
    given: float

    @property
    def ticket(self) -> int | None:
        """The ticket that it promises; None where it promises none."""
        return self.answer.body["ticket"] if self.answer.status in (200, 202) else None

    @property
    def definite(self) -> bool:
        """Whether it is a yes or a no; the others are "try again", and the loss of the process that was asked."""
        return self.answer.status in (200, 202, 409)


@dataclass(frozen=True)
class Proxies:
    """One proxy before each server."""

    redis: Proxy
    kafka: KafkaProxy
    mariadb: Proxy

    @property
    def all(self) -> tuple[Proxy, ...]:
        """All three."""
        return self.redis, self.kafka, self.mariadb


@dataclass
class Town:
    """An event, the people who ask, and the hands that break things. `proxies` is None where there are none."""

    cloud: Cloud
    servers: Servers
    triggers: Path
    event_id: str
    proxies: Proxies | None = None
    name: str = ""  # of the test
    capacity: int = 0
    told: list[Told] = field(default_factory=list)
    whole_s: float | None = None
    seed: int = 0
    _newcomers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _noted: threading.Condition = field(default_factory=threading.Condition)

    # --- people ---------------------------------------------------------------------------------------------------

    def opening(self, capacity: int) -> None:
        """Make the event, and open it."""
        now = int(time.time() * 1000)
        window = {"opens_at": rfc3339(now - HOUR_MS), "closes_at": rfc3339(now + HOUR_MS)}
        self.operate("create", name="An event that things happen to", capacity=capacity, **window)
        self.operate("open")
        self.capacity = capacity

    def rehearse(self) -> None:
        """Have every environment of apply connected to Kafka, as its first winner does it."""
        rehearsal = Town(self.cloud, self.servers, self.triggers, f"{self.event_id}-rehearsal")
        rehearsal.opening(40)
        rehearsal.rush(40)
        rehearsal.operate("end")

    def newcomers(self, number: int) -> list[str]:
        """Return so many people who have not asked yet."""
        return [f"person-{next(self._newcomers):05}" for _ in range(number)]

    def rush(self, people: int | Sequence[str], threads: int = 16) -> list[Told]:
        """Let these people, or so many newcomers, ask at once; answer, and keep, what each of them was told."""
        everybody = self.newcomers(people) if isinstance(people, int) else list(people)
        said: list[Told] = []

        def note(answer: Answer) -> None:
            given = time.monotonic()
            with self._noted:
                said.append(Told(answer, given - answer.seconds, given))
                self.told.append(said[-1])
                self._noted.notify_all()

        Crowd(self.cloud.api_url, self.event_id, threads).rush(everybody, told=note)
        return said

    def ask(self, user_id: str) -> Told:
        """Let one person ask once."""
        return self.rush([user_id], threads=1)[0]

    def past_http(self, number: int) -> None:
        """Let so many newcomers through gate and stream as apply does it, but thousands a second: for a backlog."""
        tickets = []
        with self.gate() as gate:
            for user_id in self.newcomers(number):
                asked = time.monotonic()
                decision = gate.apply(self.event_id, user_id, "call")
                assert decision.ticket is not None
                assert decision.applied_at_ms is not None
                tickets.append(Ticket(self.event_id, user_id, decision.ticket, decision.applied_at_ms))
                answer = Answer(user_id, 202, {"status": "accepted", "ticket": decision.ticket}, 0)
                self.told.append(Told(answer, asked, time.monotonic()))
        self.produce(tickets)

    def ask_again(self) -> None:
        """Let those ask again who were told nothing definite, until they are, and some of the winners."""
        winners = sorted(self.promised())
        self.rush(random.Random(self.seed).sample(winners, min(ASK_AGAIN, len(winners))), threads=8)

        def all_know() -> bool:
            last = {one.answer.user_id: one for one in self.told}
            unknowing = [one.answer.user_id for one in last.values() if not one.definite]
            if unknowing:
                self.rush(unknowing, threads=8)
            return not unknowing

        wait_until(all_know, "everybody was told yes or no", timeout_s=WHOLE_S)

    def fill(self) -> None:
        """Let newcomers ask until nothing is left, as they do while the window is open."""

        def sold_out() -> bool:
            told = self.rush(max(1, min(self.free(), 100)), threads=8)
            return told[-1].answer.word == "sold_out" and not self.free()

        wait_until(sold_out, f"{self.event_id} is sold out", timeout_s=WHOLE_S)

    def promised(self) -> dict[str, set[int]]:
        """Return who was promised a ticket, and which."""
        promised: dict[str, set[int]] = {}
        for one in self.told:
            if one.ticket is not None:
                promised.setdefault(one.answer.user_id, set()).add(one.ticket)
        return promised

    @property
    def slowest_s(self) -> float:
        """How long the slowest request took."""
        return max(one.answer.seconds for one in self.told)

    def status(self, user_id: str) -> tuple[int, dict[str, Any]]:
        """Let somebody ask how far this person's application has come."""
        import httpx

        reply = httpx.get(f"{self.cloud.api_url}/events/{self.event_id}/applications/{user_id}", timeout=PATIENCE_S)
        return reply.status_code, reply.json()

    # --- the operator and the schedule ----------------------------------------------------------------------------

    def operate(self, action: str, **payload: Any) -> dict[str, Any]:
        """Let the operator act on this event."""
        event = {} if action == "migrate" else {"event_id": self.event_id}
        answer: dict[str, Any] = self.cloud.invoke("operate", {"action": action, **event, **payload})
        return answer

    def retry(self) -> dict[str, Any] | None:
        """Do one scheduled run; answer None where it died or could not do anything."""
        try:
            answer: dict[str, Any] = self.cloud.invoke("retry", {})
        except InvocationError:
            return None
        return answer

    def sweeps(self) -> int:
        """Do one scheduled run, and answer how many tickets it swept."""
        done = self.retry()
        return done["swept"] if done else 0

    def until_whole(self, bound_s: float = WHOLE_S) -> float:
        """Run the schedule until the audit finds nothing, and nothing on its way; return the seconds it took."""
        began = time.monotonic()
        seen: dict[str, Any] = {}

        def whole() -> bool:
            seen["retry"] = self.retry()
            try:
                seen["audit"] = self.operate("audit")
            except InvocationError as error:
                seen["audit"] = error.said
                return False
            return bool(seen["audit"]["ok"] and seen["audit"]["quiet"] and seen["audit"]["stable"])

        try:
            wait_until(whole, f"{self.event_id} is whole", timeout_s=bound_s)
        except TimeoutError as error:
            raise AssertionError(f"{error}: {seen}") from None
        took = time.monotonic() - began
        if self.whole_s is None:
            self.whole_s = took
        return took

    @property
    def through(self) -> Proxies:
        """The proxies; raises where the functions reach the servers without any."""
        assert self.proxies is not None, "ask for `distant`"
        return self.proxies

    # --- what is known from outside -------------------------------------------------------------------------------

    def sql(self, statement: str, *arguments: object) -> list[tuple[Any, ...]]:
        """Run one statement on the ledger, past the functions."""
        with mysql_connection(self.settings, SQL_TIMEOUT_MS) as connection, connection.cursor() as cursor:
            cursor.execute(statement, arguments)
            return list(cursor.fetchall())

    @contextlib.contextmanager
    def gate(self) -> Iterator[Gate]:
        """Lend the event's gate, past the functions."""
        gate = Gate(redis_client(self.settings), self.settings)
        try:
            yield gate
        finally:
            gate.redis.close()

    @property
    def settings(self) -> Settings:
        """Where the servers are, without any proxy."""
        return Settings.from_env(self.servers.environ)

    def rows(self) -> list[Ticket]:
        """Return the coupon rows, by ticket."""
        select = "SELECT user_id, ticket, CAST(ROUND(UNIX_TIMESTAMP(applied_at) * 1000) AS SIGNED) FROM coupon"
        found = self.sql(f"{select} WHERE event_id = %s ORDER BY ticket", self.event_id)
        return [Ticket(self.event_id, user_id, ticket, applied_at_ms) for user_id, ticket, applied_at_ms in found]

    def count(self) -> int:
        """Return how many coupon rows there are."""
        [(count,)] = self.sql("SELECT COUNT(*) FROM coupon WHERE event_id = %s", self.event_id)
        return int(count)

    def failed(self) -> list[tuple[str, str, str]]:
        """Return the failed rows that ever were: person, status, reason."""
        return [
            (user_id, status, reason)
            for user_id, status, reason in self.sql(
                "SELECT user_id, status, reason FROM failed_event WHERE event_id = %s", self.event_id
            )
        ]

    def refused(self) -> set[str]:
        """Return who was refused for good."""
        return {user_id for (user_id,) in self.sql("SELECT user_id FROM refusal WHERE event_id = %s", self.event_id)}

    def records(self) -> list[Ticket]:
        """Return what the stream has ever carried of this event."""
        return StreamReader(self.settings).history(self.event_id, SQL_TIMEOUT_MS)

    def free(self) -> int:
        """Return how many tickets nobody has."""
        with self.gate() as gate:
            view = gate.show(self.event_id)
        return self.capacity if view is None else view.remaining

    # --- faults ---------------------------------------------------------------------------------------------------

    def kill(self, *names: str) -> None:
        """Kill every environment of these functions, or the `poller` or the `front`; each comes back by itself."""
        for name in names:
            child = {"poller": self.cloud.poller, "front": self.cloud.front}.get(name)
            for pid in [child.pid] if child else self.cloud.environments(name):
                with contextlib.suppress(ProcessLookupError):
                    if pid is not None:
                        os.kill(pid, signal.SIGKILL)

    @contextlib.contextmanager
    def dies(self, function: str, when: str, call: str, number: int = signal.SIGKILL) -> Iterator[None]:
        """Let the next environment of `function` that comes there die `before` or `after` its `call`, once.

        The calls are those of `dying/sitecustomize.py`, such as `Gate.apply`. Fails where nobody came by.
        """
        trigger = self.triggers / f"{function}.{when}.{call}"
        armed = trigger.with_suffix(f"{trigger.suffix}.armed")
        armed.write_text(str(int(number)))
        armed.rename(trigger)
        try:
            yield
            obeyed = trigger.with_name(f"{trigger.name}.obeyed")
            wait_until(obeyed.exists, f"{function} has died {when} {call}")
            obeyed.unlink()
        finally:
            trigger.unlink(missing_ok=True)

    @contextlib.contextmanager
    def once(self, answers: int, do: Callable[[], object]) -> Iterator[None]:
        """Do something in the middle of a rush, as soon as so many answers more have been given; then go on with it.

        What it raises is raised at the end; it is an error where the answers never came.
        """
        failure: list[BaseException] = []
        over = threading.Event()
        goal = len(self.told) + answers

        def wait_and_do() -> None:
            with self._noted:
                self._noted.wait_for(lambda: len(self.told) >= goal or over.is_set())
            try:
                assert len(self.told) >= goal, f"{len(self.told)} answers, and {goal} were waited for"
                do()
            except BaseException as error:  # noqa: BLE001
                failure.append(error)

        thread = threading.Thread(target=wait_and_do, name=f"after {answers} answers")
        thread.start()
        try:
            yield
        finally:
            over.set()
            with self._noted:
                self._noted.notify_all()
            thread.join()
        if failure:
            raise failure[0]

    @contextlib.contextmanager
    def unconsumed(self) -> Iterator[None]:
        """Let the records stay in the stream meanwhile."""
        self.cloud.poller.stop()
        try:
            yield
        finally:
            self.cloud.poller.start()

    def produce(self, tickets: Iterable[Ticket]) -> None:
        """Write records into the stream, past the functions, in this order."""
        producer = KafkaProducer(bootstrap_servers=self.servers.kafka_bootstrap, acks="all")
        try:
            sent = [
                producer.send(self.settings.kafka_topic, encode(ticket, 1), key=ticket.user_id.encode())
                for ticket in tickets
            ]
            for future in sent:
                future.get(PATIENCE_S)
        finally:
            producer.close()

    # --- the proof ------------------------------------------------------------------------------------------------

    def assert_promise(self, **known: Any) -> dict[str, Any]:
        """See `tests.faults.promise.assert_promise`."""
        from tests.faults.promise import assert_promise

        return assert_promise(self, **known)
