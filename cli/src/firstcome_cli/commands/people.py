"""What concerns one person, and what concerns all who won."""

import csv
import io
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Annotated, Any

import typer

from firstcome_cli.commands.options import EventId, Reason, RequestId, UserId, Yes
from firstcome_cli.run import Run

WINNER_COLUMNS = ("ticket", "user_id", "applied_at", "issued_at", "code", "redeemed_at", "redeemed_by")
HISTORY_COLUMNS = ("at", "actor", "action", "status", "version_before", "version_after", "request_id")
BOM = "\ufeff"  # without it, Excel reads UTF-8 as something else
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes for the beginning of a formula


def add(app: typer.Typer) -> None:
    """Add the commands to the program."""
    for command in (apply, status, lookup, winners, history, revoke):
        app.command()(command)


def apply(
    ctx: typer.Context,
    event_id: EventId,
    user_id: UserId,
    wait: Annotated[bool, typer.Option("--wait", help="Ask until the coupon is issued, for up to 30 s.")] = False,
) -> None:
    """Apply for a coupon; who asks again is given the same ticket."""
    run = Run.of(ctx)
    with run.client() as client:
        application = client.apply(event_id, user_id)
        if not wait:
            return run.show.answer(asdict(application))
        run.show.aside(f"{application.status}: ticket {application.ticket}")
        return run.show.answer(asdict(client.issued(event_id, user_id)))


def status(ctx: typer.Context, event_id: EventId, user_id: UserId) -> None:
    """Ask how far an application has come."""
    run = Run.of(ctx)
    with run.client() as client:
        run.show.answer(asdict(client.status(event_id, user_id)))


def lookup(ctx: typer.Context, event_id: EventId, user_id: UserId) -> None:
    """Show one person of an event, and what they would be told now."""
    run = Run.of(ctx)
    found = run.operator.look("lookup", event_id=event_id, user_id=user_id)

    def human() -> None:
        run.show.fields(found)
        if why := _why(found):
            run.show.say(why)

    run.show.answer(found, human)


def winners(
    ctx: typer.Context,
    event_id: EventId,
    as_csv: Annotated[
        bool, typer.Option("--csv", envvar="FIRSTCOME_WINNERS_CSV", help="As CSV, for a spreadsheet.")
    ] = False,
) -> None:
    """List who won, by ticket."""
    run = Run.of(ctx)
    found = list(run.operator.pages("winners", event_id=event_id))
    if as_csv and not run.show.as_json:
        sys.stdout.write(to_csv(WINNER_COLUMNS, map(_flat, found)))
        return
    body = {"event_id": event_id, "winners": found}
    run.show.answer(body, lambda: run.show.rows(WINNER_COLUMNS, map(_flat, found), "nobody has a coupon yet"))


def history(
    ctx: typer.Context,
    event_id: Annotated[str | None, typer.Argument(metavar="[EVENT]", help="One event's; else every event's.")] = None,
) -> None:
    """List who did what, the newest first."""
    run = Run.of(ctx)
    found = list(run.operator.pages("history", event_id=event_id))
    body = {"event_id": event_id, "operations": found}
    run.show.answer(body, lambda: run.show.rows(HISTORY_COLUMNS, found, "nothing was done yet"))


def revoke(
    ctx: typer.Context,
    event_id: EventId,
    user_id: UserId,
    reason: Reason = None,
    request_id: RequestId = None,
    yes: Yes = False,
) -> None:
    """Take back a coupon, and refuse its owner for good. It asks first: say --yes where nobody can be asked."""
    run = Run.of(ctx)
    run.confirm(f"Take {user_id}'s coupon of {event_id} back for good?", yes=yes)
    run.show.answer(run.operator.change("revoke", request_id, event_id=event_id, user_id=user_id, reason=reason))


def to_csv(columns: Iterable[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """Return the rows as RFC 4180 has them, with a BOM; what a spreadsheet would run as a formula is text."""
    out = io.StringIO()
    names = list(columns)
    writer = csv.writer(out)
    writer.writerow(names)
    writer.writerows([_cell(row.get(name)) for name in names] for row in rows)
    return BOM + out.getvalue()


def _why(found: Mapping[str, Any]) -> str:
    """Return the sentence for somebody who asks why they got nothing; "" where the fields say all."""
    at = found["told"].get("sold_out_at")
    if not at:
        return ""
    return f"The last ticket was given at {at}. When {found['user_id']} asked is not stored: their own page shows it."


def _flat(winner: Mapping[str, Any]) -> dict[str, Any]:
    redeemed = winner.get("redeemed") or {}
    return {**winner, "redeemed_at": redeemed.get("at"), "redeemed_by": redeemed.get("by")}


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(FORMULA) else text
