"""Which limit comes first: what an opening needs of each part, what a deployment has of it, and what to set."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, inf
from typing import TYPE_CHECKING

from benchmarks import limits
from benchmarks.deployment import declared, size
from firstcome.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.deployment import Deployment
    from benchmarks.opening import Aws, Opening

MAX_BLOCK_S = (
    Settings().kafka_max_block_ms / 1000
)  # an environment's first winner does not wait longer for a connection
# Without IAM MSK has no such limits, and asks nobody for a permission either.
MORE_BROKERS = "more brokers (NumberOfBrokerNodes), or a lower ApplyConcurrency"
SPARE = 10  # a tenth more environments than are provisioned: they must be fewer than there may be
MORE_STACKS = "more stacks"
FIRST_CONNECTIONS = 2  # the bootstrap's, and that of the partition's leader


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


def environments(opening: Opening, aws: Aws) -> int:
    """Return how many environments of apply the peak needs, once they are warm."""
    return ceil(max(opening.peak / limits.REQUESTS_PER_ENVIRONMENT_S, opening.peak * aws.won_s))


def unranked(opening: Opening, deployment: Deployment, aws: Aws) -> Iterator[Limit]:
    """Yield every limit, in the order of the way of an application."""
    yield from _front(opening, deployment, aws)
    yield from _gate(opening, deployment, aws)
    yield from _stream(opening, deployment, aws)
    yield from _ledger(opening, deployment, aws)


def _front(opening: Opening, deployment: Deployment, aws: Aws) -> Iterator[Limit]:
    wanted = environments(opening, aws)
    yield Limit(
        "API Gateway: throttle",
        opening.peak,
        min(deployment["ApiRateLimit"], deployment.api_quota),
        "requests/s",
        "429: they ask again",
        f"quota L-8A5B8E43 and ApiRateLimit={ceil(opening.peak)}",
    )
    yield Limit(
        "Lambda: requests a second",
        opening.peak,
        deployment.environments * limits.REQUESTS_PER_ENVIRONMENT_S,
        "requests/s",
        "503 of API Gateway",
        _concurrency(wanted),
    )
    yield Limit(
        "Lambda: environments at work",
        opening.peak * aws.won_s,
        deployment.environments,
        "environments",
        "503 of API Gateway",
        _concurrency(wanted),
    )
    cold_s = limits.COLD_START_S[deployment["ColdStart"]]
    yield Limit(
        "Lambda: environments at once",
        max(wanted, opening.peak * cold_s),
        min(deployment.environments, deployment.provisioned + limits.STARTS),
        "environments",
        f"503 of API Gateway, until {limits.STARTS_PER_S} more a second are there",
        f"ColdStart=provisioned ProvisionedEnvironments={wanted}"
        if wanted + ceil(wanted / SPARE) <= _at_most("ApplyConcurrency")
        else _concurrency(wanted),
    )


def _concurrency(wanted: int) -> str:
    """Say what lets so many environments run, in numbers that the template takes."""
    room = wanted + ceil(wanted / SPARE)
    if room > _at_most("ApplyConcurrency"):
        return f"{MORE_STACKS}: {room:,} environments, and ApplyConcurrency is at most {_at_most('ApplyConcurrency')}"
    return f"ApplyConcurrency={room}, with a quota L-B99A9384 of {room + limits.UNRESERVED:,}"


def _at_most(parameter: str) -> int:
    return int(declared()[parameter]["MaxValue"])


def asked(opening: Opening, deployment: Deployment, aws: Aws) -> float:
    """Return how many calls of losers a second the gate gets, once it is sold out."""
    if not opening.remembered:
        return opening.peak
    kept = min(environments(opening, aws), deployment.environments) * opening.events  # each asks once a second
    return min(opening.peak, kept + limits.FALSE_POSITIVES * opening.peak)


def _gate(opening: Opening, deployment: Deployment, aws: Aws) -> Iterator[Limit]:
    times, pools = aws.times, deployment.pools
    kept = min(environments(opening, aws), deployment.environments)
    # All events share a node, which has one core for scripts, whatever its size.
    for who, need, each_s in (
        ("winners", opening.peak, times.gate_won_s),
        ("losers", asked(opening, deployment, aws), times.gate_lost_s),
    ):
        yield Limit(
            f"Redis: {who}",
            need,
            pools / each_s,
            "calls/s",
            "slower, then 503",
            f'{MORE_STACKS} (docs/scale.md, "When one event outgrows one shard")',
            queue=True,
        )
    need_gib = opening.won * limits.WINNER_BYTES / 2**30 / pools
    has_gib = limits.CACHE_GIB[size(deployment["CacheType"])] * limits.CACHE_USABLE
    larger = next((name for name, gib in limits.CACHE_GIB.items() if gib * limits.CACHE_USABLE >= need_gib), "")
    more = f"CacheType=cache.m7g.{larger}" if larger else MORE_STACKS
    yield Limit("Redis: memory", need_gib, has_gib, "GiB", "503 to winners", more)
    has = limits.CACHE_CONNECTIONS
    yield Limit("Redis: connections", kept, has, "connections", "503", MORE_STACKS)
    if opening.remembered:
        yield Limit(
            "Redis: filters sent",
            kept * opening.coupons * limits.FILTER_BYTES * opening.events / pools / 1e6,
            limits.CACHE_BYTES_PER_S / 1e6,
            "MB, MB/s",
            "remembered some seconds later",
            MORE_STACKS,
            soft=True,
        )


def _stream(opening: Opening, deployment: Deployment, aws: Aws) -> Iterator[Limit]:
    brokers = deployment.brokers
    winners = min(opening.peak, opening.won)  # of the first second
    each_s = produced_s(deployment, aws)
    cores = winners * each_s / limits.USABLE
    per_broker = next((name for name, cpus in limits.VCPUS.items() if cpus * brokers >= cores), "")
    reserved = "`reserved`; the sweep issues them"
    yield Limit(
        "Kafka: winners",
        winners,
        brokers * deployment.vcpus("BrokerType") / each_s,
        "records/s",
        reserved,
        f"BrokerType=kafka.m7g.{per_broker}" if per_broker else MORE_BROKERS,
        soft=True,
        queue=True,
    )
    if deployment["KafkaSecurity"] != "AWS_MSK_IAM":
        return
    busy = min(environments(opening, aws), deployment.environments, winners)
    yield Limit(
        "Kafka: new connections",
        busy * FIRST_CONNECTIONS,
        brokers * limits.CONNECTIONS_PER_S * MAX_BLOCK_S,
        f"in {MAX_BLOCK_S:g} s",
        reserved,
        MORE_BROKERS,
        soft=True,
    )
    yield Limit(
        "Kafka: connections a broker",
        busy * connections(opening.won / busy if busy else 0, brokers) / brokers,
        limits.CONNECTIONS,
        "connections",
        reserved,
        MORE_BROKERS,
        soft=True,
    )


def produced_s(deployment: Deployment, aws: Aws) -> float:
    """Return what a record costs all brokers together, in seconds of a core: its leader, and those that copy it."""
    followers: int = deployment["KafkaReplication"] - 1
    return aws.times.produce_s * (1 + limits.FOLLOWER * followers)


def connections(winners: float, brokers: int) -> float:
    """Return how many connections an environment has after so many winners: the bootstrap's, and the leaders'."""
    others: float = (1 - 1 / brokers) ** winners
    return 1 + brokers * (1 - others)


def poller_rows(deployment: Deployment, aws: Aws) -> float:
    """Return how many rows a second one poller carries, batch by batch."""
    return min(deployment.batch / aws.batch_s(deployment.batch), limits.POLLER_BYTES_PER_S / limits.EVENT_BYTES)


def _ledger(opening: Opening, deployment: Deployment, aws: Aws) -> Iterator[Limit]:
    need = opening.won / opening.issued_within_s
    one = poller_rows(deployment, aws)
    pollers = ceil(need / one / limits.USABLE)
    many = pollers > min(_at_most("KafkaPartitions"), _at_most("ProvisionedPollers"))
    late = f"rows later than {opening.issued_within_s:.0f} s"
    yield Limit(
        "pollers",
        need,
        min(deployment.pollers, deployment["KafkaPartitions"]) * one,
        "rows/s",
        late,
        MORE_STACKS if many else f"ProvisionedPollers={pollers}",
        soft=True,
        queue=True,
    )
    yield Limit(
        "partitions",
        need,
        deployment["KafkaPartitions"] * one,
        "rows/s",
        late,
        MORE_STACKS if many else f"KafkaPartitions={max(pollers, declared()['KafkaPartitions']['Default'])}",
        soft=True,
        queue=True,
    )
    cores = need * aws.times.ledger_s / limits.USABLE
    larger = next((name for name, cpus in limits.VCPUS.items() if cpus >= cores), "16xlarge")
    yield Limit(
        "MySQL: inserts",
        need,
        deployment.vcpus("DatabaseClass") / aws.times.ledger_s,
        "rows/s",
        late,
        f"DatabaseClass=db.m7g.{larger}",
        soft=True,
        queue=True,
    )
    kept = min(environments(opening, aws), deployment.environments) + deployment["KafkaPartitions"] + 5
    yield Limit(
        "MySQL: connections",
        kept,
        deployment.max_connections,
        "connections",
        "503 to who asks for a status",
        f"max_connections={2 * kept} in DatabaseParameters",
    )
