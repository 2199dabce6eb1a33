"""firstcome event: what an operator does with an event."""

import re
from typing import Annotated, Any

import typer

from firstcome_cli.commands.options import Capacity, ClosesAt, EventId, ExpectVersion, OpensAt, RequestId, Yes
from firstcome_cli.run import Run

COLUMNS = ("event_id", "state", "capacity", "remaining", "opens_at", "closes_at", "name")
UNITS_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}

app = typer.Typer(help="Events: list, create, open, pause, close, end, delete …", no_args_is_help=True)


def duration(text: str) -> int:
    """Return a duration such as 10s, 500ms or 2m in milliseconds; 0 is none."""
    found = re.fullmatch(r"(\d+)(ms|s|m|h)?", text)
    if found is None or (found[2] is None and found[1] != "0"):
        raise typer.BadParameter(f"{text} is no duration: write 500ms, 10s, 2m or 1h")
    return int(found[1]) * UNITS_MS[found[2] or "s"]


Spread = Annotated[str, typer.Option(help="Turns: over how long the opening is spread, such as 10s. 0: no turns.")]
Timezone = Annotated[str, typer.Option(help="The zone in which people are told the times, an IANA name.")]


@app.command("list")
def list_(
    ctx: typer.Context,
    state: Annotated[str | None, typer.Option(help="Only events in this state, such as open.")] = None,
) -> None:
    """List the events."""
    run = Run.of(ctx)
    events = list(run.operator.pages("list", state=state))
    shown = [one | {"remaining": (one.get("gate") or {}).get("remaining")} for one in events]
    run.show.answer({"events": events}, lambda: run.show.rows(COLUMNS, shown, "there is no event"))


@app.command()
def create(
    ctx: typer.Context,
    event_id: EventId,
    name: Annotated[str, typer.Option(help="What people read.")],
    capacity: Capacity,
    opens_at: OpensAt,
    closes_at: ClosesAt,
    spread: Spread = "0",
    timezone: Timezone = "UTC",
    request_id: RequestId = None,
) -> None:
    """Make an event, as a draft. It gives no coupons before it is opened."""
    _change(
        ctx,
        "create",
        event_id,
        request_id,
        name=name,
        capacity=capacity,
        opens_at=opens_at,
        closes_at=closes_at,
        timezone=timezone,
        spread_ms=duration(spread),
    )


@app.command()
def show(ctx: typer.Context, event_id: EventId) -> None:
    """Show one event as ledger, gate and stream know it."""
    run = Run.of(ctx)
    run.event(run.operator.look("show", event_id=event_id))


@app.command("open")
def open_(
    ctx: typer.Context, event_id: EventId, expect_version: ExpectVersion = None, request_id: RequestId = None
) -> None:
    """Open an event: from now on its window decides."""
    _change(ctx, "open", event_id, request_id, expect_version=expect_version)


@app.command()
def pause(
    ctx: typer.Context, event_id: EventId, expect_version: ExpectVersion = None, request_id: RequestId = None
) -> None:
    """Give no coupons for now."""
    _change(ctx, "pause", event_id, request_id, expect_version=expect_version)


@app.command()
def close(
    ctx: typer.Context, event_id: EventId, expect_version: ExpectVersion = None, request_id: RequestId = None
) -> None:
    """Give no coupons any more; the event may be opened again."""
    _change(ctx, "close", event_id, request_id, expect_version=expect_version)


@app.command()
def end(
    ctx: typer.Context,
    event_id: EventId,
    expect_version: ExpectVersion = None,
    request_id: RequestId = None,
    yes: Yes = False,
) -> None:
    """End an event for good. It asks first: say --yes where nobody can be asked."""
    Run.of(ctx).confirm(f"End {event_id} for good?", yes=yes)
    _change(ctx, "end", event_id, request_id, expect_version=expect_version)


@app.command()
def reschedule(
    ctx: typer.Context,
    event_id: EventId,
    opens_at: Annotated[str | None, typer.Option(help="The new first moment, later than the old one.")] = None,
    closes_at: Annotated[str | None, typer.Option(help="The new end.")] = None,
    expect_version: ExpectVersion = None,
    request_id: RequestId = None,
) -> None:
    """Postpone the opening, or the end."""
    fields = {"opens_at": opens_at, "closes_at": closes_at}
    _change(ctx, "reschedule", event_id, request_id, expect_version=expect_version, **fields)


@app.command("raise")
def raise_(
    ctx: typer.Context,
    event_id: EventId,
    capacity: Capacity,
    expect_version: ExpectVersion = None,
    request_id: RequestId = None,
) -> None:
    """Raise the number of coupons; it is never lowered."""
    _change(ctx, "raise_capacity", event_id, request_id, capacity=capacity, expect_version=expect_version)


@app.command()
def edit(
    ctx: typer.Context,
    event_id: EventId,
    name: Annotated[str | None, typer.Option(help="What people read.")] = None,
    capacity: Annotated[int | None, typer.Option(help="How many coupons there are.", min=1)] = None,
    opens_at: Annotated[str | None, typer.Option(help="The first moment.")] = None,
    closes_at: Annotated[str | None, typer.Option(help="The moment at which it is over.")] = None,
    spread: Annotated[str | None, typer.Option(help="Turns: over how long the opening is spread.")] = None,
    timezone: Annotated[str | None, typer.Option(help="The zone in which people are told the times.")] = None,
    expect_version: ExpectVersion = None,
    request_id: RequestId = None,
) -> None:
    """Change a draft; what is left out stays."""
    fields = {"name": name, "capacity": capacity, "opens_at": opens_at, "closes_at": closes_at, "timezone": timezone}
    spread_ms = None if spread is None else duration(spread)
    _change(ctx, "edit", event_id, request_id, expect_version=expect_version, spread_ms=spread_ms, **fields)


@app.command()
def delete(
    ctx: typer.Context,
    event_id: EventId,
    expect_version: ExpectVersion = None,
    request_id: RequestId = None,
    yes: Yes = False,
) -> None:
    """Delete a draft; its id is never used again. It asks first: say --yes where nobody can be asked."""
    Run.of(ctx).confirm(f"Delete the draft {event_id}, whose id cannot be used again?", yes=yes)
    _change(ctx, "delete", event_id, request_id, expect_version=expect_version)


def _change(ctx: typer.Context, action: str, event_id: str, request_id: str | None, **fields: Any) -> None:
    run = Run.of(ctx)
    run.event(run.operator.change(action, request_id, event_id=event_id, **fields))
