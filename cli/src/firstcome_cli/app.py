"""firstcome: the command line. What is common to all commands: where they act, how they print, how they end."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from firstcome_cli import schemas
from firstcome_cli.commands import codes, crowd, event, failed, people, proof, rehearse, watch
from firstcome_cli.errors import FirstcomeError, NotThere, Refused, Unknown
from firstcome_cli.run import INTERRUPTED, REFUSED, UNKNOWN, Run
from firstcome_cli.show import Show

PROGRAM = "firstcome"
JSON = "--json"
HELP = """Open an event, apply, redeem, audit: locally, or on AWS.

Acts on the cloud of `make up`, whose cloud.env is sought from here upwards, unless --cloud or --stack-name says
otherwise. Every option has an environment variable. Exit codes: 0 done, 1 refused or not there, 2 wrong usage, 3 not
known whether it was done, 4 a proof has a finding."""


class Program(TyperGroup):
    """Ends every command by what its answer was."""

    def invoke(self, ctx: Any) -> Any:  # Typer's own kind of context
        """Run the command; turn an error about an answer into its sentence and its exit code."""
        try:
            return super().invoke(ctx)
        except FirstcomeError as error:
            _tell(ctx, error)
            raise typer.Exit(REFUSED if isinstance(error, Refused) else UNKNOWN) from error
        except KeyboardInterrupt as error:
            _show(ctx).aside("ended by Ctrl-C: whether the last request was carried out is not known", "yellow")
            raise typer.Exit(INTERRUPTED) from error


app = typer.Typer(
    name=PROGRAM,
    cls=Program,
    help=HELP,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"auto_envvar_prefix": "FIRSTCOME", "help_option_names": ["-h", "--help"]},
)


@app.callback()
def options(
    ctx: typer.Context,
    as_json: Annotated[
        bool, typer.Option(JSON, envvar="FIRSTCOME_JSON", help="Print JSON, as the schemas say; may stand anywhere.")
    ] = False,
    cloud: Annotated[Path | None, typer.Option(help="A local cloud: its cloud.env, or the folder with it.")] = None,
    stack_name: Annotated[str | None, typer.Option(help="A stack on AWS, in place of a local cloud.")] = None,
    region: Annotated[str | None, typer.Option(help="Its region; else the AWS configuration's.")] = None,
    profile: Annotated[str | None, typer.Option(help="The AWS profile; else the AWS configuration's.")] = None,
    actor: Annotated[str | None, typer.Option(help="The name that is recorded; else the user's.")] = None,
) -> None:
    """Note where to act and how to print."""
    ctx.obj = Run(Show(as_json=as_json), cloud, stack_name, region, profile, actor)


app.add_typer(event.app, name="event")
people.add(app)
app.add_typer(failed.app, name="failed")
app.add_typer(codes.app, name="codes")
codes.add(app)
proof.add(app)
app.command()(watch.watch)
app.command()(rehearse.rehearse)
app.command()(crowd.crowd)


@app.command()
def schema(
    command: Annotated[list[str], typer.Argument(metavar="COMMAND", help="Such as: event show. Or `error`.")],
) -> None:
    """Print the JSON schema of what a command prints with --json."""
    try:
        name = schemas.ERROR if command == [schemas.ERROR] else schemas.of(command)
    except KeyError as error:
        raise typer.BadParameter(f"{' '.join(command)} is no command: {', '.join(schemas.OF)}") from error
    sys.stdout.write(json.dumps(schemas.load(name), indent=2) + "\n")


def main(arguments: list[str] | None = None) -> None:
    """Run one command line."""
    app(args=anywhere(sys.argv[1:] if arguments is None else arguments), prog_name=PROGRAM)


def anywhere(arguments: list[str]) -> list[str]:
    """Return the arguments with --json at the front, wherever it stood before a `--`."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    if JSON not in arguments[:end]:
        return arguments
    return [JSON, *(word for word in arguments[:end] if word != JSON), *arguments[end:]]


def _tell(ctx: typer.Context, error: FirstcomeError) -> None:
    show = _show(ctx)
    kind = {NotThere: "not_there", Refused: "refused", Unknown: "unknown"}.get(type(error), "unknown")
    if show.as_json:
        code = error.code if isinstance(error, Refused) else kind
        fields = error.fields if isinstance(error, Refused) else {}
        show.answer({"error": {"kind": kind, "code": code, "detail": str(error), "fields": fields}})
    else:
        code = f" ({error.code})" if isinstance(error, Refused) else ""
        show.aside(f"{kind.replace('_', ' ')}: {error}{code}", "red")


def _show(ctx: typer.Context) -> Show:
    return ctx.obj.show if isinstance(ctx.obj, Run) else Show(as_json=False)
