"""Which limit comes first, what to set, and what it costs.

    make capacity ARGS="--burst 10000 --coupons 10000 [--events 2] [--seconds 10] [NAME=VALUE …]"
    make capacity ARGS=--sizes

NAME is a parameter of template.yaml or template.infrastructure.yaml that differs from its default. Service times are
what `make bench` has measured (benchmarks/report/times.json); AWS's limits, and what is assumed of its
machines, stand in limits.py, prices in docs/deploy.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from functools import partial
from math import inf

from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

from benchmarks.harness.rows import markdown
from benchmarks.scale import limits, times
from benchmarks.scale.advice import STACKS_MAX, Recommendation, costs, recommended
from benchmarks.scale.deployment import OF_SERVERS, Deployment, outside, size
from benchmarks.scale.planning import ranked
from benchmarks.scale.times import MEMORY_COUPONS, Aws, Opening, Times

SIZES = (100, 1_000, 2_000, 9_000, 10_000, 100_000, 1_000_000)  # people a second, for ten seconds; a tenth of them win
SIZES_HEAD = ("people/s", "first, as deployed", "to set", "first, so set", "$/h")
OTHERS = {"api_quota": "quota L-8A5B8E43 {:,}", "lambda_quota": "quota L-B99A9384 {:,}"}  # what is no parameter


def main() -> None:
    """Say it for what the command line expects."""
    said = _arguments()
    measured = times.read()
    if said.sizes:
        print(markdown(SIZES_HEAD, sizes(measured)))
        return
    console = Console(width=170)
    opening, deployment = said.opening, said.deployment
    aws = Aws(measured)
    for line in meaning(opening, deployment):
        console.print(line, highlight=False)
    console.print(f"\nAs it is, {ranked(opening, deployment, aws)[0].what} comes first.\n")
    _print(console, opening, deployment, aws)
    columns = {"as it is": (deployment, opening, 1)}
    found = recommended(opening, deployment, aws)
    if found is None:
        console.print(f"\nNo number of stacks up to {STACKS_MAX:,} passes every limit: expect fewer people at once.")
    elif settings := recommendation(deployment, found):
        console.print(f"\nTo set: {settings}")
        servers = [name for name in sorted(OF_SERVERS & found.each.parameters) if found.each[name] != deployment[name]]
        if servers:
            console.print(f"Of template.infrastructure.yaml: {', '.join(servers)}. Of template.yaml: the others.")
        console.print()
        _print(console, found.share, found.each, aws)
        columns["so set"] = (found.each, found.share, found.stacks)
    else:
        console.print("\nNothing needs to be set.")
    console.print("\nCosts of all, $, by the prices in docs/deploy.md, where their date stands:")
    console.print(costs_table(columns, aws))


def meaning(opening: Opening, deployment: Deployment) -> Iterator[str]:
    """Yield what the options mean, and what is assumed beside them."""
    events = f" for each of {opening.events} events" if opening.events > 1 else ""
    yield (
        f"{opening.burst:,.0f} people a second for {opening.seconds:g} s{events}: {opening.people:,.0f} people, "
        f"of whom {opening.won:,.0f} get a coupon, and have their row within {opening.issued_within_s:g} s."
    )
    memory = "from memory, where an event has" if opening.memory else "by Redis, as if an event had not"
    yield (
        f"Assumed: who was refused and asks again adds no load; losers are told {memory} {MEMORY_COUPONS:,} coupons or "
        f"fewer; quotas of {deployment.api_quota:,} requests a second (L-8A5B8E43) and "
        f"{deployment.lambda_quota:,} concurrent executions (L-B99A9384) in an account that does nothing else; service "
        "times as measured here (benchmarks/report), on cores of AWS that are as fast; AWS's limits and machines as in "
        "benchmarks/scale/limits.py. --help says how to change them."
    )


def recommendation(deployment: Deployment, found: Recommendation) -> str:
    """Return what to set, by name, and in how many stacks."""
    settings = changes(deployment, found.each)
    if found.stacks == 1:
        return settings
    many = f"{found.stacks:,} stacks, each in an account of its own with its share (docs/scale.md)"
    return f"{many}; in each {settings}" if settings else many


def changes(deployment: Deployment, better: Deployment) -> str:
    """Return what to set, by name, and what is no parameter."""
    parts = [f"{name}={better[name]}" for name in sorted(better.parameters) if better[name] != deployment[name]]
    for name, what in OTHERS.items():
        if (value := getattr(better, name)) != getattr(deployment, name):
            parts.append(what.format(value))
    return ", ".join(parts)


def sizes(measured: Times) -> Iterator[list[str]]:
    """Yield, for openings of several sizes, what comes first, what to set, and what comes first then."""
    deployment = Deployment()
    aws = Aws(measured)

    def first(opening: Opening, deployment: Deployment) -> str:
        limit = ranked(opening, deployment, aws)[0]
        return f"{limit.what}, {times_full(limit.used)}"

    for burst in SIZES:
        opening = Opening(burst, seconds=10, coupons=burst)
        found, cells = recommended(opening, deployment, aws), ["nothing suffices", "", ""]
        if found is not None:
            hour = found.stacks * sum(costs(found.share, found.each, aws)[0].values())
            cells = [recommendation(deployment, found), first(found.share, found.each), f"{hour:,.2f}"]
        yield [f"{burst:,}", first(opening, deployment), *cells]


def costs_table(columns: dict[str, tuple[Deployment, Opening, int]], aws: Aws) -> Table:
    """Return the costs of several deployments beside each other, each with its opening, in so many stacks."""
    said = Table("what", *columns, box=MARKDOWN)
    found = [(costs(opening, deployment, aws), stacks) for deployment, opening, stacks in columns.values()]
    for number, what in enumerate(("an hour", "the opening")):
        parts = [(each[number], stacks) for each, stacks in found]
        for name in parts[0][0]:
            said.add_row(f"{what}: {name}", *(f"{stacks * each[name]:,.2f}" for each, stacks in parts))
        said.add_row(f"[b]{what}[/]", *(f"[b]{stacks * sum(each.values()):,.2f}[/]" for each, stacks in parts))
    return said


def _print(console: Console, opening: Opening, deployment: Deployment, aws: Aws) -> None:
    said = Table("limit", "needed", "there is", "unit", "used", box=MARKDOWN)
    for limit in ranked(opening, deployment, aws):
        said.add_row(limit.what, figure(limit.need), figure(limit.has), limit.unit, times_full(limit.used))
    console.print(said)
    rate = admitted(opening, deployment, aws)
    everybody_s, sold_out_s = opening.people / rate, opening.won / rate
    console.print(
        f"Answered: {rate:,.0f} people a second; all after {everybody_s:,.0f} s, refused ones by asking again."
    )
    console.print(f"Sold out after {sold_out_s:,.1f} s.")


def admitted(opening: Opening, deployment: Deployment, aws: Aws) -> float:
    """Return how many people a second get an answer that is not "again later"."""
    hard = [limit for limit in ranked(opening, deployment, aws) if not limit.soft and limit.unit.endswith("/s")]
    return min(opening.peak, deployment.environments / aws.won_s, *(limit.has for limit in hard))


def times_full(used: float) -> str:
    """Return how much of a limit is needed: a share of it, or how many of it."""
    return f"{used:.0%}" if used < 2 else f"{used:,.1f} times" if used < 10 else f"{used:,.0f} times"


def figure(value: float) -> str:
    """Return a number as a person writes it."""
    return f"{value:,.0f}" if abs(value) >= 10 else f"{value:.2g}"


def _arguments() -> argparse.Namespace:
    """Return the options; `opening` and `deployment` are made of them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale.capacity", description=__doc__.partition("\n")[0])
    above_0, whole = partial(_above_0, float), partial(_above_0, int)
    parser.add_argument("--sizes", action="store_true", help="a table of several sizes, and nothing else")
    parser.add_argument("--burst", type=above_0, default=1_000, help="people a second, of one event (1,000)")
    parser.add_argument("--coupons", type=whole, default=1_000, help="of one event (1,000)")
    parser.add_argument("--seconds", type=above_0, default=10, help="how long the burst lasts (10)")
    parser.add_argument("--events", type=whole, default=1, help="events that open together (1)")
    parser.add_argument("--no-memory", action="store_true", help="as if sold out were never told from memory")
    parser.add_argument("--api-quota", type=whole, default=limits.API_REQUESTS_PER_S, help="requests a second")
    parser.add_argument("--lambda-quota", type=whole, default=limits.CONCURRENCY, help="concurrent executions")
    parser.add_argument("parameters", nargs="*", metavar="NAME=VALUE", help="of the templates")
    said = parser.parse_args()
    said.opening = Opening(said.burst, said.seconds, said.coupons, said.events, memory=not said.no_memory)
    for pair in said.parameters:
        if "=" not in pair:
            parser.error(f"{pair!r} has no `=`: parameters are written NAME=VALUE, options begin with --")
    parameters = dict(pair.split("=", 1) for pair in said.parameters)
    quotas = {"api_quota": said.api_quota, "lambda_quota": said.lambda_quota}
    try:
        said.deployment = Deployment(parameters, **quotas)
        for sized in ("BrokerType", "CacheType", "DatabaseClass"):
            size(said.deployment[sized])
    except LookupError as error:
        parser.error(str(error))
    if wrong := outside(parameters):
        parser.error("; ".join(wrong))
    return said


def _above_0(kind: type[float], value: str) -> float:
    try:
        number = kind(value)
    except ValueError:
        number = kind(0)
    if not 0 < number < inf:
        raise argparse.ArgumentTypeError(f"{value}: a {'whole ' if kind is int else ''}number above 0 is expected")
    return number


if __name__ == "__main__":
    main()
