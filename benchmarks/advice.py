"""What to set, so that an opening is served."""

from __future__ import annotations

from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING

from benchmarks import limits
from benchmarks.planning import environments, poller_rows, ranked, unranked

if TYPE_CHECKING:
    from benchmarks.deployment import Deployment
    from benchmarks.opening import Aws, Opening
    from benchmarks.planning import Limit


def advised(opening: Opening, deployment: Deployment, aws: Aws) -> Deployment:
    """Answer the deployment that serves the opening with room to spare, where parameters and quotas can do it."""
    peak, wanted = ceil(opening.peak), environments(opening, aws)
    room = wanted + ceil(wanted / 10)  # provisioned ones must be fewer than there may be
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
    """Answer the limits that people are refused by."""
    return [limit for limit in ranked(opening, deployment, aws) if limit.used > 1 and not limit.soft]


def _larger(instance_type: str, used: float) -> str:
    """Answer the smallest type of the family that has room, or its largest."""
    family, _, now = instance_type.rpartition(".")
    cpus = limits.VCPUS[now] * max(1.0, used)
    return f"{family}.{next((name for name, has in limits.VCPUS.items() if has >= cpus), list(limits.VCPUS)[-1])}"
