"""Openings with turns, simulated: the same people all at once, or each at a moment of their own, before one stack.

With turns a page asks nothing until its own moment, which is drawn evenly over `spread_ms`: so the crowd comes evenly.
Without, all of them come within the second by which their pages' clocks differ. Whoever takes part has checked in
before, which is one request more for each, minutes before the opening.

People are a stream and not single persons: in each step so many ask, so many of them are let in, and those who are
refused ask again, evenly over the time that the page draws its wait from. What lets in is AWS: the throttle of the API,
ten requests a second for an environment, and environments that are free. Redis, the brokers' cores and the database
have room for what these let in (`make capacity` holds the stack to that), so they only take their time.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import count, product
from math import ceil

from benchmarks.harness.prices import HTTP_API_REQUEST, LAMBDA_GB_S, LAMBDA_REQUEST, price, requests
from benchmarks.scale import limits
from benchmarks.scale.deployment import Deployment
from benchmarks.scale.planning import FIRST_CONNECTIONS, MAX_BLOCK_S, poller_rows
from benchmarks.scale.times import Aws, Times
from firstcome.settings import Settings

PEOPLE = (1_000_000, 10_000_000)
SPREADS_S = (0, 10, 100)
PEOPLE_A_COUPON = 100
CLOCKS_S = 1.0  # what pages know of the time is up to so old: the event in the cache
ADMITTED = 9_000  # people a second, for whom the stack is made: nearly the most that the templates take
# As `make capacity` advises it for so many. Written down: the table must not change its stack with the machine.
STACK = Deployment(
    {
        "ApplyConcurrency": 990,
        "ColdStart": "provisioned",
        "ProvisionedEnvironments": 900,
        "ApiRateLimit": 9_900,
        "ApiBurstLimit": 4_950,
        "BrokerCount": 12,
        "DatabaseClass": "db.m7g.xlarge",
        "DatabaseConnections": 2_064,
    },
    lambda_quota=1_118,
)
STEP_S = 0.01
LOOK = price("looks at the event") / 1e6
# Who is told "again later" asks again after a random time up to this, as the page does (web/event/schedule.js). Where
# the page shows a button after the last, it is assumed that people press it within as long.
AGAIN_S = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
CACHED_S = 1.0  # GET /events/{event_id} is cacheable for so long
_SETTINGS = Settings()  # their defaults
MEMORY_S = _SETTINGS.sold_out_memory_ms / 1000
BREAKER_S = _SETTINGS.kafka_breaker_ms / 1000  # for so long after a try to connect, an environment makes no other
OVERDUE_S = _SETTINGS.sweep_overdue_ms / 1000
SWEEP_EVERY_S = 60.0  # the schedule of retry


@dataclass(slots=True)
class Found:
    """What came of one opening; times in seconds after it."""

    people: int
    spread_s: int
    coupons: int
    accepted: float = 0
    reserved: float = 0  # winners whose environment had no connection to a broker in time
    told_sold_out: float = 0  # by the API, or by the cached event
    asked: dict[int, float] = field(default_factory=lambda: defaultdict(float))  # by the second
    looks: float = 0  # at the event, answered by a cache
    busy_s: float = 0  # that Lambda bills for
    sold_out_s: float = 0
    known_s: float = 0  # when the last person knows
    last_row_s: float = 0
    cost: float = 0  # $, of the requests, as if those were billed too that the API's throttle refuses

    @property
    def requests(self) -> float:
        """All of them, check-ins included."""
        return sum(self.asked.values()) + self.people

    @property
    def peak(self) -> float:
        """Requests in the second that had most of them."""
        return max(self.asked.values())

    @property
    def left(self) -> float:
        """Coupons that nobody has yet."""
        return max(0.0, round(self.coupons - self.accepted - self.reserved, 6))

    @property
    def unknowing(self) -> float:
        """People who do not know yet."""
        return self.people - self.accepted - self.reserved - self.told_sold_out


class Crowd:
    """People who will ask, by how often they were refused."""

    def __init__(self) -> None:
        self._asking = [0.0] * (len(AGAIN_S) + 1)  # in each step
        self._change: dict[tuple[int, int], float] = defaultdict(float)  # of it, by step and refusals

    def add(self, refusals: int, people: float, step: int, seconds: float) -> None:
        """Let people ask evenly over so long a time from this step on."""
        steps, refusals = ceil(seconds / STEP_S), min(refusals, len(AGAIN_S))
        self._change[step, refusals] += people / steps
        self._change[step + steps, refusals] -= people / steps

    def due(self, step: int) -> list[float]:
        """Return how many ask in this step, which is the one after the last that was asked for."""
        for refusals in range(len(self._asking)):
            self._asking[refusals] += self._change.pop((step, refusals), 0.0)
        return [max(0.0, people) for people in self._asking]


class Environments:
    """Those of apply, by whether they have a connection to the brokers, which each makes for its first winner.

    Which of the idle ones comes next AWS does not say. Here it is the one that was idle for longest, so that all of
    them come to need connections.
    """

    def __init__(self) -> None:
        self.new = float(STACK.environments)
        self.connected = self.broken = 0.0
        self._connecting = 0.0  # at work until they are
        self._per_s = STACK["BrokerCount"] * limits.CONNECTIONS_PER_S / FIRST_CONNECTIONS
        self._later: dict[int, list[tuple[str, float]]] = defaultdict(list)  # by step: what becomes of which of them

    def begin(self, step: int) -> None:
        """Let those come back whose time of waiting is over."""
        done = min(self._connecting, self._per_s * STEP_S)
        self._connecting -= done
        self.connected += done
        for kind, many in self._later.pop(step, ()):
            setattr(self, kind, getattr(self, kind) + many)
            if kind == "new":  # the breaker is closed again
                self.broken -= many

    def send(self, step: int, winners: float, there: Aws) -> tuple[float, float, float]:
        """Return how many winners are accepted, and reserved, and how long their environments are busy in all."""
        first = min(winners, self.new)
        able = max(0.0, min(first, MAX_BLOCK_S * self._per_s - self._connecting))
        cut = first - able
        wait_s = (self._connecting + able / 2) / self._per_s  # in the middle of them
        self.new -= first
        self._connecting += able
        if cut:
            at = step + ceil(MAX_BLOCK_S / STEP_S)
            self._later[at].append(("broken", cut))
            self._later[at + ceil(BREAKER_S / STEP_S)].append(("new", cut))
        others = winners - first
        unable = others * self.broken / (self.broken + self.connected) if self.broken else 0.0
        accepted, reserved = able + others - unable, cut + unable
        busy_s = able * wait_s + cut * MAX_BLOCK_S + accepted * billed_s(there.won_s)
        return accepted, reserved, busy_s + reserved * billed_s(there.lost_s)

    def room(self, each_s: float) -> float:
        """Return how many requests of one step find an environment that is free."""
        return self.new + (self.connected + self.broken) * STEP_S / each_s


def billed_s(busy_s: float) -> float:
    """Return what Lambda bills for a call: it rounds up to a millisecond."""
    return ceil(busy_s * 1000 - 1e-6) / 1000


def simulated(measured: Times, people: int, spread_s: int) -> Found:
    """Simulate one opening."""
    there = Aws.of(measured, STACK)
    found, crowd, environments = Found(people, spread_s, people // PEOPLE_A_COUPON), Crowd(), Environments()
    rate, burst, at_most = min(STACK["ApiRateLimit"], STACK.api_quota), STACK["ApiBurstLimit"], STACK.environments
    throttle, allowed = float(burst), float(at_most)  # tokens, of the API and of Lambda
    carried = min(STACK.pollers, STACK["KafkaPartitions"]) * poller_rows(STACK, there)  # rows a second
    unread = 0.0  # records
    crowd.add(0, people, 0, spread_s + CLOCKS_S)
    for step in count():
        now = step * STEP_S
        throttle = min(burst, throttle + rate * STEP_S)
        allowed = min(at_most, allowed + at_most * limits.REQUESTS_PER_ENVIRONMENT_S * STEP_S)
        environments.begin(step)
        asking = crowd.due(step)
        found.looks += sum(asking[1:])
        if found.sold_out_s and now > found.sold_out_s + CACHED_S:  # the page says so to everybody who was refused
            found.told_sold_out += sum(asking[1:])
            asking[1:] = [0.0] * len(AGAIN_S)
        asked = sum(asking)
        found.asked[int(now)] += asked
        won_or_lost_s = there.won_s if found.left else there.lost_s
        passed = min(asked, throttle)
        admitted = min(passed, allowed, environments.room(won_or_lost_s))
        throttle -= passed
        allowed -= admitted
        for refusals, some in enumerate(asking):
            if some:
                wait_s = AGAIN_S[min(refusals, len(AGAIN_S) - 1)]
                crowd.add(refusals + 1, some * (1 - admitted / asked), step + 1, wait_s)
        winners = min(admitted, found.left)
        accepted, reserved, busy_s = environments.send(step, winners, there)
        found.accepted += accepted
        found.reserved += reserved
        found.busy_s += busy_s + _tell(found, admitted - winners, there)
        if not found.sold_out_s and not found.left:
            found.sold_out_s = now + STEP_S
        unread = max(0.0, unread + accepted - carried * STEP_S)
        if accepted or unread:
            found.last_row_s = now + STACK.window_s
        if found.unknowing < 1 and not unread:
            found.known_s = now
            break
    _sweep(found, there)
    found.cost = _cost(found, there)
    return found


def _tell(found: Found, losers: float, there: Aws) -> float:
    """Tell losers that it is sold out; return how long their environments are busy with it."""
    found.told_sold_out += losers
    asking = min(losers, STACK.environments / MEMORY_S * STEP_S + limits.FALSE_POSITIVES * losers)
    return asking * billed_s(there.lost_s) + (losers - asking) * billed_s(there.remembered_s)


def _sweep(found: Found, there: Aws) -> None:
    """Have the rows of those who are only reserved, by the first sweep for which they are overdue; bill all rows."""
    if found.reserved:
        due_s = found.sold_out_s + MAX_BLOCK_S + OVERDUE_S
        batches = ceil(found.reserved / _SETTINGS.sweep_batch)
        swept_s = ceil(due_s / SWEEP_EVERY_S) * SWEEP_EVERY_S + batches * there.batch_s(_SETTINGS.sweep_batch)
        found.last_row_s = max(found.last_row_s, swept_s)
    found.busy_s += found.coupons / STACK.batch * billed_s(there.batch_s(STACK.batch))


def _cost(found: Found, there: Aws) -> float:
    asked = sum(found.asked.values())
    answered = found.accepted + found.reserved + found.told_sold_out  # by a function, or a little more
    lambdas = answered * LAMBDA_REQUEST + found.busy_s * STACK.memory_mb / 1024 * LAMBDA_GB_S
    check_ins = requests(found.people, billed_s(there.lost_s), STACK.memory_mb)
    return asked * HTTP_API_REQUEST + lambdas + found.looks * LOOK + check_ins


def all_of(measured: Times) -> list[Found]:
    """Simulate the openings of the table."""
    return [simulated(measured, people, spread_s) for people, spread_s in product(PEOPLE, SPREADS_S)]
