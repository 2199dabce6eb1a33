"""The simulated pipeline keeps the laws that no measurement needs to tell: of queues, and of coupons."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import simpy

from benchmarks.scale import worlds
from benchmarks.scale.capacity import admitted
from benchmarks.scale.deployment import Deployment
from benchmarks.scale.planning import MAX_BLOCK_S
from benchmarks.scale.pools import BREAKER_S, Bucket, Connecting, Group, LambdaPool, Server, count
from benchmarks.scale.stream import Polling, Stream
from benchmarks.scale.times import Aws, Opening
from benchmarks.scale.worlds import Looks
from tests.unit.test_capacity import TIMES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.scale.pipeline import Pipeline

DEPLOYED = Deployment({"ColdStart": "provisioned", "ProvisionedEnvironments": 199})
AWS = Aws.of(TIMES, DEPLOYED)


def ran(pipeline: Pipeline, seconds: float) -> Pipeline:
    pipeline.env.run(seconds)
    return pipeline


def on_aws(opening: Opening, deployment: Deployment = DEPLOYED, packet: int = 1, **more: Looks) -> Pipeline:
    return ran(worlds.aws(opening, deployment, Aws.of(TIMES, deployment), packet=packet, **more), 400)


# --- servers ---------------------------------------------------------------------------------------------------------


def test_jobs_are_done_in_the_order_in_which_they_came() -> None:
    """One core takes one job after the other."""
    env = simpy.Environment()
    server = Server(env)
    for at, job in enumerate([server.work(1, 1.0) for _ in range(3)], start=1):
        env.run(job)
        assert env.now == at


@pytest.mark.parametrize(("cores", "seconds"), [(1, 4.0), (2, 2.0), (8, 1.0)])
def test_jobs_share_cores_and_each_has_one(cores: int, seconds: float) -> None:
    """As many cores as there are jobs are used, and no more."""
    env = simpy.Environment()
    server = Server(env, cores)
    env.run(server.work(4, 1.0))
    assert env.now == pytest.approx(seconds)
    assert server.busy_s == 4


# --- the stream ------------------------------------------------------------------------------------------------------


def test_only_the_last_batch_waits_for_its_window() -> None:
    """Full batches are taken at once; what is left is taken a window after the first of it."""
    env = simpy.Environment()
    stream, taken = Stream(env), []

    def poll() -> Iterator[simpy.Event]:
        while True:
            batch = yield from stream.gather(Polling(batch=100, window_s=1.0))
            taken.append((env.now, batch))

    env.process(poll())
    env.run(5)
    stream.put(201)
    env.run(10)
    assert taken == [(5, 100), (5, 100), (6, 1)]


# --- AWS -------------------------------------------------------------------------------------------------------------

SMALL = Opening(burst=1_000, seconds=3, coupons=600)


def test_everybody_is_answered_and_every_ticket_is_a_row() -> None:
    """Through a throttle, and with too few connections to the brokers."""
    pipeline = on_aws(SMALL, DEPLOYED.with_parameters(ApiRateLimit=500, ApiBurstLimit=100, BrokerCount=1))
    words = pipeline.seen.words
    assert words["accepted"] + words["reserved"] == words["row"] == 600
    assert words["sold_out"] == 2_400
    assert words["reserved"] > 0


def test_packets_do_not_change_the_result() -> None:
    """Sold out, all answered, the last row: one by one, and by tens."""
    one, ten = (
        (pipeline.sold_out_at, pipeline.seen.answers[-1][0], pipeline.seen.rows[-1][0], pipeline.seen.words["sold_out"])
        for pipeline in (on_aws(SMALL, packet=packet) for packet in (1, 10))
    )
    assert ten == pytest.approx(one, rel=0.1)


def test_people_come_in_at_the_rate_that_the_model_says() -> None:
    """The first limit of capacity.py is what the simulated crowd meets."""
    opening = Opening(burst=4_000, seconds=5, coupons=15_000)
    pipeline = on_aws(opening, packet=5)
    rate = admitted(opening, DEPLOYED, AWS)
    assert rate == 2_000
    by_five_s = sum(people for at, people in pipeline.seen.answers if 1 < at <= 5)
    assert by_five_s / 4 == pytest.approx(rate, rel=0.1)


def test_who_reads_the_page_asks_no_more_once_it_is_sold_out() -> None:
    """Nearly everybody learns it from the event, and everybody learns something."""
    crowd = replace(SMALL, burst=20_000, coupons=400)
    asking, reading = (on_aws(crowd, packet=20, looks=looks) for looks in (Looks.NEVER, Looks.AGAIN))
    told = "sold_out, as the page says"
    assert reading.seen.words[told] > 0.8 * crowd.people
    assert sum(n for word, n in reading.seen.words.items() if word != "row") == crowd.people
    assert reading.seen.answers[-1][0] < asking.seen.answers[-1][0]


def test_a_remembered_event_spares_the_gate() -> None:
    """Most losers are answered from memory."""
    busy = [on_aws(replace(SMALL, coupons=50, memory=memory), packet=5).gate.busy_s for memory in (True, False)]
    assert busy[0] < 0.3 * busy[1]


# --- what AWS meters with --------------------------------------------------------------------------------------------


def test_a_bucket_gives_what_has_come_since() -> None:
    """It holds what comes up to its size, and gives no crumbs."""
    env = simpy.Environment()
    bucket = Bucket(env, per_s=10, at_most=50, crumb=5)
    assert [bucket.take(30), bucket.take(30), bucket.take(30)] == [30, 20, 0]
    env.run(0.4)
    assert bucket.take(30) == 0  # four: a crumb
    env.run(100)
    assert bucket.take(100) == 50


def acquired(env: simpy.Environment, pool: LambdaPool, wanted: int) -> list[Group]:
    got: list[Group] = []

    def acquire() -> Iterator[simpy.Event]:
        got.extend((yield from pool.acquire(wanted)))

    env.run(env.process(acquire()))
    return got


def test_environments_start_cold_and_no_faster_than_allowed() -> None:
    """Provisioned ones are there at once, and those that are back are used first."""
    env = simpy.Environment()
    pool = LambdaPool(env, at_most=100, provisioned=5, starts=Bucket(env, 1, 20), cold_s=1.0)
    warm = acquired(env, pool, 5)
    assert env.now == 0
    cold = acquired(env, pool, 50)
    assert (count(cold), env.now) == (20, 1)
    pool.release(warm)
    assert count(acquired(env, pool, 50)) == 6  # those that are back, and one that may start by now


def test_a_first_winner_waits_to_be_connected_or_is_cut_off() -> None:
    """Ten connections a second for 1.5 s; then nobody tries for as long as the breaker says."""
    env = simpy.Environment()
    connecting = Connecting(env, per_s=20, at_most=1_000, per_environment=2)
    *_, (able, wait_s, sends), (cut, gives_up_s, never) = connecting.parts([Group(40)])
    assert (count(able), sends) == (15, True)
    assert wait_s == pytest.approx(0.75)
    assert (count(cut), gives_up_s, never) == (25, MAX_BLOCK_S, False)
    assert cut[0].broken_until == MAX_BLOCK_S + BREAKER_S
    (connected, *_), (broken, *_) = connecting.parts([*able, *cut])
    assert (count(connected), count(broken)) == (15, 25)


def test_brokers_take_no_more_connections_than_they_may() -> None:
    """What exceeds the rate is cut off."""
    env = simpy.Environment()
    connecting = Connecting(env, per_s=1_000, at_most=20, per_environment=2)
    *_, (able, _, _), (cut, _, _) = connecting.parts([Group(40)])
    assert (count(able), count(cut)) == (10, 30)
