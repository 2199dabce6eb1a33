"""What an opening costs: an hour of what is deployed, and the requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.box import MARKDOWN
from rich.table import Table

from benchmarks import limits, prices
from benchmarks.planning import asked

if TYPE_CHECKING:
    from benchmarks.deployment import Deployment
    from benchmarks.opening import Aws, Opening


@dataclass(frozen=True, slots=True)
class Costs:
    """$ by what they are for: an hour, and the opening itself."""

    hour: dict[str, float]
    opening: dict[str, float]


def costs(opening: Opening, deployment: Deployment, aws: Aws) -> Costs:
    """Return what a deployment costs in an hour, and the requests of the opening."""
    price = prices.price

    def sized(what: str, parameter: str) -> float:
        """Types of one family cost in proportion to their cores; deploy.md has the price of a large one."""
        return price(what) * deployment.vcpus(parameter) / limits.VCPUS["large"]

    provisioned_gb = deployment.provisioned * deployment.memory_mb / 1024
    units = -(-deployment["ProvisionedPollers"] // limits.POLLERS_PER_UNIT)
    hour = {
        "brokers": deployment.brokers * sized("MSK broker", "BrokerType"),
        "Valkey": 2 * deployment.pools * sized("ElastiCache", "CacheType"),
        "MySQL": sized("RDS MySQL", "DatabaseClass"),
        "disks, endpoints, retry, alarms": sum(
            value for name, value in prices.prices().items() if name.startswith("idle: ") and not _is_server(name)
        ),
        "provisioned environments": provisioned_gb * 3600 * price("`ColdStart=provisioned`"),
        "provisioned pollers": units * price("`ProvisionedPollers`"),
    }
    people, won = opening.people, opening.won
    lost_s = aws.remembered_s if opening.remembered else aws.lost_s
    gb_s = (won * aws.won_s + (people - won) * lost_s) * deployment.memory_mb / 1024
    calls = won + asked(opening, deployment, aws) / opening.peak * (people - won)
    return Costs(
        hour,
        {
            "HTTP API": people / 1e6 * price("HTTP API"),
            "Lambda": people / 1e6 * price("Lambda, requests") + gb_s * price("Lambda, duration"),
            "logs": (people + won) * 400 / 1e9 * price("logs"),
            "between zones": calls * 1e3 / 1e9 * 2 / 3 * price("between zones"),
        },
    )


def _is_server(name: str) -> bool:
    return name.removeprefix("idle: ").startswith(("MSK broker", "ElastiCache", "RDS MySQL"))


def costs_table(columns: dict[str, tuple[Deployment, Opening, int]], aws: Aws) -> Table:
    """Return the costs of several deployments beside each other, each with its opening, in so many stacks."""
    said = Table("what", *columns, box=MARKDOWN)
    found = [(costs(opening, deployment, aws), stacks) for deployment, opening, stacks in columns.values()]
    for what, parts in (
        ("an hour", [(each.hour, stacks) for each, stacks in found]),
        ("the opening", [(each.opening, stacks) for each, stacks in found]),
    ):
        for name in parts[0][0]:
            said.add_row(f"{what}: {name}", *(f"{stacks * each[name]:,.2f}" for each, stacks in parts))
        said.add_row(f"[b]{what}[/]", *(f"[b]{stacks * sum(each.values()):,.2f}[/]" for each, stacks in parts))
    return said
