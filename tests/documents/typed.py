"""What a document asks a reader to type: its `console` blocks, and running them as a reader does."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

PROMPT = "$ "
CONTINUED = "    "  # a line that begins so belongs to the command above it; any other line is what is answered
OPEN = "…"  # stands for anything in an answer
DOCUMENT_WITHIN_S = 600  # the longest takes a minute alone on the machine, which may do other things meanwhile
BETWEEN = "\x1e"


@dataclass(frozen=True)
class Typed:
    """One command of a document, and the beginning of its answer as the document has it."""

    command: str
    answer: str

    def is_answered_by(self, said: str) -> bool:
        """Say whether the document's answer stands in what was said, whatever the spaces between."""
        parts = re.sub(r"\s", "", self.answer).split(OPEN)
        return re.search(".*".join(map(re.escape, parts)), re.sub(r"\s", "", said)) is not None


@dataclass(frozen=True)
class Said:
    """What became of one command."""

    typed: Typed
    code: int
    said: str


def typed(text: str) -> Iterator[Typed]:
    """Yield each command of a document."""
    for block in re.findall(r"^ *```console\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE):
        command: list[str] = []
        answer: list[str] = []
        for line in block.splitlines():
            if line.startswith(PROMPT):
                if command:
                    yield Typed("\n".join(command), "\n".join(answer))
                command, answer = [line.removeprefix(PROMPT)], []
            elif line.startswith(CONTINUED) and not answer:
                command.append(line)
            else:
                answer.append(line)
        if command:
            yield Typed("\n".join(command), "\n".join(answer))


def run(commands: Iterable[Typed], folder: Path, environ: Mapping[str, str]) -> list[Said]:
    """Run the commands in one shell, which keeps its variables and functions, and return what each of them said."""
    commands = list(commands)
    script = "".join(f"{{ {each.command}\n}} 2>&1\nprintf '{BETWEEN}%d{BETWEEN}' $?\n" for each in commands)
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DOCUMENT_WITHIN_S,
        check=False,
    )
    assert not done.stderr, done.stderr
    parts = done.stdout.split(BETWEEN)
    return [Said(each, int(code), said) for each, said, code in zip(commands, parts[::2], parts[1::2], strict=False)]
