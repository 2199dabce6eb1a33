"""firstcome failed: rows that could not become a coupon, and what to do with them."""

from typing import Annotated

import typer

from firstcome_cli.commands.options import Reason, RequestId, Yes
from firstcome_cli.run import Run

COLUMNS = ("id", "event_id", "user_id", "ticket", "status", "attempts", "reason")

app = typer.Typer(help="Failed rows: list them, try again, or refuse.", no_args_is_help=True)

OneRow = Annotated[int | None, typer.Option(metavar="ID", help="One failed row, as `failed list` names it.", min=1)]
OneEvent = Annotated[str | None, typer.Option(metavar="EVENT", help="Those of one event.")]


@app.command("list")
def list_(
    ctx: typer.Context,
    event: OneEvent = None,
    status: Annotated[str | None, typer.Option(help="Only rows in this status, such as dead.")] = None,
    row: OneRow = None,
) -> None:
    """List failed rows, the oldest first; one of them whole with --row."""
    run = Run.of(ctx)
    if row is not None:
        rows = list(run.operator.look("list_failed", id=row, event_id=event)["rows"])
        return run.show.answer({"rows": rows}, lambda: run.show.fields(rows[0]))
    rows = list(run.operator.pages("list_failed", "after_id", event_id=event, status=status))
    return run.show.answer({"rows": rows}, lambda: run.show.rows(COLUMNS, rows, "no row has failed"))


@app.command()
def redrive(
    ctx: typer.Context,
    event: OneEvent = None,
    row: OneRow = None,
    every: Annotated[
        bool, typer.Option("--all", envvar="FIRSTCOME_FAILED_REDRIVE_ALL", help="All of the event's.")
    ] = False,
    all_events: Annotated[bool, typer.Option("--all-events", help="All of every event's.")] = False,
    up_to_id: Annotated[int | None, typer.Option(help="Only up to this row: those that were seen.", min=1)] = None,
    request_id: RequestId = None,
) -> None:
    """Make failed rows due again, with all their attempts.

    Name --row, or --event and --all, or --all-events.
    """
    run = Run.of(ctx)
    fields = {"id": row, "event_id": event, "all": every or None, "all_events": all_events or None}
    run.show.answer(run.operator.change("redrive", request_id, up_to_id=up_to_id, **fields))


@app.command()
def refuse(
    ctx: typer.Context,
    event: OneEvent = None,
    user: Annotated[str | None, typer.Option(metavar="USER", help="The person.")] = None,
    row: OneRow = None,
    reason: Reason = None,
    request_id: RequestId = None,
    yes: Yes = False,
) -> None:
    """Refuse one person for good, and release their ticket.

    Name --row, or --event and --user. It asks first: say --yes where nobody can be asked.
    """
    run = Run.of(ctx)
    run.confirm("Refuse this person for good?", yes=yes)
    fields = {"id": row, "event_id": event, "user_id": user, "reason": reason}
    run.show.answer(run.operator.change("refuse", request_id, **fields))
