"""Which limit comes first, what to set, and what it costs.

    make capacity ARGS="--burst 10000 --coupons 10000 [--events 2] [--seconds 10] [NAME=VALUE …]"
    make capacity ARGS=--sizes

NAME is a parameter of template.yaml or template.infrastructure.yaml that differs from its default. Service times are
what the benchmarks `scale` and `gate` have measured (benchmarks/report); AWS's limits, and what is assumed of its
machines, stand in limits.py, prices in docs/deploy.md.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from math import ceil
from statistics import median
from typing import TYPE_CHECKING

from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

from benchmarks import limits, prices, report
from benchmarks.advice import advised, refused_by
from benchmarks.deployment import Deployment, size
from benchmarks.opening import Aws, Opening
from benchmarks.planning import Limit, asked, poller_rows, ranked
from benchmarks.times import Times

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SIZES = (100, 1_000, 2_000, 10_000, 40_000, 100_000)  # people a second, for ten seconds; a tenth of them win


def main() -> None:
    """Say it for what the command line expects."""
    said = _arguments()
    times, console = measured(report.REPORT), Console(width=170)
    if said.sizes:
        console.print(sizes_table(times))
        return
    opening, deployment, stacks = said.opening, said.deployment, said.stacks
    aws = Aws.of(times, deployment)
    in_each = f" In each of {stacks} stacks:" if stacks > 1 else ""
    console.print(f"{opening.people * stacks:,.0f} people, {opening.won * stacks:,.0f} coupons.{in_each}\n")
    console.print(f"First comes: {ranked(opening, deployment, aws)[0].what}.")
    _print(console, opening, deployment, aws)
    better = advised(opening, deployment, aws)
    if settings := changes(deployment, better):
        console.print(f"\nTo set: {settings}\n")
        _print(console, opening, better, aws)
        if left := refused_by(opening, better, aws):
            names = ", ".join(limit.what for limit in left)
            console.print(f"No parameter helps against: {names}. Try --stacks {stacks * ceil(left[0].used)}.")
    console.print(f"\nCosts of all, $; prices as of {prices.assumed_on()} (docs/deploy.md):")
    console.print(costs_table({"as it is": deployment, "so set": better}, opening, aws, stacks))


def sizes_table(times: Times) -> Table:
    """Answer, for openings of several sizes, what comes first, what to set, and what comes first then."""
    said = Table("people/s", "first, as deployed", "to set", "first, so set", "$/h", box=MARKDOWN)
    for burst in SIZES:
        opening, deployment = Opening(burst, seconds=10, coupons=burst), Deployment()
        aws = Aws.of(times, deployment)
        better = advised(opening, deployment, aws)
        firsts = [ranked(opening, each, aws)[0] for each in (deployment, better)]
        before, after = (f"{limit.what}, {times_full(limit.used)}" for limit in firsts)
        hour = sum(costs(opening, better, aws).hour.values())
        said.add_row(f"{burst:,}", before, changes(deployment, better), after, f"{hour:,.2f}")
    return said


def _print(console: Console, opening: Opening, deployment: Deployment, aws: Aws) -> None:
    console.print(table(ranked(opening, deployment, aws)))
    for line in outcome(opening, deployment, aws):
        console.print(line)


def measured(folder: Path) -> Times:
    """Answer the service times that the benchmarks have kept; raise `FileNotFoundError` where `scale` was not run."""
    rows = report.read(folder, "scale")
    return alone(Times.from_json(next(row.data["times"] for row in rows if "times" in row.data)), folder)


def alone(times: Times, folder: Path) -> Times:
    """Answer the same with a Redis that has a core for itself, as the benchmark `gate` has found it, if it was run."""
    try:
        rows = report.read(folder, "gate")
    except FileNotFoundError:
        return times
    rates = next(row.values for row in rows if row.name == "gate-redis-benchmark")
    return replace(times, gate_won_s=1 / median(rates["accepted"]), gate_lost_s=1 / median(rates["sold out"]))


def table(found: list[Limit]) -> Table:
    """Answer the limits as a table, the first one first."""
    said = Table("limit", "needed", "there is", "used", "passed", "set", box=MARKDOWN)
    for limit in found:
        used = times_full(limit.used)
        more = (limit.passed, limit.set) if limit.tight else ("", "")
        style = "red" if limit.used > 1 and not limit.soft else "yellow" if limit.tight else ""
        said.add_row(limit.what, figure(limit.need), f"{figure(limit.has)} {limit.unit}", used, *more, style=style)
    return said


def changes(deployment: Deployment, better: Deployment) -> str:
    """Answer what to set, by name, and what is no parameter."""
    parts = [f"{name}={better[name]}" for name in sorted(better.parameters) if better[name] != deployment[name]]
    for name, what in _OTHERS.items():
        if (value := getattr(better, name)) != getattr(deployment, name):
            parts.append(what.format(value))
    return ", ".join(parts)


_OTHERS = {
    "api_quota": "quota L-8A5B8E43 {:,}",
    "lambda_quota": "quota L-B99A9384 {:,}",
    "max_connections": "max_connections {:,} (DatabaseParameters)",
    "pools": "{} pools of tickets (docs/scale.md)",
}


# --- what comes of it ------------------------------------------------------------------------------------------------


def admitted(opening: Opening, deployment: Deployment, aws: Aws) -> float:
    """Answer how many people a second get an answer that is not "again later"."""
    hard = [limit for limit in ranked(opening, deployment, aws) if not limit.soft and limit.unit.endswith("/s")]
    worked = deployment.environments / aws.won_s
    return min(opening.peak, worked, *(limit.has for limit in hard))


def outcome(opening: Opening, deployment: Deployment, aws: Aws) -> Iterator[str]:
    """Yield what people see of it."""
    rate = admitted(opening, deployment, aws)
    yield f"Answered: {rate:,.0f} people a second; everybody after {opening.people / rate:,.0f} s, if they ask again."
    yield f"Sold out after {opening.won / rate:,.1f} s."
    rows = min(
        min(deployment.pollers, deployment["KafkaPartitions"]) * poller_rows(deployment, aws),
        deployment.vcpus("DatabaseClass") / aws.times.ledger_s,
    )
    last_s = max(opening.won / rate, opening.won / rows) + deployment.window_s
    yield f"Rows: up to {rows:,.0f} a second, the last one after about {last_s:,.0f} s."
    if any(limit.used > 1 for limit in ranked(opening, deployment, aws) if limit.what.startswith("Kafka: ")):
        yield "But many winners are only `reserved`: the sweep issues theirs, a half to one and a half minutes later."


# --- costs -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Costs:
    """$ by what they are for: an hour, and the opening itself."""

    hour: dict[str, float]
    opening: dict[str, float]


def costs(opening: Opening, deployment: Deployment, aws: Aws) -> Costs:
    """Answer what a deployment costs in an hour, and the requests of the opening."""
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


def costs_table(deployments: dict[str, Deployment], opening: Opening, aws: Aws, stacks: int) -> Table:
    """Answer the costs of several deployments beside each other."""
    said = Table("what", *deployments, box=MARKDOWN)
    found = [costs(opening, deployment, aws) for deployment in deployments.values()]
    for what, parts in (("an hour", [each.hour for each in found]), ("the opening", [each.opening for each in found])):
        for name in parts[0]:
            said.add_row(f"{what}: {name}", *(f"{stacks * each[name]:,.2f}" for each in parts))
        said.add_row(f"[b]{what}[/]", *(f"[b]{stacks * sum(each.values()):,.2f}[/]" for each in parts))
    return said


def times_full(used: float) -> str:
    """Answer how much of a limit is needed: a share of it, or how many of it."""
    return f"{used:.0%}" if used < 2 else f"{used:,.1f} times" if used < 10 else f"{used:,.0f} times"


def figure(value: float) -> str:
    """Answer a number as a person writes it."""
    return f"{value:,.0f}" if abs(value) >= 10 else f"{value:.2g}"


# --- the command line ------------------------------------------------------------------------------------------------


def _arguments() -> argparse.Namespace:
    """Answer the options; `opening`, `deployment` and `stacks` are made of them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.capacity", description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", action="store_true", help="a table of several sizes, and nothing else")
    parser.add_argument("--burst", type=float, default=1_000, help="people a second, of one event (1,000)")
    parser.add_argument("--coupons", type=int, default=1_000, help="of one event (1,000)")
    parser.add_argument("--seconds", type=float, default=10, help="how long the burst lasts (10)")
    parser.add_argument("--events", type=int, default=1, help="events that open together (1)")
    parser.add_argument("--issued-within", type=float, default=60, help="seconds until the last row (60)")
    parser.add_argument("--no-memory", action="store_true", help="as if sold out were never told from memory")
    parser.add_argument("--api-quota", type=int, default=limits.API_REQUESTS_PER_S, help="requests a second")
    parser.add_argument("--lambda-quota", type=int, default=limits.CONCURRENCY, help="concurrent executions")
    parser.add_argument("--stacks", type=int, default=1, help="each with its share of people and coupons (1)")
    parser.add_argument("--pools", type=int, default=1, help="pools of tickets, each on a shard of its own (1)")
    parser.add_argument("parameters", nargs="*", metavar="NAME=VALUE", help="of the templates")
    said = parser.parse_args()
    share, memory = said.coupons // said.stacks, not said.no_memory
    said.opening = Opening(said.burst / said.stacks, said.seconds, share, said.events, said.issued_within, memory)
    parameters = dict(pair.split("=", 1) for pair in said.parameters)
    quotas = {"api_quota": said.api_quota, "lambda_quota": said.lambda_quota}
    try:
        said.deployment = Deployment(parameters, **quotas, pools=said.pools)
        for sized in ("BrokerType", "CacheType", "DatabaseClass"):
            size(said.deployment[sized])
    except LookupError as error:
        parser.error(str(error))
    return said


if __name__ == "__main__":
    main()
