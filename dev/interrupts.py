"""Ctrl-C and SIGTERM of a command: one line instead of a traceback, and everything ended that it had started.

Where `python -m dev` imports this module, Ctrl-C ends the process at once from then on, silently: nothing is there yet
that would have to be ended. `heard` is for when something is.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from types import FrameType

_ENDING = (signal.SIGINT, signal.SIGTERM)
# A process in the background of a script ignores Ctrl-C, and keeps to that.
_WANTED = signal.getsignal(signal.SIGINT) is not signal.SIG_IGN

if _WANTED and getattr(sys.modules["__main__"].__spec__, "name", "") == "dev.__main__":  # and not pytest, say
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def heard() -> None:
    """Raise `KeyboardInterrupt` in the main thread from now on, at Ctrl-C and at SIGTERM alike.

    The Makefile has Ctrl-C wait (`env --block-signal`) until here, so that Python's own start hears nothing of it.
    """
    for number in _ENDING:
        if number != signal.SIGINT or _WANTED:
            signal.signal(number, _interrupt)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)


def end_once() -> None:
    """Raise `SystemExit` in the main thread at the first SIGTERM or Ctrl-C; what is ended then is not disturbed again.

    For the process in the background, whose blocks end what they have started.
    """

    def end(_number: int, _frame: FrameType | None) -> NoReturn:
        for number in _ENDING:
            signal.signal(number, signal.SIG_IGN)
        raise SystemExit(0)

    for number in _ENDING:
        signal.signal(number, end)


def die(command: str) -> NoReturn:
    """End this process as Ctrl-C does, so that make and the shell see why, after one line about it."""
    for number in _ENDING:
        signal.signal(number, signal.SIG_IGN)
    print(f"\n{command}: interrupted", file=sys.stderr, flush=True)
    sys.stdout.flush()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGINT)
    os._exit(130)  # not reached, but for a platform that is slow to deliver it


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
