"""What to set, so that an opening is served, in how many stacks, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil

from benchmarks.harness.prices import HTTP_API_REQUEST, LAMBDA_GB_S, LAMBDA_REQUEST, price, prices
from benchmarks.scale import limits
from benchmarks.scale.deployment import MEMORY_MB, Deployment, outside
from benchmarks.scale.planning import (
    FIRST_CONNECTIONS,
    MAX_BLOCK_S,
    asked,
    environments,
    poller_rows,
    ranked,
)
from benchmarks.scale.times import Aws, Opening

STACKS_MAX = 1_000  # accounts: more is no advice
ZONES = 3  # brokers come in multiples of it
SPARE = 10  # a tenth more environments than are provisioned: they must be fewer than there may be
LOGGED_BYTES = 400  # an application, and a row
CALL_BYTES = 1_000  # of the gate


@dataclass(frozen=True, slots=True)
class Recommendation:
    """So many stacks, each in an account of its own, each with its share of the opening."""

    stacks: int
    share: Opening
    each: Deployment


def recommended(opening: Opening, deployment: Deployment, aws: Aws) -> Recommendation | None:
    """Return the fewest stacks that are within every limit and what the templates take; None: no number of them is."""
    for many in range(1, STACKS_MAX + 1):
        share = replace(opening, burst=opening.burst / many, coupons=ceil(opening.coupons / many))
        each = advised(share, deployment, aws)
        tight = [limit for limit in ranked(share, each, aws) if limit.tight]
        if not tight and not outside(each.parameters):
            return Recommendation(many, share, each)
    return None


def advised(opening: Opening, deployment: Deployment, aws: Aws) -> Deployment:
    """Return the deployment that refuses nobody, where parameters and quotas can do it, beyond what the templates take.

    For what passes every limit, see `recommended`.
    """
    peak, wanted = ceil(opening.peak), environments(opening, aws)
    room = wanted + ceil(wanted / SPARE)
    pollers = ceil(opening.won / opening.issued_within_s / poller_rows(aws) / limits.USABLE)
    partitions = max(pollers, deployment["KafkaPartitions"])
    connected = partitions + deployment.connected_beside  # to MySQL, beside apply
    # Brokers that take the connections of all first winners in time.
    connecting = min(wanted, peak, opening.won) * FIRST_CONNECTIONS / (limits.CONNECTIONS_PER_S * MAX_BLOCK_S)
    used = {limit.what: limit.used / limits.USABLE for limit in ranked(opening, deployment, aws)}

    def larger(parameter: str, limit: str, at_least: float = 0) -> str:
        """Return the smallest type of the family that has room, or its largest."""
        family = deployment[parameter].rpartition(".")[0]
        cpus = max(at_least, deployment.vcpus(parameter) * max(1.0, used[limit]))
        return f"{family}.{next((name for name, has in limits.VCPUS.items() if has >= cpus), list(limits.VCPUS)[-1])}"

    concurrency, api_quota = max(deployment["ApplyConcurrency"], room), max(deployment.api_quota, peak)
    # Whom the environments serve, and no more than the account: above either, a higher limit has no effect.
    rate = max(deployment["ApiRateLimit"], min(api_quota, concurrency * limits.REQUESTS_PER_ENVIRONMENT_S))
    enough = replace(
        deployment,
        api_quota=api_quota,
        lambda_quota=max(deployment.lambda_quota, room + deployment.reserved_beside),
    ).with_parameters(
        ApiRateLimit=rate,
        ApiBurstLimit=max(deployment["ApiBurstLimit"], rate // 2),
        ApplyConcurrency=concurrency,
        KafkaPartitions=partitions,
        ProvisionedPollers=pollers if pollers > deployment.pollers else deployment["ProvisionedPollers"],
        BrokerCount=max(deployment["BrokerCount"], ZONES * ceil(connecting / ZONES)),
        BrokerType=larger("BrokerType", "Kafka: winners"),
        CacheType=larger("CacheType", "Redis: memory"),
        DatabaseClass=larger(
            "DatabaseClass", "MySQL: inserts", (wanted + connected) / limits.DATABASE_CONNECTIONS_PER_VCPU
        ),
        # Twice: a deployment leaves the old environments frozen behind the new ones.
        DatabaseConnections=max(deployment["DatabaseConnections"], 2 * (room + connected)),
    )
    if used["Lambda: environments at once"] > 1 / limits.USABLE:
        enough = enough.with_parameters(ColdStart="provisioned", ProvisionedEnvironments=wanted)
    return enough


# --- what it costs ---------------------------------------------------------------------------------------------------


def costs(opening: Opening, deployment: Deployment, aws: Aws) -> tuple[dict[str, float], dict[str, float]]:
    """Return $ by what they are for: an hour of what is deployed, and the requests of the opening itself."""
    sized = {"BrokerType": "MSK broker", "CacheType": "ElastiCache", "DatabaseClass": "RDS MySQL"}
    # Types of one family cost in proportion to their cores; deploy.md has the price of a large one.
    servers = {name: price(what) * deployment.vcpus(name) / limits.VCPUS["large"] for name, what in sized.items()}
    idle = {name.removeprefix("idle: "): value for name, value in prices().items() if name.startswith("idle: ")}
    provisioned_gb = deployment.provisioned * MEMORY_MB / 1024
    units = -(-deployment["ProvisionedPollers"] // limits.POLLERS_PER_UNIT)
    hour = {
        "brokers": deployment["BrokerCount"] * servers["BrokerType"],
        "Valkey": 2 * servers["CacheType"],
        "MySQL": servers["DatabaseClass"],
        "disks, endpoints, retry, alarms": sum(
            value for name, value in idle.items() if not name.startswith(tuple(sized.values()))
        ),
        "provisioned environments": provisioned_gb * 3600 * price("`ColdStart=provisioned`"),
        "provisioned pollers": units * price("`ProvisionedPollers`"),
    }
    people, won = opening.people, opening.won
    lost_s = aws.remembered_s if opening.remembered else aws.lost_s
    gb_s = (won * aws.won_s + (people - won) * lost_s) * MEMORY_MB / 1024
    calls = won + asked(opening, deployment, aws) / opening.peak * (people - won)
    requests = {
        "HTTP API": people * HTTP_API_REQUEST,
        "Lambda": people * LAMBDA_REQUEST + gb_s * LAMBDA_GB_S,
        "logs": (people + won) * LOGGED_BYTES / 1e9 * price("logs"),
        "between zones": calls * CALL_BYTES / 1e9 * 2 / 3 * price("between zones"),
    }
    return hour, requests
