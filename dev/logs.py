"""All logs of the local cloud as one: what each process has said last, then what it says.

Logs stay files, one a process (`.local/logs/apply.log`, `.local/redis/redis.log`): this only reads them.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LAST_LINES = 10  # of each log, before what is new
_POLL_S = 0.2
_WHERE = ("logs/*.log", "*/*.log", "*.log")


@dataclass
class Log:
    """One file, and how much of it has been read."""

    path: Path
    offset: int = 0

    def new(self) -> list[str]:
        """Return the whole lines that were written since; all of them where the file was begun anew."""
        with self.path.open("rb") as file:
            file.seek(0, 2)
            if file.tell() < self.offset:
                self.offset = 0
            file.seek(self.offset)
            said = file.read()
        whole = said[: said.rfind(b"\n") + 1]
        self.offset += len(whole)
        return whole.decode(errors="replace").splitlines()


class Logs:
    """The logs below one folder; those that appear later, too."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[Path, Log] = {}

    def lines(self) -> Iterator[str]:
        """Yield what was written since, each line after the name of its process; of a new log the last lines."""
        for path in sorted({path for pattern in _WHERE for path in self._folder.glob(pattern)}):
            log = self._known.setdefault(path, Log(path))
            first = log.offset == 0
            try:
                said = log.new()
            except FileNotFoundError:  # deleted meanwhile, by a start or a reset
                del self._known[path]
                continue
            for line in said[-LAST_LINES:] if first else said:
                yield f"{path.stem:>12} | {line}"


def follow(folder: Path, is_running: Callable[[], bool]) -> None:
    """Print the lines, and go on for as long as the cloud runs."""
    logs = Logs(folder)
    while True:
        running = is_running()  # before the logs are read: what was said last is then in there
        for line in logs.lines():
            print(line, flush=True)
        if not running:
            return
        time.sleep(_POLL_S)
