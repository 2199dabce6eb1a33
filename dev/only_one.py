"""One of a kind at a time: a command that finds the same one at work waits for it."""

from __future__ import annotations

import fcntl
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@contextmanager
def only_one(file: Path, what: str, say: Callable[[str], None] = print) -> Iterator[None]:
    """Hold the lock `file` for the time of the block, after waiting for whoever has it.

    The kernel lets go of it with the process, however that ends; the file itself stays and means nothing.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"another {what} is at work: waiting for it")
            fcntl.flock(held, fcntl.LOCK_EX)
        yield
