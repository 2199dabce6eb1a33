"""Which limit comes first: what an opening needs of each part, and what a deployment has of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, inf

from benchmarks.scale import limits
from benchmarks.scale.deployment import BATCH, REPLICAS, Deployment, size
from benchmarks.scale.times import Aws, Opening
from firstcome.settings import Settings

# Within which brokers are counted on to let first winners in: MSK refuses those beyond its rate at once, and who was
# refused tries again after the first backoff, whose mean this is.
MAX_BLOCK_S = 0.75 * Settings().kafka_backoff_base_ms / 1000
FIRST_CONNECTIONS = 2  # the bootstrap's, and that of the partition's leader

# What helps, by the name of a parameter where there is one; `advice` says how much of it.
CONCURRENCY = "ApplyConcurrency, quota L-B99A9384"
MORE_BROKERS = "BrokerCount"
MORE_STACKS = 'more stacks (docs/scale.md, "When one event outgrows one shard")'


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit. `soft`: who passes it is served later, and not refused. `queue`: it grows long before it is full."""

    what: str
    need: float
    has: float
    unit: str
    passed: str  # what happens then
    set: str  # what to set, by name
    soft: bool = False
    queue: bool = False

    @property
    def used(self) -> float:
        """The share of it that is needed."""
        return self.need / self.has if self.has else inf

    @property
    def tight(self) -> bool:
        """Whether something should be set."""
        return self.used > (limits.USABLE if self.queue else 1)


def ranked(opening: Opening, deployment: Deployment, aws: Aws) -> list[Limit]:
    """Return every limit, the one that comes first first."""
    return sorted(unranked(opening, deployment, aws), key=lambda limit: -limit.used)


def unranked(opening: Opening, deployment: Deployment, aws: Aws) -> Iterator[Limit]:
    """Yield every limit, in the order of the way of an application."""
    yield from _front(opening, deployment, aws)
    yield from _gate(opening, deployment, aws)
    yield from _stream(opening, deployment, aws)
    yield from _ledger(opening, deployment, aws)


def environments(opening: Opening, aws: Aws) -> int:
    """Return how many environments of apply the peak needs, once they are warm."""
    return ceil(max(opening.peak / limits.REQUESTS_PER_ENVIRONMENT_S, opening.peak * aws.won_s))


def busy(opening: Opening, deployment: Deployment, aws: Aws) -> int:
    """Return how many of them there are."""
    return min(environments(opening, aws), deployment.environments)


def _front(opening: Opening, deployment: Deployment, aws: Aws) -> Iterator[Limit]:
    peak, there = opening.peak, deployment.environments
    refused = "503 of API Gateway"
    rate = min(deployment["ApiRateLimit"], deployment.api_quota)
    yield Limit(
        "API Gateway: throttle", peak, rate, "requests/s", "429: they ask again", "ApiRateLimit, quota L-8A5B8E43"
    )
    allowed = there * limits.REQUESTS_PER_ENVIRONMENT_S
    yield Limit("Lambda: requests a second", peak, allowed, "requests/s", refused, CONCURRENCY)
    yield Limit("Lambda: environments at work", peak * aws.won_s, there, "environments", refused, CONCURRENCY)
    starting = max(environments(opening, aws), peak * limits.COLD_START_S[deployment["ColdStart"]])
    at_once = min(there, deployment.provisioned + limits.STARTS)
    until = f"{refused}, until {limits.STARTS_PER_S} more a second are there"
    provision = "ColdStart=provisioned, ProvisionedEnvironments"
    yield Limit("Lambda: environments at once", starting, at_once, "environments", until, provision)


def asked(opening: Opening, deployment: Deployment, aws: Aws) -> float:
    """Return how many calls of losers a second the gate gets, once it is sold out."""
    if not opening.remembered:
        return opening.peak
    kept = busy(opening, deployment, aws) * opening.events  # each asks once a second
    return min(opening.peak, kept + limits.FALSE_POSITIVES * opening.peak)


