"""The operator's command line: words become a payload for the operate function, and its answer is printed.

python -m dev operate ACTION [NAME=VALUE …]
python -m dev operate help [ACTION]

What an action takes is checked here first, by the function's own table: a mistake is told without a cloud.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import shlex
import sys
from typing import TYPE_CHECKING, Any

from dev.invoke import InvocationError, Lambda
from firstcome.operate import arguments, table
from firstcome.rules import BadInput

if TYPE_CHECKING:
    from pathlib import Path

    from firstcome.operate.fields import Field
    from firstcome.operate.table import Action

COMMAND = "python -m dev operate"
URL = "FIRSTCOME_LAMBDA_URL"
HELP = ("help", "--help", "-h")
NOT_KNOWN = "Whether the action was carried out is not known: look with show"
CTRL_C = 130  # the exit code of a command that Ctrl-C has ended
DECIDED = ("BadInput",)  # what the function raises when it has done nothing: its message says what to do
UNKNOWN = ("Unavailable",)  # a server is away: its message says which
UNSUITABLE = ("Unsuitable",)  # a server is not set up for it: its message says what somebody has to change


class Mistake(Exception):  # noqa: N818  an answer to whoever typed, no fault of ours
    """A command line that cannot be carried out; the message says what to write."""


def main(env_file: Path, words: list[str]) -> None:
    """Carry out one command; exit with 1 and a message where it fails, with 130 after Ctrl-C."""
    try:
        if not words or words[0] in HELP:
            print(explained(words[1:]) if words else summary())
        elif any(word in HELP for word in words[1:]):
            print(explained(words[:1]))
        else:
            payload = read(words[0], words[1:])
            print(json.dumps(_invoked(env_file, payload), indent=2))
        sys.stdout.flush()
    except Mistake as error:
        sys.exit(f"operate: {error}")
    except KeyboardInterrupt:
        print(f"\noperate: ended by Ctrl-C. {NOT_KNOWN}", file=sys.stderr)
        sys.exit(CTRL_C)
    except BrokenPipeError:  # whoever read the answer has gone, such as `head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def read(action: str, words: list[str]) -> dict[str, Any]:
    """Return the payload of a command line; raise `Mistake` saying what is wrong with it, and how to write it."""
    try:
        known = {field.name: field for field in arguments.named(action).fields}
        payload: dict[str, Any] = {"action": action}
        for number, word in enumerate(words):
            name, equals, value = word.partition("=")
            if not equals:
                raise Mistake(_no_name(arguments.named(action), words, number))
            if name in payload:
                raise Mistake(f"{action}: {name} is given twice, the second time as {shlex.quote(value)}")
            payload[name] = value if name not in known else _value(known[name], value)
        arguments.read(payload, as_command)
    except BadInput as error:
        raise Mistake(error.detail) from error
    return payload


def summary() -> str:
    """Return every action with what it does, one a line."""
    lines = [f"  {action.name:<15} {action.about}" for action in table.ACTIONS.values()]
    return "\n".join([f"{COMMAND} ACTION [NAME=VALUE ...]", "", *lines, "", f"{COMMAND} help ACTION says more of one."])


def explained(words: list[str]) -> str:
    """Return what one action does and takes, and how it is written here and for AWS; without one, all of them."""
    if not words:
        return summary()
    try:
        action = arguments.named(words[0])
    except BadInput as error:
        raise Mistake(error.detail) from error
    return "\n".join(
        [
            action.about,
            "",
            *(f"  {as_command(action, form)}" for form in action.forms),
            "",
            *(f"  {field.name:<14} {field.about}" for field in action.fields),
            "",
            "As a payload of the function:",
            *(f"  {arguments.as_json(action, form)}" for form in action.forms),
        ]
    )


def as_command(action: Action, form: tuple[Field, ...]) -> str:
    """Return the command line of a form of the action, with examples, quoted where a shell needs it."""
    return " ".join([COMMAND, action.name, *(f"{field.name}={_written(field.example)}" for field in form)])


def _written(example: str | int | list[str]) -> str:
    return shlex.quote(example if isinstance(example, str) else json.dumps(example))


def _value(field: Field, value: str) -> Any:
    """Return the value as the field has it: text as it stands, a number or true as JSON; what is neither stays text."""
    if isinstance(field.example, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _no_name(action: Action, words: list[str], number: int) -> str:
    """Say what to do about a word without `=`: part of a value with spaces, or a value whose name was left out."""
    word = words[number]
    said = f"{action.name}: {shlex.quote(word)} has no `=`; fields are written NAME=VALUE"
    before, equals, value = words[number - 1].partition("=") if number else ("", "", "")
    if equals:
        rest = [value]
        for more in words[number:]:
            if "=" in more:
                break
            rest.append(more)
        return f"{said}, and a value with spaces in quotes: {before}={shlex.quote(' '.join(rest))}"
    given = {each.partition("=")[0] for each in words}
    left = [field for field in action.forms[0] if field.name not in given]
    if left and isinstance(left[0].example, str):
        return f"{said}: {COMMAND} {action.name} {left[0].name}={shlex.quote(word)}"
    return f"{said}, as in {' or '.join(as_command(action, form) for form in action.forms)}"


def _invoked(env_file: Path, payload: dict[str, Any]) -> Any:
    try:
        found = re.search(rf"^{URL}=(\S+)$", env_file.read_text(), re.MULTILINE)
    except FileNotFoundError:
        raise Mistake("the local cloud is not running: make up") from None
    except (OSError, ValueError) as error:
        raise Mistake(f"{env_file} cannot be read ({error}): make down, then make up") from error
    if found is None:
        raise Mistake(f"{env_file} does not say {URL}: make down, then make up")
    try:
        return Lambda(found[1]).invoke("operate", json.dumps(payload).encode())
    except InvocationError as error:
        raise Mistake(_plain(error, found[1])) from error


def _plain(error: InvocationError, url: str) -> str:
    """Say what has failed without names of classes, and what to do: a mistake, a server away, or nobody knows."""
    said, kind = error.said.get("errorMessage"), str(error.said.get("errorType"))
    if error.__cause__ is not None:
        return _unanswered(error.__cause__, url)
    if kind.isdigit():
        return (
            f"{url} answers as no local cloud does (HTTP {kind}{f': {said}' if said else ''}): make down, then make up"
        )
    if kind in DECIDED:
        return str(said)
    if kind in UNKNOWN:
        return f"a server cannot be used ({said}): try again when it is back"
    if kind in UNSUITABLE:
        return f"a server is not set up for this ({said}): change that, then repeat it"
    return f"the function failed ({said}); the logs are in .local/logs. {NOT_KNOWN}"


def _unanswered(why: BaseException, url: str) -> str:
    if isinstance(why, ConnectionRefusedError | FileNotFoundError):  # the cloud was killed, or its machine was
        return f"nobody listens at {url}: make down, then make up"
    if isinstance(why, http.client.InvalidURL):
        return f"{url} is no address ({why}): make down, then make up"
    return f"no usable answer from {url} ({why}). {NOT_KNOWN}"
