"""What anybody may check: the audit of the promise, and a turn."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from firstcome_cli import turns
from firstcome_cli.commands.event import duration
from firstcome_cli.commands.options import EventId, UserId
from firstcome_cli.run import FINDING, Run
from firstcome_cli.show import Show, text

HOLDS = {True: "holds", False: "BROKEN", None: "not known"}
STYLES = {True: "green", False: "red", None: "yellow"}


def add(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command()(audit)
    app.command("verify-turn")(verify_turn)


def audit(ctx: typer.Context, event_id: EventId) -> None:
    """Check the promise of one event against all three servers. Exit with 4 where there is a finding."""
    run = Run.of(ctx)
    found = audited(run, event_id)
    run.show.answer(found, lambda: print_audit(run.show, found))
    if found["findings"]:
        raise typer.Exit(FINDING)


def audited(run: Run, event_id: str) -> dict[str, Any]:
    """Return the audit of one event."""
    return run.operator.look("audit", event_id=event_id)


def print_audit(show: Show, found: Mapping[str, Any]) -> None:
    """Print each law with what became of it, then the findings."""
    for law, said in found["invariants"].items():
        ok = said["ok"]
        show.say(f"{law} {HOLDS[ok]}: {said['law']}", STYLES[ok])
        show.say("   " + "  ".join(f"{name} {text(value)}" for name, value in said["figures"].items()))
    for one in found["findings"]:
        show.say(f"{one['invariant']}: {one['what']}: {text(one['who'])}; what to do: {one['command']}", "red")
    if not found["quiet"]:
        show.say("Something is still on its way: ask again when the event is quiet.")
    if "note" in found:
        show.say(found["note"])


def verify_turn(
    ctx: typer.Context,
    event_id: EventId,
    user_id: UserId,
    told: Annotated[str | None, typer.Option(help="The turn that the person was told; 4 where it is another.")] = None,
    secret: Annotated[str | None, typer.Option(help="The secret, without asking: with --opens-at, --spread.")] = None,
    opens_at: Annotated[str | None, typer.Option(help="When it opened, without asking.")] = None,
    spread: Annotated[str | None, typer.Option(help="Its spread, without asking, such as 10s.")] = None,
    commitment: Annotated[str | None, typer.Option(help="The hash that was public before, to compare.")] = None,
) -> None:
    """Compute somebody's turn from the secret. The event shows it once it has ended."""
    run = Run.of(ctx)
    given = (secret, opens_at, spread)
    if secret is None and opens_at is None and spread is None:
        with run.client() as client:
            event = client.event(event_id)
        if event.turn_secret is None:
            why = "it has no turns" if event.spread_ms == 0 else "the secret is shown once the event has ended"
            raise typer.BadParameter(f"{event_id} shows no secret: {why}")
        secret, opens_at, spread_ms = event.turn_secret, event.opens_at, event.spread_ms
        commitment = commitment or event.turn_commitment
    elif secret is not None and opens_at is not None and spread is not None:
        spread_ms = duration(spread)
    else:
        missing = [name for name, value in zip(("--secret", "--opens-at", "--spread"), given, strict=True) if not value]
        raise typer.BadParameter(f"without asking, {' and '.join(missing)} must be given too")
    try:
        told_ms = None if told is None else turns.milliseconds(told)
        turn = turns.turn(secret, event_id, user_id, turns.milliseconds(opens_at), spread_ms, commitment)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    body = {
        "event_id": event_id,
        "user_id": user_id,
        "turn_at": turns.rfc3339(turn.turn_at_ms),
        "commitment_holds": turn.commitment_holds,
        "as_told": None if told_ms is None else told_ms == turn.turn_at_ms,
    }
    run.show.answer(body)
    if False in {body["commitment_holds"], body["as_told"]}:
        raise typer.Exit(FINDING)
