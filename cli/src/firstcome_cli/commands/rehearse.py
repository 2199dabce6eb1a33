"""firstcome rehearse: a dress rehearsal of an opening, on any stack, in an event of its own."""

import asyncio
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from firstcome_cli import turns
from firstcome_cli.commands.crowd import come
from firstcome_cli.commands.event import duration
from firstcome_cli.errors import FirstcomeError
from firstcome_cli.operator import CODES_PER_REQUEST
from firstcome_cli.rehearsal import figures
from firstcome_cli.rehearsal.crowd import UNKNOWN as NOT_KNOWN
from firstcome_cli.rehearsal.crowd import Told
from firstcome_cli.rehearsal.report import html
from firstcome_cli.run import FINDING, UNKNOWN, Run

LEAD_S = 2.0  # between the last preparation and the first person
DAY_MS = 86_400_000  # how long the window stays open: whoever stops the rehearsal ends the event
LOOK_S = 0.5  # between two looks whether everything is settled


@dataclass(frozen=True, slots=True)
class Plan:
    """What is rehearsed."""

    event_id: str
    people: int
    rate: float
    capacity: int
    spread_ms: int
    codes: bool
    settle_s: float

    @property
    def check_in_s(self) -> float:
        """With turns everybody asks once before the opening, as the page does, and again at their turn."""
        return self.people / self.rate if self.spread_ms else 0.0


def rehearse(
    ctx: typer.Context,
    people: Annotated[int, typer.Option(help="How many people come.", min=1)] = 1000,
    rate: Annotated[float, typer.Option(help="How many of them a second.", min=0.1)] = 100.0,
    capacity: Annotated[int | None, typer.Option(help="How many coupons there are. [100]", min=1)] = None,
    spread: Annotated[str | None, typer.Option(help="Turns, over so long. [0]")] = None,
    codes: Annotated[bool | None, typer.Option("--codes/--no-codes", help="Whether coupons have codes.")] = None,
    like: Annotated[
        str | None, typer.Option(metavar="EVENT", help="Capacity, turns and codes as this event's.")
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Where the report goes. [rehearsal-….html]")] = None,
    settle: Annotated[str, typer.Option(help="How long to wait until every coupon is issued.")] = "2m",
) -> None:
    """Rehearse an opening in an event of its own. People at a rate, the audit, a report, and the event's end."""
    run = Run.of(ctx)
    real = run.operator.look("show", event_id=like) if like else {}
    event_id = f"rehearsal-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(3)}"
    plan = Plan(
        event_id,
        people,
        rate,
        capacity or real.get("event", {}).get("capacity", 100),
        duration(spread) if spread is not None else real.get("event", {}).get("spread_ms", 0),
        codes if codes is not None else bool(real.get("codes")),
        duration(settle) / 1000,
    )
    told, audit = _carried_out(run, plan)
    found = figures.figures(told)
    said = figures.problems(found, audit, min(plan.capacity, people))
    asked = {name: getattr(plan, name) for name in ("event_id", "people", "rate", "capacity", "spread_ms", "codes")}
    ok = not said and audit["ok"] is True
    result = {**asked, **found, "ok": ok, "problems": said, "audit": _short(audit)}
    file = report or Path(f"{event_id}.html")
    file.write_text(html(result, told, audit, run.place.name), encoding="utf-8")
    result["report"] = str(file)
    run.show.answer(result)
    if said:
        raise typer.Exit(FINDING)
    if not ok or NOT_KNOWN in found["answers"]:
        raise typer.Exit(UNKNOWN)


def _carried_out(run: Run, plan: Plan) -> tuple[list[Told], dict[str, Any]]:
    """Return what everybody was told, and the audit; the event is ended whatever happens."""
    opens_at_ms = _prepare(run, plan)
    try:
        begins_at_ms = opens_at_ms - round(1000 * plan.check_in_s)
        coming = come(run, plan.event_id, plan.people, plan.rate, begins_at_ms, lambda number: f"person-{number}")
        told = asyncio.run(coming)
        _settle(run, plan)
        return told, run.operator.look("audit", event_id=plan.event_id)
    finally:
        run.operator.change("end", event_id=plan.event_id)


def _prepare(run: Run, plan: Plan) -> int:
    """Make the event, with its codes, and open it; return when its window begins."""
    run.show.aside(f"{plan.event_id} on {run.place.name}: {plan.people:,} people, {plan.rate:,.0f} a second")
    # Codes are uploaded before the window is chosen, or many of them would delay the opening past it.
    uploading_s = plan.capacity / CODES_PER_REQUEST if plan.codes else 0.0
    opens_at_ms = round(1000 * (time.time() + plan.check_in_s + uploading_s + LEAD_S))
    run.operator.change(
        "create",
        event_id=plan.event_id,
        name="Rehearsal",
        capacity=plan.capacity,
        opens_at=turns.rfc3339(opens_at_ms),
        closes_at=turns.rfc3339(opens_at_ms + plan.spread_ms + DAY_MS),
        timezone="UTC",
        spread_ms=plan.spread_ms,
    )
    for first in range(1, plan.capacity + 1, CODES_PER_REQUEST) if plan.codes else ():
        count = min(CODES_PER_REQUEST, plan.capacity + 1 - first)
        codes = [f"R-{secrets.token_hex(10).upper()}" for _ in range(count)]
        run.operator.change("upload_codes", event_id=plan.event_id, first_ticket=first, codes=codes)
    run.operator.change("open", event_id=plan.event_id)
    return opens_at_ms


def _settle(run: Run, plan: Plan) -> None:
    """Wait until every ticket is a coupon, or for as long as the plan says."""
    until = time.monotonic() + plan.settle_s
    while time.monotonic() < until:
        try:
            shown = run.operator.look("show", event_id=plan.event_id)
        except FirstcomeError as error:
            run.show.aside(f"waiting: {error}")
            shown = {}
        gate = shown.get("gate")
        if isinstance(gate, Mapping) and gate["pending"] == 0 and not shown["failed"].get("waiting"):
            return
        time.sleep(LOOK_S)


def _short(audit: Mapping[str, Any]) -> dict[str, Any]:
    return {name: audit[name] for name in ("ok", "quiet", "stable", "findings")}
