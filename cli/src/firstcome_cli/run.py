"""What every command is given: the place, the two ways to speak to it, and how to print."""

import getpass
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import typer

from firstcome_cli.client import AsyncClient, Client, Patience
from firstcome_cli.operator import Operator
from firstcome_cli.places import NowhereError, Place, find
from firstcome_cli.show import Show

DONE, REFUSED, USAGE, UNKNOWN, FINDING = 0, 1, 2, 3, 4  # exit codes
INTERRUPTED = 130  # as a shell has it after Ctrl-C


@dataclass(frozen=True)
class Run:
    """One run of the program."""

    show: Show
    cloud: Path | None = None
    stack_name: str | None = None
    region: str | None = None
    profile: str | None = None
    actor: str | None = None
    patience: Patience | None = None

    @classmethod
    def of(cls, ctx: typer.Context) -> "Run":
        """Return the run that a command belongs to."""
        run = ctx.obj
        assert isinstance(run, cls)
        return run

    @cached_property
    def place(self) -> Place:
        """Where the options say; a usage error where that is nowhere."""
        try:
            return find(self.cloud, self.stack_name, self.region, self.profile)
        except NowhereError as error:
            raise typer.BadParameter(str(error)) from error

    @cached_property
    def operator(self) -> Operator:
        """The operator's actions, in the name of whoever runs this."""
        return Operator(self.place.invoke, self.actor or _user())

    def client(self) -> Client:
        """Return a client of the back end's API."""
        return Client(self.place.api_url, auth=self.place.auth(), patience=self.patience)

    def async_client(self, **options: Any) -> AsyncClient:
        """Return one for asyncio."""
        return AsyncClient(self.place.api_url, auth=self.place.auth(), patience=self.patience, **options)

    def confirm(self, what: str, *, yes: bool) -> None:
        """Ask before something that cannot be undone; a usage error where nobody can be asked and nobody said yes."""
        if yes:
            return
        if self.show.as_json or not (os.isatty(0) and os.isatty(1)):  # a question would stand in the document
            raise typer.BadParameter(f"{what} Say --yes, because nobody can be asked here")
        typer.confirm(what, abort=True)

    def event(self, answer: Mapping[str, Any]) -> None:
        """Print what became of an event."""
        self.show.answer(answer, lambda: self._event(answer))

    def _event(self, answer: Mapping[str, Any]) -> None:
        event = answer.get("event")
        if isinstance(event, Mapping):
            self.show.fields(event)
        rest = {name: value for name, value in answer.items() if name not in {"event", "action"}}
        if rest:
            self.show.fields(rest)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user without a name, as in some containers
        return f"uid-{os.getuid()}"
