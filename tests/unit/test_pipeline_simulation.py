"""The simulated pipeline keeps the laws that no measurement needs to tell: of queues, and of coupons."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import simpy

from benchmarks.scale import worlds
from benchmarks.scale.capacity import admitted
from benchmarks.scale.deployment import Deployment
from benchmarks.scale.machine import Machine, server
from benchmarks.scale.planning import MAX_BLOCK_S
from benchmarks.scale.pools import BREAKER_S, Bucket, Connecting, Group, LambdaPool, count
from benchmarks.scale.times import Aws, Opening
from benchmarks.scale.worlds import Local, local
from tests.unit.test_capacity import TIMES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.scale.pipeline import Pipeline

DEPLOYED = Deployment({"ColdStart": "provisioned", "ProvisionedEnvironments": 199})
AWS = Aws.of(TIMES, DEPLOYED)


def ran(pipeline: Pipeline, seconds: float) -> Pipeline:
    pipeline.env.run(seconds)
    return pipeline


def on_aws(opening: Opening, deployment: Deployment = DEPLOYED, packet: int = 1, **more: bool) -> Pipeline:
    return ran(worlds.aws(opening, deployment, Aws.of(TIMES, deployment), packet=packet, **more), 400)


# --- the machine -----------------------------------------------------------------------------------------------------


def test_processes_share_a_core_evenly() -> None:
    """Whoever comes later gets half from then on, and nothing for having slept."""
    env = simpy.Environment()
    machine = Machine(env, 1)
    early, late = machine.process(), machine.process()
    early.work(10)
    env.run(5)
    late.work(10)
    env.run(15)
    assert early.had_s - 5 == pytest.approx(late.had_s - 5, abs=0.01) == pytest.approx(5, abs=0.01)


@pytest.mark.parametrize(("threads", "seconds"), [(1, 4.0), (2, 2.0), (3, 2.0)])
def test_a_process_has_as_many_cores_as_it_has_threads(threads: int, seconds: float) -> None:
    env = simpy.Environment()
    process = Machine(env, 2).process(threads)
    jobs = [process.work(1) for _ in range(4)]
    env.run(simpy.AllOf(env, jobs))
    assert env.now == pytest.approx(seconds)
    assert process.machine.busy_s == pytest.approx(4)


def test_jobs_are_done_in_the_order_in_which_they_came() -> None:
    env = simpy.Environment()
    process = server(env)
    for at, job in enumerate([process.work(1) for _ in range(3)], start=1):
        env.run(job)
        assert env.now == at


def test_chance_keeps_the_mean() -> None:
    machine = Machine(simpy.Environment(), 1, chance=random.Random(1))
    assert sum(machine.lasting(1.0, 1) for _ in range(20_000)) / 20_000 == pytest.approx(1, abs=0.02)
    assert machine.lasting(10_000.0, 10_000) == pytest.approx(10_000, rel=0.05)


# --- the local cloud -------------------------------------------------------------------------------------------------


def test_two_busy_cores_are_shared_by_what_a_request_costs() -> None:
    """The utilization law: as many requests a second as two cores have time for."""
    each_s = TIMES.client_s + TIMES.front_s + TIMES.lost_s + TIMES.gate_lost_s
    pipeline = ran(local(TIMES, Local(connections=50, memory=False)), 2)
    rate = sum(people for _, people in pipeline.seen.answers) / 2
    assert rate == pytest.approx(2 / each_s, rel=0.03)


def test_what_runs_beside_is_missing() -> None:
    alone, disturbed = (
        sum(people for _, people in ran(local(TIMES, world), 2).seen.answers)
        for world in (Local(connections=50, memory=False, beside=beside) for beside in ({}, {0.002: 0.5}))
    )
    assert disturbed == pytest.approx(0.75 * alone, rel=0.05)


def test_a_local_event_ends_with_every_row() -> None:
    pipeline = ran(local(TIMES, Local(connections=20, people=3_000, coupons=700)), 30)
    assert pipeline.issued == pipeline.handed_out == 700
    assert pipeline.seen.words["accepted"] == 700
    assert pipeline.seen.words["sold_out"] == 2_300
    assert pipeline.stream.unread == 0


def test_the_last_batch_waits_for_its_window() -> None:
    """A backlog of full batches is done sooner than one record more."""
    full, more = (local(TIMES, Local()) for _ in range(2))
    for pipeline, records in ((full, 2_000), (more, 2_001)):
        pipeline.stream.put(records)
        pipeline.env.run(10)
    last = [pipeline.seen.rows[-1][0] for pipeline in (full, more)]
    assert last[1] - last[0] == pytest.approx(1, abs=0.3)


# --- AWS -------------------------------------------------------------------------------------------------------------

SMALL = Opening(burst=1_000, seconds=3, coupons=600)


def test_everybody_is_answered_and_every_ticket_is_a_row() -> None:
    """Through a throttle, and with too few connections to the brokers."""
    pipeline = on_aws(SMALL, replace(DEPLOYED.with_parameters(ApiRateLimit=500, ApiBurstLimit=100), brokers=1))
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


def test_stacks_are_as_fast_as_one_with_its_share() -> None:
    """Ten stacks with ten times the crowd take as long as one."""
    one = on_aws(SMALL, packet=10)
    crowd = replace(SMALL, burst=10 * SMALL.burst, coupons=10 * SMALL.coupons)
    ten = ran(worlds.aws(crowd, DEPLOYED, AWS, packet=100, stacks=10), 400)
    assert ten.sold_out_at == pytest.approx(one.sold_out_at, rel=0.1)
    assert ten.issued == 10 * one.issued == 6_000


def test_people_come_in_at_the_rate_that_the_model_says() -> None:
    """The first limit of capacity.py is what the simulated crowd meets."""
    opening = Opening(burst=4_000, seconds=5, coupons=15_000)
    pipeline = on_aws(opening, packet=5)
    rate = admitted(opening, DEPLOYED, AWS)
    assert rate == 2_000
    by_five_s = sum(people for at, people in pipeline.seen.answers if 1 < at <= 5)
    assert by_five_s / 4 == pytest.approx(rate, rel=0.1)


def test_who_reads_the_page_asks_no_more_once_it_is_sold_out() -> None:
    crowd = replace(SMALL, burst=20_000, coupons=400)
    asking, reading = (on_aws(crowd, packet=20, cached=cached) for cached in (False, True))
    told = "sold_out, as the page says"
    assert reading.seen.words[told] > 0.8 * crowd.people
    assert sum(n for word, n in reading.seen.words.items() if word != "row") == crowd.people
    assert reading.seen.answers[-1][0] < asking.seen.answers[-1][0]


def test_a_remembered_event_spares_the_gate() -> None:
    busy = [on_aws(replace(SMALL, coupons=50, memory=memory), packet=5).gate.machine.busy_s for memory in (True, False)]
    assert busy[0] < 0.3 * busy[1]


# --- what AWS meters with --------------------------------------------------------------------------------------------


def test_a_bucket_gives_what_has_come_since() -> None:
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
    env = simpy.Environment()
    pool = LambdaPool(env, at_most=100, provisioned=5, starts=Bucket(env, 1, 20), cold_s=1.0)
    warm = acquired(env, pool, 5)
    assert env.now == 0
    cold = acquired(env, pool, 50)
    assert (count(cold), env.now) == (20, 1)
    pool.release(warm)
    assert count(acquired(env, pool, 50)) == 6  # those that are back, and one that may start by now


def test_a_first_winner_waits_its_turn_to_be_connected_or_is_cut_off() -> None:
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
    env = simpy.Environment()
    connecting = Connecting(env, per_s=1_000, at_most=20, per_environment=2)
    *_, (able, _, _), (cut, _, _) = connecting.parts([Group(40)])
    assert (count(able), count(cut)) == (10, 30)
