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


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit. `soft`: who passes it is served later, and not refused. `queue`: it grows long before it is full."""

    what: str
    need: float
    has: float
    unit: str
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
    found = [limit for part in (_front, _gate, _stream, _ledger) for limit in part(opening, deployment, aws)]
    return sorted(found, key=lambda limit: -limit.used)


def environments(opening: Opening, aws: Aws) -> int:
    """Return how many environments of apply the peak needs, once they are warm."""
    return ceil(max(opening.peak / limits.REQUESTS_PER_ENVIRONMENT_S, opening.peak * aws.won_s))


def busy(opening: Opening, deployment: Deployment, aws: Aws) -> int:
    """Return how many of them there are."""
    return min(environments(opening, aws), deployment.environments)


def _front(opening: Opening, deployment: Deployment, aws: Aws) -> Iterator[Limit]:
    peak, there = opening.peak, deployment.environments
    yield Limit("API Gateway: throttle", peak, min(deployment["ApiRateLimit"], deployment.api_quota), "requests/s")
    yield Limit("Lambda: requests a second", peak, there * limits.REQUESTS_PER_ENVIRONMENT_S, "requests/s")
    yield Limit("Lambda: environments at work", peak * aws.won_s, there, "environments")
    starting = max(environments(opening, aws), peak * limits.COLD_START_S[deployment["ColdStart"]])
    at_once = min(there, deployment.provisioned + limits.STARTS)
    yield Limit("Lambda: environments at once", starting, at_once, "environments")


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
    yield Limit("Redis: winners", opening.peak, winners, "calls/s", queue=True)
    yield Limit("Redis: losers", asked(opening, deployment, aws), losers, "calls/s", queue=True)
    gib = opening.won * limits.WINNER_BYTES / 2**30
    has_gib = limits.CACHE_GIB[size(deployment["CacheType"])] * limits.CACHE_USABLE
    yield Limit("Redis: memory", gib, has_gib, "GiB")
    if opening.remembered:  # too late, that is some seconds later
        sent_mb = kept * opening.coupons * limits.FILTER_BYTES * opening.events / 1e6
        yield Limit("Redis: filters sent", sent_mb, limits.CACHE_BYTES_PER_S / 1e6, "MB/s", soft=True)


def _stream(opening: Opening, deployment: Deployment, aws: Aws) -> Iterator[Limit]:
    """Yield what makes winners `reserved`, whose coupons the sweep issues."""
    brokers, winners = deployment["BrokerCount"], min(opening.peak, opening.won)  # of the first second
    record_s = aws.times.produce_s * (1 + limits.FOLLOWER * (REPLICAS - 1))  # of its leader, and of those that copy it
    has = brokers * deployment.vcpus("BrokerType") / record_s
    yield Limit("Kafka: winners", winners, has, "records/s", soft=True, queue=True)
    new = min(busy(opening, deployment, aws), winners) * FIRST_CONNECTIONS
    has = brokers * limits.CONNECTIONS_PER_S * MAX_BLOCK_S
    yield Limit("Kafka: new connections", new, has, f"in {MAX_BLOCK_S:g} s", soft=True)


def poller_rows(aws: Aws) -> float:
    """Return how many rows a second one poller carries, batch by batch."""
    return min(BATCH / aws.batch_s(BATCH), limits.POLLER_BYTES_PER_S / limits.EVENT_BYTES)


def _ledger(opening: Opening, deployment: Deployment, aws: Aws) -> Iterator[Limit]:
    need, one, partitions = opening.won / opening.issued_within_s, poller_rows(aws), deployment["KafkaPartitions"]
    rows = {
        "pollers": min(deployment.pollers, partitions) * one,
        "partitions": partitions * one,
        "MySQL: inserts": deployment.vcpus("DatabaseClass") / aws.times.ledger_s,
    }
    for what, has in rows.items():
        yield Limit(what, need, has, "rows/s", soft=True, queue=True)
    kept = busy(opening, deployment, aws) + partitions + deployment.connected_beside
    yield Limit("MySQL: connections", kept, deployment["DatabaseConnections"], "connections")
    carries = deployment.vcpus("DatabaseClass") * limits.DATABASE_CONNECTIONS_PER_VCPU
    yield Limit("MySQL: memory of connections", kept, carries, "connections")
