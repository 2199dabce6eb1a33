"""Writes docs/cli.md, the reference of the command line, from the commands themselves.

python -m dev.cli_reference
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from typer.main import get_command

from firstcome_cli import schemas
from firstcome_cli.app import PROGRAM, app

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "cli.md"
PREFIX = "FIRSTCOME"
LEFT_OUT = {"help", "install_completion", "show_completion"}  # every command's, or a shell's

BEGINNING = """\
# The command line

`make cli-reference` writes this page from the commands. `make setup` installs `firstcome` into `.venv/bin`; elsewhere:

```console
$ pipx install ./cli                  # or: uv tool install ./cli
$ pipx install './cli[aws]'           # with boto3, for stacks on AWS
$ firstcome --install-completion
```

It acts on the cloud of `make up`, whose `cloud.env` is sought from the working directory upwards (`--cloud` names
another), or on AWS with `--stack-name`, `--region` and `--profile`: operators' commands invoke `operate`, and people's
are signed requests to the back ends' API, so that IAM decides both. [rehearsal.md](rehearsal.md) says how to rehearse
an opening.

| exit code | says |
| --- | --- |
| 0 | done |
| 1 | refused, not there, or a server has to be set up otherwise first (code `unsuitable`) |
| 2 | wrong usage |
| 3 | not known whether it was done: repeat it, which is safe (a change under the `--request-id` that is named) |
| 4 | the audit, the rehearsal or the turn has a finding; a live event without one ends with 0 |

What cannot be undone (`event end`, `event delete`, `revoke`, `failed refuse`) asks first. Where nobody can be asked, in
a script, a pipe or with `--json`, it is wrong usage until `--yes` is given.

Every option has an environment variable. With `--json`, which may stand anywhere, one document is printed; its schema
is printed by `firstcome schema COMMAND`. An error is `{"error": {"kind", "code", "detail", "fields"}}`.

The client is a library too: `firstcome_cli.client.Client`, and `firstcome_cli.client.AsyncClient` for asyncio. It asks
again by itself (six tries, after 1 to 30 s, with a look at the event before each) and tells `Refused`, a definite no,
from `Unknown`.
"""


def document() -> str:
    """Return the reference."""
    program = get_command(app)
    common = "## Options of every command\n\nThey stand before the command.\n"
    parts = [BEGINNING, common, _options(program, ())]
    for words, command in _commands(program, ()):
        usage = " ".join([PROGRAM, *words, *(_written(param) for param in _arguments(command)), "[OPTIONS]"])
        about = " ".join((command.help or "").split())
        parts.append(f"## {' '.join(words)}\n\n{about}\n\n```\n{usage}\n```\n")
        if arguments := [f"- `{_name(param)}`: {param.help}" for param in _arguments(command)]:
            parts.append("\n".join(arguments) + "\n")
        if any(_shown(param) for param in command.params):
            parts.append(_options(command, words))
        if schema := schemas.OF.get(" ".join(words)):
            parts.append(f"Schema: [{schema}](../cli/src/firstcome_cli/schemas/{schema}.json)\n")
    return "\n".join(parts)


def _commands(group: Any, above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in group.commands.items():
        words = (*above, name)
        if hasattr(command, "commands"):
            yield from _commands(command, words)
        else:
            yield words, command


def _arguments(command: Any) -> list[Any]:
    return [param for param in command.params if param.param_type_name == "argument"]


def _name(argument: Any) -> str:
    return str(argument.metavar).strip("[]")


def _written(argument: Any) -> str:
    name = _name(argument)
    return name if argument.required else f"[{name}]"


def _shown(param: Any) -> bool:
    return param.param_type_name == "option" and param.name not in LEFT_OUT


def _options(command: Any, words: tuple[str, ...]) -> str:
    lines = ["| option | variable | |", "| --- | --- | --- |"]
    for param in filter(_shown, command.params):
        names = ", ".join(f"`{name}`" for name in (*param.opts, *param.secondary_opts))
        more = " Required." if param.required else _default(param)
        lines.append(f"| {names} | `{_variable(param, words)}` | {param.help}{more} |")
    return "\n".join(lines) + "\n"


def _variable(param: Any, words: tuple[str, ...]) -> str:
    """Return the variable that the option is read from, as Typer names it."""
    return str(param.envvar or "_".join([PREFIX, *words, param.name]).upper().replace("-", "_"))


def _default(param: Any) -> str:
    return "" if param.default in (None, False) or callable(param.default) else f" Default: `{param.default}`."


def main() -> None:
    """Write the document."""
    DOCUMENT.write_text(document())


if __name__ == "__main__":
    main()
