"""firstcome crowd: many people who come to an event of the local cloud, at a rate."""

import asyncio
import time
from collections.abc import Callable
from typing import Annotated

import httpx
import typer
from rich.progress import Progress

from firstcome_cli import turns
from firstcome_cli.commands.options import EventId
from firstcome_cli.errors import Refused
from firstcome_cli.rehearsal import figures
from firstcome_cli.rehearsal.crowd import UNKNOWN as NOT_KNOWN
from firstcome_cli.rehearsal.crowd import Crowd, Told
from firstcome_cli.run import FINDING, UNKNOWN, Run

CONNECTIONS = 500  # at once: who comes while all are busy waits, and it counts
ELSEWHERE = (
    "the people of a crowd are made up, and would take the coupons of real ones: only on the local cloud. "
    "firstcome rehearse sends them to an event of its own"
)
DRAFT = "a draft gives no coupons: firstcome event open {}"


def crowd(
    ctx: typer.Context,
    event_id: EventId,
    people: Annotated[int, typer.Option(help="How many people come.", min=1)] = 1000,
    rate: Annotated[float, typer.Option(help="How many of them a second.", min=0.1)] = 200.0,
    prefix: Annotated[str, typer.Option(help="They are PREFIX-1, PREFIX-2, and so on.")] = "person",
) -> None:
    """Let people come to an event of the local cloud. They come at a rate; before it opens, they wait for it."""
    run = Run.of(ctx)
    if run.stack_name:  # before boto3 is loaded: nothing is asked there
        raise Refused("local_only", ELSEWHERE)
    with run.client() as client:
        seen = client.event(event_id)
    if seen.state == "draft":
        raise Refused("draft", DRAFT.format(event_id))
    run.show.aside(f"{people:,} people come to {event_id} on {run.place.name}, {rate:,.0f} a second")
    opens_at_ms = turns.milliseconds(seen.opens_at)
    if opens_at_ms > turns.milliseconds(seen.now):
        run.show.aside(f"once it opens, at {seen.opens_at}")
    told = asyncio.run(come(run, event_id, people, rate, opens_at_ms, lambda number: f"{prefix}-{number + 1}"))
    found = figures.figures(told)
    run.show.answer({"event_id": event_id, "people": people, "rate": rate, **found})
    if found["winners"] != found["distinct_tickets"]:
        raise typer.Exit(FINDING)
    if NOT_KNOWN in found["answers"]:
        raise typer.Exit(UNKNOWN)


async def come(
    run: Run, event_id: str, people: int, rate: float, begins_at_ms: int, person: Callable[[int], str]
) -> list[Told]:
    """Let people come, the first at `begins_at_ms` of the server's clock, or now where that is past."""
    told: list[Told] = []
    limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
    async with run.async_client(limits=limits) as client:
        seen = await client.event(event_id)
        ahead_s = turns.milliseconds(seen.now) / 1000 - time.time()
        start = time.monotonic() + max(0.0, begins_at_ms / 1000 - ahead_s - time.time())
        with Progress(console=run.show.err, transient=True, disable=not run.show.err.is_terminal) as bar:
            task = bar.add_task("people", total=people)

            def note(one: Told) -> None:
                told.append(one)
                bar.advance(task)

            await Crowd(client, event_id, people, rate, start, ahead_s, person).come(note)
    return told
