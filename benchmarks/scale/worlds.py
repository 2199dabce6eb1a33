"""The worlds that the pipeline is simulated in: the local cloud on one machine, and AWS."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import simpy

from benchmarks.scale import limits
from benchmarks.scale.deployment import Deployment
from benchmarks.scale.machine import SEED, Machine, server
from benchmarks.scale.pipeline import Pipeline
from benchmarks.scale.planning import FIRST_CONNECTIONS, produced_s
from benchmarks.scale.pools import Bucket, Connecting, LambdaPool, LocalPool
from benchmarks.scale.stream import Polling
from dev.cloud import APPLY_ENVIRONMENTS, OTHER_ENVIRONMENTS
from dev.poller import FETCH_BYTES, FETCH_WAIT_MS, WORKERS

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping
    from typing import Any

    from benchmarks.scale.machine import Process
    from benchmarks.scale.times import Aws, Opening, Times

    Steps = Generator[simpy.Event, Any, Any]

# --- the local cloud -------------------------------------------------------------------------------------------------

RECORD_BYTES = 300  # of ours in the broker's log, a batch of its own
CORES = 2


@dataclass(frozen=True, slots=True)
class Local:
    """The local cloud, and who asks: connections of a load generator, each of which waits for its answer."""

    connections: int = 0
    people: int = 10**9  # who ask, one after the other
    coupons: int = 0
    memory: bool = True
    environments: int = APPLY_ENVIRONMENTS
    pollers: int = WORKERS
    beside: Mapping[float, float] = field(default_factory=dict)  # cores busy with something else, by seconds at a time
    seed: int = SEED


def local(times: Times, world: Local) -> Pipeline:
    """Return the local cloud, every process of it on the same two cores."""
    env, deployment = simpy.Environment(), Deployment()
    machine = Machine(env, CORES, chance=random.Random(world.seed))
    fetch_min = FETCH_BYTES // RECORD_BYTES
    pipeline = Pipeline(
        env,
        times,
        world.coupons,
        front=machine.process(),
        pool=LocalPool(env, [machine.process() for _ in range(world.environments)]),
        gate=machine.process(),
        broker=machine.process(CORES),
        consumers=LocalPool(env, [machine.process() for _ in range(OTHER_ENVIRONMENTS)]),
        ledger=machine.process(CORES),
        polling=Polling(deployment.batch, deployment.window_s, fetch_min, FETCH_WAIT_MS / 1000),
        memory=world.memory,
    )
    poller, client = machine.process(), machine.process()
    for _ in range(world.pollers):
        pipeline.add_poller(poller)
    crowd = iter(range(world.people))
    for _ in range(world.connections):
        env.process(_closed(pipeline, client, crowd))
    chance = random.Random(world.seed)
    for burst_s, cores in world.beside.items():
        if cores:
            env.process(_beside(machine.process(CORES, first=True), cores, burst_s, chance))
    return pipeline


def _closed(pipeline: Pipeline, client: Process, crowd: Iterator[int]) -> Steps:
    """Ask again, as somebody else, as soon as there is an answer."""
    for _ in crowd:
        yield client.work(pipeline.times.client_s)
        yield from pipeline.apply(1)


def _beside(process: Process, cores: float, burst_s: float, chance: random.Random) -> Steps:
    """Keep so many cores busy, a burst at a time."""
    while True:
        yield process.machine.env.timeout(chance.expovariate(cores / burst_s))
        process.work(burst_s)


# --- AWS -------------------------------------------------------------------------------------------------------------

# Who is told "again later" asks again after a second, then after twice as long each time, as a page does.
AGAIN_S = 1.0
AGAIN_AT_MOST_S = 16.0
CACHED_S = 1.0  # GET /events/{event_id} is cacheable for so long


def aws(
    opening: Opening, deployment: Deployment, there: Aws, *, packet: int, stacks: int = 1, cached: bool = False
) -> Pipeline:
    """Return AWS, with the crowd of an opening, each packet of so many people.

    `stacks`: so many of everything, each with its share of the crowd and of the coupons; they are simulated as one.
    `cached`: who waits to ask again looks at the event meanwhile, and asks no more once it says that none is left.
    """
    env, crumb = simpy.Environment(), max(1, packet // 10)
    times, iam = there.times, deployment["KafkaSecurity"] == "AWS_MSK_IAM"
    at_most = deployment.environments * stacks
    connecting = Connecting(
        env,
        per_s=deployment.brokers * limits.CONNECTIONS_PER_S * stacks,
        at_most=deployment.brokers * limits.CONNECTIONS * stacks,
        per_environment=FIRST_CONNECTIONS,
    )
    pollers = min(deployment.pollers, deployment["KafkaPartitions"]) * stacks
    # Many cores are one that is so many times as fast, and a wait until a record has had its time on a slow one.
    cores = deployment.brokers * deployment.vcpus("BrokerType") * stacks
    produce_s = produced_s(deployment, there)
    pipeline = Pipeline(
        env,
        # An environment has a share of a core; the gateway, the pollers and the crowd have cores of their own.
        replace(
            times,
            **{name: getattr(times, name) / there.share for name in ("lost_s", "remembered_s", "won_s", "consume_s")},
            **dict.fromkeys(("client_s", "front_s", "poll_s"), 0.0),
            produce_s=produce_s / cores,
            send_s=times.send_s + produce_s - produce_s / cores,
            fetch_s=times.fetch_s / cores,
        ),
        opening.coupons * opening.events,
        front=server(env),
        pool=LambdaPool(
            env,
            at_most=at_most,
            provisioned=min(deployment.provisioned, deployment.environments) * stacks,
            starts=Bucket(env, limits.STARTS_PER_S * stacks, limits.STARTS * stacks),
            requests=Bucket(env, at_most * limits.REQUESTS_PER_ENVIRONMENT_S, at_most, crumb),
            cold_s=limits.COLD_START_S[deployment["ColdStart"]],
            crumb=crumb,
        ),
        gate=server(env),
        shards=deployment.pools * stacks,
        broker=server(env),
        consumers=LambdaPool(env, at_most=2 * deployment["KafkaPartitions"] * stacks),
        ledger=server(env, deployment.vcpus("DatabaseClass") * stacks),
        polling=Polling(deployment.batch, deployment.window_s, 1, deployment.window_s, group=pollers),
        memory=opening.remembered,
        connecting=connecting if iam else None,
    )
    pipeline.add_poller(server(env))
    env.process(pipeline.sweep(stacks))
    rate = min(deployment["ApiRateLimit"], deployment.api_quota) * stacks
    throttle = Bucket(env, rate, deployment["ApiBurstLimit"] * stacks, crumb)
    env.process(_crowd(pipeline, opening, throttle, packet, cached=cached))
    return pipeline


def _crowd(pipeline: Pipeline, opening: Opening, throttle: Bucket, packet: int, *, cached: bool) -> Steps:
    env, left = pipeline.env, round(opening.people)
    chance = random.Random(SEED)
    while left:
        people = min(packet, left)
        env.process(_ask(pipeline, throttle, people, chance, cached=cached))
        left -= people
        yield env.timeout(people / opening.peak)


def _ask(pipeline: Pipeline, throttle: Bucket, people: int, chance: random.Random, *, cached: bool) -> Steps:
    """Let a packet ask until it has its answer."""
    env, began, again_s = pipeline.env, pipeline.env.now, AGAIN_S
    while True:
        admitted = throttle.take(people)
        if admitted:
            people -= admitted - (yield from pipeline.apply(admitted))
        if not people:
            return
        yield env.timeout(again_s * chance.uniform(0.5, 1.5))
        again_s = min(2 * again_s, AGAIN_AT_MOST_S)
        if cached and pipeline.sold_out_at is not None and env.now > pipeline.sold_out_at + CACHED_S:
            pipeline.seen.answer(env.now, env.now - began, "sold_out, as the page says", people)
            return
