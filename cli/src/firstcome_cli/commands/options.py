"""Arguments and options that several commands have."""

from typing import Annotated

import typer

EventId = Annotated[str, typer.Argument(metavar="EVENT", help="The event's id.", show_default=False)]
UserId = Annotated[str, typer.Argument(metavar="USER", help="The person's id.", show_default=False)]
Capacity = Annotated[int, typer.Option(help="How many coupons there are.", min=1)]
OpensAt = Annotated[str, typer.Option(help="The first moment, such as 2030-01-01T12:00:00+09:00.")]
ClosesAt = Annotated[str, typer.Option(help="The moment at which it is over.")]
RequestId = Annotated[
    str | None, typer.Option(help="A name for this request: a repeat answers what the first has come to.")
]
ExpectVersion = Annotated[
    int | None, typer.Option(help="The config_version that was seen: refused where the event has changed since.")
]
Yes = Annotated[
    bool, typer.Option("--yes", "-y", help="Do not ask first; needed with --json and where there is no terminal.")
]
Reason = Annotated[str | None, typer.Option(help="Why, for the ledger.")]
