"""What to set, so that an opening is served, and in how many stacks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil
from typing import TYPE_CHECKING

from benchmarks import limits
from benchmarks.deployment import outside, provisioned_too_many
from benchmarks.planning import FIRST_CONNECTIONS, MAX_BLOCK_S, SPARE, environments, poller_rows, ranked, unranked

if TYPE_CHECKING:
    from benchmarks.deployment import Deployment
    from benchmarks.opening import Aws, Opening
    from benchmarks.planning import Limit

STACKS_MAX = 1_000  # accounts: more is no advice
ZONES = 3  # brokers come in multiples of it


@dataclass(frozen=True, slots=True)
class Recommendation:
    """So many stacks, each in an account of its own, each with its share of the opening."""

    stacks: int
    share: Opening
    each: Deployment


def recommended(opening: Opening, deployment: Deployment, aws: Aws, stacks: int = 1) -> Recommendation | None:
    """Return the fewest stacks, at least `stacks`, within every limit and what the templates take; None: none are.

    `opening` is that of one of `stacks`. Pools of tickets are not recommended: nobody has built them.
    """
    for many in range(stacks, STACKS_MAX + 1):
        share = replace(
            opening, burst=opening.burst * stacks / many, coupons=max(1, ceil(opening.coupons * stacks / many))
        )
        each = replace(advised(share, deployment, aws), pools=deployment.pools)
        each = replace(each, brokers=max(each.brokers, _brokers(share, each, aws)))
        if not failing(share, each, aws):
            return Recommendation(many, share, each)
    return None


def failing(opening: Opening, deployment: Deployment, aws: Aws) -> list[str]:
    """Return what is wrong with a deployment for an opening: limits that are passed, values that no template takes."""
    passed = [limit.what for limit in ranked(opening, deployment, aws) if limit.tight]
    too_many = ["more brokers than a cluster has"] if deployment.brokers > limits.BROKERS else []
    return [*passed, *outside(deployment.parameters), *provisioned_too_many(deployment), *too_many]


def _brokers(opening: Opening, deployment: Deployment, aws: Aws) -> int:
    """Return how many brokers take the connections of all first winners in time."""
    if deployment["KafkaSecurity"] != "AWS_MSK_IAM":
        return 0
    busy = min(environments(opening, aws), deployment.environments, opening.peak, opening.won)
    needed = busy * FIRST_CONNECTIONS / (limits.CONNECTIONS_PER_S * MAX_BLOCK_S)
    return ZONES * ceil(needed / ZONES)


def advised(opening: Opening, deployment: Deployment, aws: Aws) -> Deployment:
    """Return the deployment that refuses nobody, where parameters and quotas can do it, beyond what the templates take.

    What is told `reserved` is left to the sweep: for what passes every limit, see `recommended`.
    """
    peak, wanted = ceil(opening.peak), environments(opening, aws)
    room = wanted + ceil(wanted / SPARE)
    pollers = ceil(opening.won / opening.issued_within_s / poller_rows(deployment, aws) / limits.USABLE)
    partitions = max(pollers, deployment["KafkaPartitions"])
    used = {limit.what: limit.used / limits.USABLE for limit in unranked(opening, deployment, aws)}
    enough = replace(
        deployment,
        api_quota=max(deployment.api_quota, peak),
        lambda_quota=max(deployment.lambda_quota, room + limits.UNRESERVED),
        max_connections=max(deployment.max_connections, 2 * (room + partitions)),
        pools=ceil(deployment.pools * max(1.0, used["Redis: winners"], used["Redis: losers"])),
    ).with_parameters(
        ApiRateLimit=max(deployment["ApiRateLimit"], peak),
        ApiBurstLimit=max(deployment["ApiBurstLimit"], peak // 2),
        ApplyConcurrency=max(deployment["ApplyConcurrency"], room),
        KafkaPartitions=partitions,
        ProvisionedPollers=pollers if pollers > deployment.pollers else deployment["ProvisionedPollers"],
        BrokerType=_larger(deployment["BrokerType"], used["Kafka: winners"]),
        CacheType=_larger(deployment["CacheType"], used["Redis: memory"]),
        DatabaseClass=_larger(deployment["DatabaseClass"], used["MySQL: inserts"]),
    )
    if used["Lambda: environments at once"] > 1 / limits.USABLE:
        enough = enough.with_parameters(ColdStart="provisioned", ProvisionedEnvironments=wanted)
    return enough


def refused_by(opening: Opening, deployment: Deployment, aws: Aws) -> list[Limit]:
    """Return the limits that people are refused by."""
    return [limit for limit in ranked(opening, deployment, aws) if limit.used > 1 and not limit.soft]


def _larger(instance_type: str, used: float) -> str:
    """Return the smallest type of the family that has room, or its largest."""
    family, _, now = instance_type.rpartition(".")
    cpus = limits.VCPUS[now] * max(1.0, used)
    return f"{family}.{next((name for name, has in limits.VCPUS.items() if has >= cpus), list(limits.VCPUS)[-1])}"
