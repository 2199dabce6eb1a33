"""Openings with turns, simulated: the same people all at once, or each at a moment of their own, before one stack.

With turns a page asks nothing until its own moment, which is drawn evenly over `spread_ms`: so the crowd comes evenly.
Without, all of them come within the second by which their pages' clocks differ. Whoever takes part has checked in
before, which is one request more for each, minutes before the opening.

People are a stream and not single persons: in each step so many ask, so many of them are let in, and those who are
refused ask again, evenly over the time that the page draws its wait from. What lets in is AWS: the throttle of the API,
and ten requests a second for an environment. Everything else has room for what these let in: `make capacity` holds the
stack to that.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import count, product
from math import ceil

from benchmarks.harness.prices import HTTP_API_REQUEST, LAMBDA_GB_S, LAMBDA_REQUEST, price
from benchmarks.scale import limits
from benchmarks.scale.deployment import BATCH, MEMORY_MB, WINDOW_S, Deployment
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
SWEEP_EVERY_S = 60.0  # the schedule of retry


@dataclass(slots=True)
class Found:
    """What came of one opening; times in seconds after it."""

    people: int
    spread_s: int
    coupons: int
    admitted: float = 0  # the first of them win, the others are told that it is sold out
    told_by_page: float = 0  # by the cached event
    reserved: float = 0  # winners whose environment had no connection to a broker in time
    asked: dict[int, float] = field(default_factory=lambda: defaultdict(float))  # by the second
    looks: float = 0  # at the event, answered by a cache
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


def billed_s(busy_s: float) -> float:
    """Return what Lambda bills for a call: it rounds up to a millisecond."""
    return ceil(busy_s * 1000 - 1e-6) / 1000


def simulated(measured: Times, people: int, spread_s: int) -> Found:
    """Simulate one opening."""
    found, crowd = Found(people, spread_s, people // PEOPLE_A_COUPON), Crowd()
    rate, burst, at_most = min(STACK["ApiRateLimit"], STACK.api_quota), STACK["ApiBurstLimit"], STACK.environments
    throttle, allowed = float(burst), float(at_most)  # tokens, of the API and of Lambda
    crowd.add(0, people, 0, spread_s + CLOCKS_S)
    for step in count():
        now = step * STEP_S
        throttle = min(burst, throttle + rate * STEP_S)
        allowed = min(at_most, allowed + at_most * limits.REQUESTS_PER_ENVIRONMENT_S * STEP_S)
        asking = crowd.due(step)
        found.looks += sum(asking[1:])
        if found.sold_out_s and now > found.sold_out_s + CACHED_S:  # the page says so to everybody who was refused
            found.told_by_page += sum(asking[1:])
            asking[1:] = [0.0] * len(AGAIN_S)
        asked = sum(asking)
        found.asked[int(now)] += asked
        passed = min(asked, throttle)
        admitted = min(passed, allowed)
        throttle -= passed
        allowed -= admitted
        for refusals, some in enumerate(asking):
            if some:
                wait_s = AGAIN_S[min(refusals, len(AGAIN_S) - 1)]
                crowd.add(refusals + 1, some * (1 - admitted / asked), step + 1, wait_s)
        found.admitted += admitted
        if not found.sold_out_s and found.admitted > found.coupons - 1e-6:
            found.sold_out_s = now + STEP_S
        if people - found.admitted - found.told_by_page < 1:
            found.known_s = now
            break
    there = Aws(measured)
    found.reserved = min(
        float(found.coupons), reserved(people / (spread_s + CLOCKS_S), found.sold_out_s, found.coupons)
    )
    carried = min(STACK.pollers, STACK["KafkaPartitions"]) * poller_rows(there)  # rows a second
    found.last_row_s = max(found.sold_out_s, found.coupons / carried) + WINDOW_S
    if found.reserved:  # a sweep issues them
        overdue_s = found.sold_out_s + MAX_BLOCK_S + _SETTINGS.sweep_overdue_ms / 1000
        found.last_row_s = max(found.last_row_s, ceil(overdue_s / SWEEP_EVERY_S) * SWEEP_EVERY_S)
    found.cost = _cost(found, there)
    return found


def reserved(people_s: float, sold_out_s: float, coupons: int) -> float:
    """Return how many winners have an environment without a connection to the brokers.

    Each environment makes its own for its first winner, and they come one after the other, because which of the idle
    ones is next AWS does not say: here it is the one that was idle for longest. Who has waited for too long gives up,
    and until its breaker lets it try again, none of its winners' records are sent.
    """
    environments, each_s = STACK.environments, FIRST_CONNECTIONS / (STACK["BrokerCount"] * limits.CONNECTIONS_PER_S)
    last_asks_s = environments / people_s  # the last environment for its first winner
    cut = max(0.0, environments - (last_asks_s + MAX_BLOCK_S) / each_s)
    broken_s = min(BREAKER_S, max(0.0, sold_out_s - MAX_BLOCK_S))
    return float(cut * (1 + broken_s * coupons / sold_out_s / environments))


def _cost(found: Found, there: Aws) -> float:
    losers = found.admitted - found.coupons
    asking = min(losers, STACK.environments / MEMORY_S * found.known_s + limits.FALSE_POSITIVES * losers)
    busy_s = found.coupons * billed_s(there.won_s) + (found.people + asking) * billed_s(there.lost_s)  # they check in
    busy_s += (losers - asking) * billed_s(there.remembered_s)
    busy_s += found.coupons / BATCH * billed_s(there.batch_s(BATCH))
    lambdas = (found.people + found.admitted) * LAMBDA_REQUEST + busy_s * MEMORY_MB / 1024 * LAMBDA_GB_S
    return found.requests * HTTP_API_REQUEST + lambdas + found.looks * LOOK


def all_of(measured: Times) -> list[Found]:
    """Simulate the openings of the table."""
    return [simulated(measured, people, spread_s) for people, spread_s in product(PEOPLE, SPREADS_S)]
