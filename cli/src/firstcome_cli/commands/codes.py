"""Codes: their upload, and their redemption."""

import sys
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from rich.progress import Progress

from firstcome_cli.commands.options import EventId
from firstcome_cli.operator import CODES_PER_REQUEST
from firstcome_cli.run import Run

STDIN = "-"

app = typer.Typer(help="Codes: what a coupon is in the shop.", no_args_is_help=True)


def add(app: typer.Typer) -> None:
    """Add what is no subcommand of `codes`."""
    app.command()(redeem)


@app.command()
def upload(
    ctx: typer.Context,
    event_id: EventId,
    file: Annotated[str, typer.Argument(metavar="FILE", help="One code a line; line 1 is ticket 1's. -: stdin.")],
    first_ticket: Annotated[int, typer.Option(help="Whose code the first line is.", min=1)] = 1,
) -> None:
    """Give tickets their codes. Repeated, after an error too, it changes nothing more."""
    run = Run.of(ctx)
    codes = _read(file)
    new = unchanged = 0
    progress = None
    with Progress(console=run.show.err, transient=True, disable=not run.show.err.is_terminal) as bar:
        task = bar.add_task("codes", total=len(codes))
        rest, ticket = iter(codes), first_ticket
        while chunk := list(islice(rest, CODES_PER_REQUEST)):
            done = run.operator.change("upload_codes", event_id=event_id, first_ticket=ticket, codes=chunk)
            new, unchanged, progress = new + done["new"], unchanged + done["unchanged"], done.get("codes")
            ticket += len(chunk)
            bar.advance(task, len(chunk))
    run.show.answer({"event_id": event_id, "new": new, "unchanged": unchanged, "codes": progress})


def redeem(
    ctx: typer.Context,
    event_id: EventId,
    key: Annotated[UUID, typer.Option(help="A UUID of yours for this redemption, such as the order's.")],
    code: Annotated[str | None, typer.Argument(metavar="[CODE]", help="The coupon's code.", show_default=False)] = None,
    user: Annotated[
        str | None, typer.Option(metavar="USER", help="Whose coupon, where the event has no codes.")
    ] = None,
    take_back: Annotated[bool, typer.Option("--take-back", help="Undo the redemption of this key.")] = False,
) -> None:
    """Redeem a coupon, once; the same key answers the same again."""
    run = Run.of(ctx)
    named = sum(each is not None for each in (code, user))
    if named != (0 if take_back else 1):
        raise typer.BadParameter("name the coupon by CODE or by --user; --take-back needs neither")
    with run.client() as client:
        if take_back:
            client.take_back(event_id, str(key))
            return run.show.answer({"event_id": event_id, "key": str(key), "taken_back": True})
        done = client.redeem(event_id, key=str(key), code=code, user_id=user)
        return run.show.answer(asdict(done) | {"key": str(key)})


def _read(file: str) -> list[str]:
    try:
        text = sys.stdin.read() if file == STDIN else Path(file).read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"{file} cannot be read: {error}") from error
    codes = text.splitlines()
    if not codes or "" in codes:
        line = codes.index("") + 1 if codes else 1
        raise typer.BadParameter(f"{file}: line {line} is empty; each line is one ticket's code")
    return codes
