"""Wait for an answer from processes, and name the one that ends again and again."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING, TypeVar

from dev.process import POLL_S, ProcessError, tail

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dev.child import Child

_T = TypeVar("_T")

# Once may be the machine's doing (no memory just then); a program that cannot start is there within a second.
ENDS = 3


def watching(children: Iterable[Child], call: Callable[[], _T], what: str, *, within_s: float) -> _T:
    """Return what `call` returns, raise what it raises; meanwhile raise `ProcessError` for a child that does not stay.

    `call` may block for as long as it likes: it has a thread of its own, which nobody waits for, so that this thread
    hears signals. The error has the end of the child's log, or says that there was no answer `within_s`.
    """
    children = list(children)
    outcome: Future[_T] = Future()

    def work() -> None:
        try:
            outcome.set_result(call())
        except BaseException as error:  # noqa: BLE001  whatever it is, it is raised where somebody waits
            outcome.set_exception(error)

    threading.Thread(target=work, name=what, daemon=True).start()
    deadline = time.monotonic() + within_s
    while not wait([outcome], timeout=POLL_S).done:
        for child in children:
            if child.ends >= ENDS:
                raise ProcessError(f"{child.name} does not start\n{tail(child.log)}")
        if time.monotonic() > deadline:
            raise ProcessError(f"not within {within_s:g} s: {what}")
    return outcome.result()
