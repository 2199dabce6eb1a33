"""docs/cli.md says what the commands are."""

from __future__ import annotations

from typer.main import get_command

from dev import cli_reference
from firstcome_cli import schemas
from firstcome_cli.app import app


def test_the_reference_is_what_the_commands_say() -> None:
    """After a change of a command: `make cli-reference`."""
    assert cli_reference.DOCUMENT.read_text() == cli_reference.document()


def test_every_command_has_a_schema() -> None:
    """But for the one that prints them."""
    commands = {" ".join(words) for words, _ in cli_reference._commands(get_command(app), ())}
    assert commands - {"schema"} == {name.partition(" --")[0] for name in schemas.OF}


def test_every_option_has_a_sentence_and_its_variable() -> None:
    """The variable is named by the words of the command and of the option."""
    for words, command in cli_reference._commands(get_command(app), ()):
        for param in filter(cli_reference._shown, command.params):
            named = "_".join([cli_reference.PREFIX, *words, max(param.opts, key=len).strip("-")])
            assert cli_reference._variable(param, words) == named.upper().replace("-", "_")
            assert param.help
