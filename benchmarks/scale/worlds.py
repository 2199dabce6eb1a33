"""The world that the pipeline is simulated in: AWS, with the crowd of an opening."""

from __future__ import annotations

import random
from collections.abc import Generator
from dataclasses import replace
from enum import Enum
from itertools import chain, repeat
from typing import Any

import simpy

from benchmarks.scale import limits
from benchmarks.scale.deployment import Deployment
from benchmarks.scale.pipeline import Pipeline
from benchmarks.scale.planning import FIRST_CONNECTIONS, produced_s
from benchmarks.scale.pools import SEED, Bucket, Connecting, LambdaPool, Server
from benchmarks.scale.stream import Polling
from benchmarks.scale.times import Aws, Opening

Steps = Generator[simpy.Event, Any, Any]

# Who is told "again later" asks again after a random time up to this, as the page does (web/event/schedule.js). Where
# the page shows a button after the last, it is assumed that people press it within as long.
AGAIN_S = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
CACHED_S = 1.0  # GET /events/{event_id} is cacheable for so long


class Looks(Enum):
    """When somebody looks at the event, which a cache answers, and asks no more once it says that none is left."""

    NEVER = "never"
    AGAIN = "before asking again"
    FIRST = "before asking at all"


def aws(opening: Opening, deployment: Deployment, there: Aws, *, packet: int, looks: Looks = Looks.NEVER) -> Pipeline:
    """Return AWS, with the crowd of an opening, each packet of so many people."""
    env, crumb = simpy.Environment(), max(1, packet // 10)
    times = there.times
    at_most = deployment.environments
    connecting = Connecting(
        env,
        per_s=deployment["BrokerCount"] * limits.CONNECTIONS_PER_S,
        at_most=deployment["BrokerCount"] * limits.CONNECTIONS,
        per_environment=FIRST_CONNECTIONS,
    )
    pollers = min(deployment.pollers, deployment["KafkaPartitions"])
    # Many cores are one that is so many times as fast, and a wait until a record has had its time on a slow one.
    cores = deployment["BrokerCount"] * deployment.vcpus("BrokerType")
    produce_s = produced_s(deployment, there)
    pipeline = Pipeline(
        env,
        # An environment has a share of a core.
        replace(
            times,
            **{name: getattr(times, name) / there.share for name in ("lost_s", "remembered_s", "won_s", "consume_s")},
            produce_s=produce_s / cores,
            send_s=times.send_s + produce_s - produce_s / cores,
            fetch_s=times.fetch_s / cores,
        ),
        opening.coupons * opening.events,
        pool=LambdaPool(
            env,
            at_most=at_most,
            provisioned=min(deployment.provisioned, at_most),
            starts=Bucket(env, limits.STARTS_PER_S, limits.STARTS),
            requests=Bucket(env, at_most * limits.REQUESTS_PER_ENVIRONMENT_S, at_most, crumb),
            cold_s=limits.COLD_START_S[deployment["ColdStart"]],
            crumb=crumb,
        ),
        gate=Server(env),
        broker=Server(env),
        consumers=LambdaPool(env, at_most=2 * deployment["KafkaPartitions"]),
        ledger=Server(env, deployment.vcpus("DatabaseClass")),
        polling=Polling(deployment.batch, deployment.window_s, group=pollers),
        memory=opening.remembered,
        connecting=connecting,
    )
    env.process(pipeline.poll())
    env.process(pipeline.sweep())
    rate = min(deployment["ApiRateLimit"], deployment.api_quota)
    throttle = Bucket(env, rate, deployment["ApiBurstLimit"], crumb)
    env.process(_crowd(pipeline, opening, throttle, packet, looks))
    return pipeline


def _crowd(pipeline: Pipeline, opening: Opening, throttle: Bucket, packet: int, looks: Looks) -> Steps:
    env, left = pipeline.env, round(opening.people)
    chance = random.Random(SEED)
    while left:
        people = min(packet, left)
        env.process(_ask(pipeline, throttle, people, chance, looks))
        left -= people
        yield env.timeout(people / opening.peak)


def _ask(pipeline: Pipeline, throttle: Bucket, people: int, chance: random.Random, looks: Looks) -> Steps:
    """Let a packet ask until it has its answer."""
    env, waits_s = pipeline.env, chain(AGAIN_S, repeat(AGAIN_S[-1]))
    asked = pipeline.seen.first
    if looks is Looks.FIRST and _is_told_by_the_page(pipeline, people):
        return
    while True:
        asked.append((env.now, people))
        asked = pipeline.seen.again
        admitted = throttle.take(people)
        if admitted:
            people -= admitted - (yield from pipeline.apply(admitted))
        if not people:
            return
        yield env.timeout(chance.uniform(0, next(waits_s)))
        if looks is not Looks.NEVER and _is_told_by_the_page(pipeline, people):
            return


def _is_told_by_the_page(pipeline: Pipeline, people: int) -> bool:
    """Let people look at the event; return whether it says that none is left."""
    now, seen = pipeline.env.now, pipeline.seen
    seen.looks += people
    if pipeline.sold_out_at is None or now <= pipeline.sold_out_at + CACHED_S:
        return False
    seen.answer(now, "sold_out, as the page says", people)
    return True
