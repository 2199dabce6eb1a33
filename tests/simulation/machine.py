"""One event over a real gate and a real ledger, whose processes die, stall and meet each other at every call.

A process is the project's own code; its stores are lent to it through a boundary that counts the calls. At one of
them, before or after it, the process dies, or stalls while others act. The stream is a list.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from firstcome import issue
from firstcome.apply.application import Applications
from firstcome.apply.problem import Problem
from firstcome.consume import kafka_event
from firstcome.operate import actions
from firstcome.retry import run as retry
from firstcome.retry.redrive import redrive
from firstcome.retry.sweep import backlog, bounds, sweep
from firstcome.rules import BadInput, FailedStatus, Unavailable
from firstcome.stores import Stores
from tests.simulation import turns
from tests.simulation.acts import Act, Died, Fate, after
from tests.simulation.boundary import Alone, Boundary, LedgerBoundary, Record, Stream
from tests.simulation.till import CODES, Till
from tests.world import World, msk_event

if TYPE_CHECKING:
    from collections.abc import Callable

    from firstcome.stream.producer import Sent

TOPIC = "coupon_create"
PEOPLE = ("ann", "ben", "cat", "dan")
CAPACITY = 2
CAPACITY_MAX = 4
# What may befall this world, beside crashes: an act, and how it is done.
FAULTS = frozenset({"lose", "lose one", "fail_over", "late"})
EARLY = ("ben", "dan")  # in a world of turns, until theirs come
# What an applicant may be told, in the order in which it may be said.
SAID = [(202, "reserved"), (202, "accepted"), (200, "accepted")]
ROUNDS = 20  # until a world without faults has come to rest


class Simulation:
    """The event, its people, and what they were told."""

    def __init__(self, stores: Stores, event_id: str, faults: frozenset[str] = FAULTS) -> None:
        self.faults = faults
        self.stream = Stream(may_be_late="late" in faults)
        self.stores = Stores(stores.ledger, stores.gate, cast("Any", self.stream), stores.settings)
        self.world = World(self.stores, event_id)
        self.event_id = event_id
        self.told: set[str] = set()  # accepted
        self.said: dict[str, int] = {}  # how far, of SAID
        self.issued: dict[str, int] = {}  # what the status said
        self.refused: set[str] = set()  # what the status said
        self.by_hand: set[str] = set()  # the operator was asked to refuse them
        self.revoked: set[str] = set()  # to revoke their coupon
        self.till = Till(event_id)
        self.alone = Alone()
        self.replica: dict[str, Any] | None = None
        self.lives = 0  # how often the gate was lost
        self.failed_over = False
        self.was_late = False  # a record arrived after its send had been given up, or after a restore
        self.early: tuple[str, ...] = EARLY if "turns" in faults else ()
        if self.early:
            turns.open_with_turns(self.world, CAPACITY, PEOPLE, self.early)
        else:
            self.world.open(CAPACITY)
        self.world.operate("upload_codes", codes=list(CODES))

    # --- processes -----------------------------------------------------------------------------------------------

    def do(self, act: Act) -> None:
        """Let one process run to its end, or to its death; nothing happens that this world does not know."""
        if act.what in FAULTS | {"replicate", "turns"} and not self._may(act):
            return
        # What each of them means to people is checked where they are told, and at the end.
        with suppress(Died, Unavailable, Problem, BadInput):
            getattr(self, act.what)(act, self._lend(act.fate))

    def _may(self, act: Act) -> bool:
        if act.what == "lose":
            return ("lose one" if act.how else "lose") in self.faults
        return ("fail_over" if act.what == "replicate" else act.what) in self.faults

    def _lend(self, fate: Fate | None) -> Stores:
        calls = iter(range(1_000_000))

        def reach() -> Callable[[], None]:
            call = next(calls)
            if fate and fate.call == call and not fate.after:
                self._meet(fate)
            return lambda: self._meet(fate) if fate and fate.call == call and fate.after else None

        own = self.stores
        return Stores(
            cast("Any", LedgerBoundary(own.ledger, reach, self.alone)),
            cast("Any", Boundary(own.gate, reach)),
            cast("Any", Boundary(self.stream, reach)),
            own.settings,
        )

    def _meet(self, fate: Fate) -> None:
        if not fate.meanwhile:
            raise Died
        if not self.alone.depth:
            for act in fate.meanwhile:
                self.do(act)

    def apply(self, act: Act, stores: Stores) -> None:
        """Somebody applies."""
        user_id, life = PEOPLE[act.who[0]], self.lives
        self.stream.how = act.how

        class Sending:
            """Sets this send's fate, whoever sent meanwhile."""

            @staticmethod
            def send(*args: Any) -> Sent:
                self.stream.how = act.how
                self.was_late |= self.lives != life
                return cast("Sent", stores.reader.send(*args))  # type: ignore[attr-defined]

        before, early = self.said.get(user_id, 0), user_id in self.early
        answer = Applications(stores.gate, cast("Any", Sending), stores.ledger, stores.settings).apply(
            self.event_id, user_id, "correlation"
        )
        assert not early or user_id not in self.early, f"{user_id} is served before their turn: {answer.body}"
        said = SAID.index((answer.status, answer.body["status"]))
        # Of two requests at a time, either may be answered first.
        assert said >= before or self.failed_over, f"{user_id} was told more before: {answer.body}"
        self.said[user_id] = max(said, self.said.get(user_id, 0))
        if answer.body["status"] == "accepted":
            self.told.add(user_id)

    def consume(self, act: Act, stores: Stores) -> None:
        """The event source mapping hands over some records, in any order, some of them again."""
        log = self.stream.log
        if not log:
            return
        picked = [number % len(log) for number in act.who]
        event: dict[str, Any] = {"records": {}}
        for number in picked:
            one = msk_event(TOPIC, [log[number].value], start=number)["records"][f"{TOPIC}-0"]
            event["records"].setdefault(f"{TOPIC}-0", []).extend(one)
        claims, failures = kafka_event.read(event, TOPIC)
        issue.issue(stores.ledger, stores.gate, claims, failures)
        if act.how == "committed":
            for number in picked:
                log[number].read = True

    def sweep(self, _act: Act, stores: Stores) -> None:
        """The scheduled sweep, alone."""
        explained = bounds(backlog(stores.reader), stores.settings)
        for _ in sweep(stores, self.event_id, explained, stop=after(5)):
            pass

    def redrive(self, _act: Act, stores: Stores) -> None:
        """The scheduled redrive, alone."""
        for _ in redrive(stores.ledger, stores.gate, stores.settings, after(10)):
            pass

    def retry(self, _act: Act, stores: Stores) -> None:
        """A whole scheduled run."""
        stop = after(30)
        retry.run(stores, lambda: 0 if stop() else 1_000_000)

    def operate(self, act: Act, stores: Stores) -> None:
        """The operator acts: restore, reconcile, redrive, refuse, revoke or raise_capacity."""
        payload: dict[str, Any] = {"action": act.how, "event_id": self.event_id}
        if act.how == "redrive":
            payload["all"] = True
        if act.how in {"refuse", "revoke"}:
            some = sorted(self.world.holders()) if act.how == "revoke" else PEOPLE
            payload["user_id"] = user_id = (some or PEOPLE)[act.who[0] % len(some or PEOPLE)]
            (self.by_hand if act.how == "refuse" else self.revoked).add(user_id)
        if act.how == "raise_capacity":
            payload["capacity"] = min(CAPACITY_MAX, self._capacity() + 1)
        actions.act(stores, payload)

    def use(self, act: Act, stores: Stores) -> None:
        """A shop redeems a code, or takes the redemption of a key back."""
        self.till.use(stores.ledger, act.how, CODES[act.who[0] % len(CODES)])

    def arrive(self, _act: Act, _stores: Stores) -> None:
        """Records arrive whose sends were given up."""
        self.was_late |= bool(self.stream.late)
        self.stream.log += self.stream.late
        self.stream.late = []

    def turns(self, _act: Act, _stores: Stores) -> None:
        """An hour passes, and with it every turn: the opening is that much longer ago."""
        if self.early:
            turns.let_an_hour_pass(self.world)
            self.early = ()

    def garble(self, _act: Act, _stores: Stores) -> None:
        """Somebody produces a record that nobody can read."""
        self.stream.log.append(Record(b"garbage", None))

    # --- Redis ---------------------------------------------------------------------------------------------------

    def lose(self, act: Act, _stores: Stores) -> None:
        """Redis loses the gate, or one of its keys."""
        self.world.lose_gate(*act.how.split())
        self.lives += 1
        self.replica = None

    def replicate(self, _act: Act, _stores: Stores) -> None:
        """The replica is as new as the primary."""
        self.replica = self.world.snapshot()

    def fail_over(self, _act: Act, _stores: Stores) -> None:
        """The replica takes over, as old as it is."""
        if self.replica is not None and any(self.replica.values()):
            self.world.fail_over(self.replica)
            self.failed_over = True

    # --- the promise ---------------------------------------------------------------------------------------------

    def check_word(self, user_id: str) -> None:
        """Assert that what a person reads of the ledger's decision never changes but by a revocation (I6)."""
        applications = Applications(self.stores.gate, cast("Any", None), self.stores.ledger, self.stores.settings)
        try:
            body = applications.status(self.event_id, user_id).body
        except (Unavailable, Problem):
            body = {"status": "nothing"}
        word, ticket = body["status"], body.get("ticket")
        if user_id in self.revoked and word == "refused":
            self.issued.pop(user_id, None)
        self.till.see(body.get("code"), user_id)
        if user_id in self.issued:
            assert (word, ticket) == ("issued", self.issued[user_id]), f"{user_id} had a coupon, now: {body}"
        if user_id in self.refused:
            assert word == "refused", f"{user_id} was refused, now: {body}"
        if word == "issued":
            self.issued[user_id] = cast("int", ticket)
        if word == "refused":
            self.refused.add(user_id)

    def check_sizes(self) -> None:
        """Assert that the scripts have counted what is there, unless a key was lost."""
        redis, keys = self.stores.gate.redis, self.stores.gate.keys(self.event_id)
        sizes: Any = redis.hget(keys.event, "sizes")
        if sizes and not self.lives:
            there = [redis.hlen(keys.applied_user), redis.zcard(keys.pending), redis.zcard(keys.released)]
            assert [int(size) for size in sizes.split(" ")[1:]] == there, f"counted {sizes}, there are {there}"

    def drain(self) -> None:
        """Let the faults stop, everything be tried again and everybody ask again, until nothing changes."""
        self.arrive(Act("arrive"), self.stores)
        self.turns(Act("turns"), self.stores)
        before = None
        for _ in range(ROUNDS):
            unread = tuple(number for number, record in enumerate(self.stream.log) if not record.read)
            if unread:
                self.consume(Act("consume", unread, "committed"), self.stores)
            self.world.operate("redrive", all=True)
            self.retry(Act("retry"), self.stores)
            for person in range(len(PEOPLE)):
                self.do(Act("apply", (person,), "delivered"))
            now = self._everything()
            if now == before:
                return
            before = now
        raise AssertionError(f"it does not come to rest: {before}")

    def check_promise(self) -> None:
        """Assert I1 to I7 of a world that has come to rest."""
        self.check_sizes()
        found = self.world.audit()
        rows = self.world.holders()
        refused = set(self.stores.ledger.refusals(self.event_id))
        for user_id in PEOPLE:
            self.check_word(user_id)
        self.till.check(rows)
        assert found["ok"], found["findings"]
        assert found["quiet"], found
        assert len(rows) == min(self._capacity(), len(PEOPLE) - len(refused)), f"I4: {rows}, refused {refused}"
        assert self.told <= {*rows, *refused}, f"I3: accepted {self.told}, rows {rows}, refused {refused}"
        if not (self.failed_over or self.was_late):
            without = refused - self.by_hand - self.revoked
            assert not without, f"refused without a reason: {without}"
        held = {user: self.stores.gate.standing(self.event_id, user).ticket for user in PEOPLE}
        assert held == {user: rows.get(user) for user in PEOPLE}, f"I6: gate {held}, rows {rows}"

    def _capacity(self) -> int:
        event = self.stores.ledger.event(self.event_id)
        assert event is not None
        return event.capacity

    def _everything(self) -> object:
        failed = self.stores.ledger.list_failed(self.event_id, None, 1_000)
        view = self.stores.gate.show(self.event_id)
        assert view is not None, "the gate is lost still"
        pending = {user: self.stores.gate.standing(self.event_id, user).pending for user in PEOPLE}
        open_rows = [row.id for row in failed if row.status in {FailedStatus.WAITING, FailedStatus.DEAD}]
        return self.world.holders(), open_rows, pending, view.coupon_count, view.free, self.stream.lag()