def _gate(opening: Opening, deployment: Deployment, aws: Aws) -> Iterator[Limit]:
    times = aws.times
    kept = busy(opening, deployment, aws)
    # All events share a node, which has one core for scripts, whatever its size.
    winners, losers = 1 / times.gate_won_s, 1 / times.gate_lost_s
    asking, slower = asked(opening, deployment, aws), "slower, then 503"
    yield Limit("Redis: winners", opening.peak, winners, "calls/s", slower, MORE_STACKS, queue=True)
    yield Limit("Redis: losers", asking, losers, "calls/s", slower, MORE_STACKS, queue=True)
    gib = opening.won * limits.WINNER_BYTES / 2**30
    has_gib = limits.CACHE_GIB[size(deployment["CacheType"])] * limits.CACHE_USABLE
    yield Limit("Redis: memory", gib, has_gib, "GiB", "503 to winners", "CacheType")
    if opening.remembered:
        sent_mb = kept * opening.coupons * limits.FILTER_BYTES * opening.events / 1e6
        mb_per_s, later = limits.CACHE_BYTES_PER_S / 1e6, "remembered some seconds later"
        yield Limit("Redis: filters sent", sent_mb, mb_per_s, "MB/s", later, MORE_STACKS, soft=True)


def _stream(opening: Opening, deployment: Deployment, aws: Aws) -> Iterator[Limit]:
    brokers, swept = deployment["BrokerCount"], "`reserved`; the sweep issues them"
    winners = min(opening.peak, opening.won)  # of the first second
    has = brokers * deployment.vcpus("BrokerType") / produced_s(aws)
    yield Limit("Kafka: winners", winners, has, "records/s", swept, "BrokerType", soft=True, queue=True)
    some, within = min(busy(opening, deployment, aws), winners), f"in {MAX_BLOCK_S:g} s"
    new, has = some * FIRST_CONNECTIONS, brokers * limits.CONNECTIONS_PER_S * MAX_BLOCK_S
    yield Limit("Kafka: new connections", new, has, within, swept, MORE_BROKERS, soft=True)


def produced_s(aws: Aws) -> float:
    """Return what a record costs all brokers together, in seconds of a core: its leader, and those that copy it."""
    return aws.times.produce_s * (1 + limits.FOLLOWER * (REPLICAS - 1))


def poller_rows(aws: Aws) -> float:
    """Return how many rows a second one poller carries, batch by batch."""
    return min(BATCH / aws.batch_s(BATCH), limits.POLLER_BYTES_PER_S / limits.EVENT_BYTES)


def _ledger(opening: Opening, deployment: Deployment, aws: Aws) -> Iterator[Limit]:
    need, one, partitions = (
        opening.won / opening.issued_within_s,
        poller_rows(aws),
        deployment["KafkaPartitions"],
    )
    inserts = deployment.vcpus("DatabaseClass") / aws.times.ledger_s
    late = f"rows later than {opening.issued_within_s:.0f} s"
    for what, has, parameter in (
        ("pollers", min(deployment.pollers, partitions) * one, "ProvisionedPollers"),
        ("partitions", partitions * one, "KafkaPartitions"),
        ("MySQL: inserts", inserts, "DatabaseClass"),
    ):
        yield Limit(what, need, has, "rows/s", late, parameter, soft=True, queue=True)
    kept, unit = busy(opening, deployment, aws) + partitions + deployment.connected_beside, "connections"
    refused = "503 to who asks for a status"
    yield Limit("MySQL: connections", kept, deployment["DatabaseConnections"], unit, refused, "DatabaseConnections")
    carries = deployment.vcpus("DatabaseClass") * limits.DATABASE_CONNECTIONS_PER_VCPU
    yield Limit("MySQL: memory of connections", kept, carries, unit, "slower, then it restarts", "DatabaseClass")
