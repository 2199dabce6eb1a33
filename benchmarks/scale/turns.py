"""Openings with turns, simulated: the same people all at once, or each at a moment of their own, before one stack.

With turns a page asks nothing until its own moment, which is drawn evenly over `spread_ms`: so the crowd comes evenly.
Without, all of them come within the second by which their pages' clocks differ. Whoever takes part has checked in
before, which is one request more for each, minutes before the opening.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import product

from benchmarks.harness.prices import HTTP_API_REQUEST, LAMBDA_GB_S, LAMBDA_REQUEST, price, requests
from benchmarks.scale import worlds
from benchmarks.scale.deployment import Deployment
from benchmarks.scale.pipeline import Pipeline
from benchmarks.scale.pools import billed_s
from benchmarks.scale.times import Aws, Opening, Times
from benchmarks.scale.worlds import Looks

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
PACKETS = 10_000  # of each crowd
SETTLED_S = 600.0  # every event is over by then
LOOK = price("looks at the event") / 1e6


@dataclass(frozen=True, slots=True)
class Found:
    """What came of one opening; times in seconds after it."""

    people: int
    spread_s: int
    coupons: int
    issued: int
    reserved: int
    peak: int  # requests in the second that had most of them
    requests: int  # check-ins included
    looks: int  # at the event, answered by a cache
    sold_out_s: float
    known_s: float  # when the last person knows
    last_row_s: float
    cost: float  # $, of the requests
    told: list[tuple[float, int]]  # when how many came to know


def opening(people: int, spread_s: float) -> Opening:
    """Return the crowd that comes at its turns."""
    seconds = spread_s + CLOCKS_S
    return Opening(people / seconds, seconds, people // PEOPLE_A_COUPON)


def peak(asked: list[tuple[float, int]]) -> int:
    """Return how many there were in the second that had most of them."""
    seconds: Counter[int] = Counter()
    for at, count in asked:
        seconds[int(at)] += count
    return max(seconds.values())


def simulated(measured: Times, people: int, spread_s: int, looks: Looks = Looks.AGAIN) -> Found:
    """Simulate one opening."""
    crowd = opening(people, spread_s)
    there = Aws.of(measured, STACK)
    pipeline = worlds.aws(crowd, STACK, there, packet=max(1, people // PACKETS), looks=looks)
    pipeline.env.run(SETTLED_S)
    seen = pipeline.seen
    assert pipeline.sold_out_at is not None
    asked = seen.asked
    return Found(
        people,
        spread_s,
        crowd.coupons,
        pipeline.issued,
        seen.words["reserved"],
        peak(asked),
        sum(count for _, count in asked) + people,
        seen.looks,
        pipeline.sold_out_at,
        max(at for at, _ in seen.answers),
        seen.rows[-1][0],
        _cost(pipeline, there, people),
        sorted(seen.answers),
    )


def _cost(pipeline: Pipeline, there: Aws, people: int) -> float:
    """Return what all requests cost, as if those were billed too that the API's throttle refuses."""
    seen, gb = pipeline.seen, STACK.memory_mb / 1024
    asked = sum(count for _, count in seen.asked)
    answered = sum(n for word, n in seen.words.items() if word != "row")  # by a function, or a little more
    lambdas_s = pipeline.pool.billed_s + pipeline.consumers.billed_s
    check_ins = requests(people, billed_s(there.lost_s), STACK.memory_mb)
    return (
        asked * HTTP_API_REQUEST + answered * LAMBDA_REQUEST + lambdas_s * gb * LAMBDA_GB_S
        + seen.looks * LOOK + check_ins
    )  # fmt: skip


def all_of(measured: Times) -> list[Found]:
    """Simulate the openings of the table."""
    return [simulated(measured, people, spread_s) for people, spread_s in product(PEOPLE, SPREADS_S)]
