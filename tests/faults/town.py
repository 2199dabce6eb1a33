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

from dev.crowd import Answer, Crowd
from dev.invoke import InvocationError
from dev.process import wait_until
from firstcome.rules import Ticket
from tests.e2e.campaign import Campaign
from tests.faults.table import note
from tests.faults.told import Told
from tests.promise import assert_told

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from pathlib import Path

    from dev.servers import Servers
    from tests.proxy import Proxies

WHOLE_S = 180.0  # the longest that anything may take to mend: 15,000 records drain in some seconds, on two free cores
ASK_AGAIN = 200  # of the winners, drawn by lot: all of them, where there are no more


@dataclass(kw_only=True)
class Town(Campaign):
    """An event, the people who ask, and the hands that break things. `proxies` is None where there are none."""

    triggers: Path
    proxies: Proxies | None = None
    name: str = ""  # of the test
    told: list[Told] = field(default_factory=list)
    whole_s: float | None = None
    seed: int = 0
    _newcomers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _noted: threading.Condition = field(default_factory=threading.Condition)

    # --- people ---------------------------------------------------------------------------------------------------

    def rehearse(self) -> None:
        """Have every environment of apply connected to Kafka, as its first winner does it."""
        rehearsal = Town(self.cloud, self.http, f"{self.event_id}-rehearsal", triggers=self.triggers)
        rehearsal.open(40)
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
        self.send(*tickets)

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

    # --- the schedule ---------------------------------------------------------------------------------------------

    def schedule(self) -> dict[str, Any] | None:
        """Do one scheduled run; return None where it died or could not do anything."""
        try:
            return self.retry()
        except InvocationError:
            return None

    def sweeps(self) -> int:
        """Do one scheduled run, and answer how many tickets it swept."""
        done = self.schedule()
        return done["swept"] if done else 0

    def until_whole(self, bound_s: float = WHOLE_S) -> float:
        """Run the schedule until the audit finds nothing, and nothing on its way; return the seconds it took."""
        began = time.monotonic()
        seen: dict[str, Any] = {}

        def whole() -> bool:
            seen["retry"] = self.schedule()
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

    @property
    def servers(self) -> Servers:
        """The servers, which are the tests' to break."""
        return self.cloud.servers

    def count(self) -> int:
        """Return how many coupon rows there are."""
        [(count,)] = self.sql("SELECT COUNT(*) FROM coupon WHERE event_id = %s", self.event_id)
        return int(count)

    def failures(self) -> list[tuple[str, str, str]]:
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

    # --- the proof ------------------------------------------------------------------------------------------------

    def assert_promise(
        self,
        rows: int | None = None,
        *,
        fill: bool = True,
        reassigned: Collection[str] = (),
        forgotten: bool = False,
        failed: int | None = 0,
    ) -> dict[str, Any]:
        """Let everybody ask who is still to, wait until all is whole, hold the end to the promise; return the figures.

        `fill`: newcomers take what is left. `failed`: so many failed rows there may ever have been, None for any.
        `reassigned` and `forgotten` are those of `tests.promise.assert_told`.
        """
        self.until_whole()
        self.ask_again()
        if fill:
            self.fill()
        self.until_whole()
        super().assert_promise(rows)
        figures = assert_told(self, full=fill, reassigned=reassigned, forgotten=forgotten)
        note(self.name, figures)
        if failed is not None:
            assert figures["failed_rows"] <= failed, f"failed rows that should not be: {self.failures()}"
        return figures
