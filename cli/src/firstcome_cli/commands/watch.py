"""firstcome watch: one event, live."""

import time
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.live import Live
from rich.table import Table

from firstcome_cli.commands.options import EventId
from firstcome_cli.errors import Unknown
from firstcome_cli.run import Run
from firstcome_cli.show import text

FIGURES = ("state", "accepted", "remaining", "pending", "unread", "coupons", "capacity", "failed")


def watch(
    ctx: typer.Context,
    event_id: EventId,
    every: Annotated[float, typer.Option(help="Seconds between two looks.", min=0.1)] = 1.0,
    times: Annotated[int, typer.Option(help="Looks, and then the end; 0: until Ctrl-C.", min=0)] = 0,
) -> None:
    """Watch one event live. Tickets, coupons, what is on its way, which server is away; Ctrl-C ends it."""
    run = Run.of(ctx)
    try:
        if run.show.as_json or not run.show.out.is_terminal:
            for seen in _looks(run, event_id, every, times):
                run.show.line(seen) if run.show.as_json else run.show.say(_one_line(seen))
            return
        with Live(console=run.show.out, auto_refresh=False) as live:
            for seen in _looks(run, event_id, every, times):
                live.update(_table(seen), refresh=True)
    except KeyboardInterrupt:  # how it is meant to end
        return


def figures(event_id: str, shown: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is watched, from what `show` answers; what a server that is away would say is None."""
    event, gate, unread = shown["event"], shown.get("gate"), shown.get("unread")
    alive = gate if isinstance(gate, Mapping) else {}
    away = [said for said in (gate, unread) if isinstance(said, str)]
    accepted = None if not alive else alive["coupon_count"] - alive["free"]
    return {
        "event_id": event_id,
        "state": event["state"],
        "capacity": event["capacity"],
        "accepted": accepted,
        "remaining": alive.get("remaining"),
        "pending": alive.get("pending"),
        "unread": unread if isinstance(unread, int) else None,
        "coupons": shown["coupons"],
        "failed": sum(shown["failed"].values()) if isinstance(shown["failed"], Mapping) else shown["failed"],
        "away": away + (["the gate is lost: it is being restored"] if gate is None else []),
    }


def _looks(run: Run, event_id: str, every: float, times: int) -> Any:
    """Yield what is seen, again and again; while nobody answers, that."""
    look = 0
    seen: dict[str, Any] | None = None
    while True:
        try:
            seen = figures(event_id, run.operator.look("show", event_id=event_id))
        except Unknown as error:
            if seen is None:
                raise
            seen = seen | {"away": [str(error)]}
        yield seen
        look += 1
        if look == times:
            return
        time.sleep(every)


def _one_line(seen: Mapping[str, Any]) -> str:
    said = "  ".join(f"{name} {text(seen[name])}" for name in FIGURES)
    return f"{said}  away: {'; '.join(seen['away'])}" if seen["away"] else said


def _table(seen: Mapping[str, Any]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_row("event", seen["event_id"], style="bold")
    for name in FIGURES:
        table.add_row(name, text(seen[name]))
    for said in seen["away"]:
        table.add_row("away", said, style="red")
    return table
