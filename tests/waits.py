"""What a call has waited for, instead of how long it took.

A busy machine makes every call slow, and no wait longer than was asked for. So the law "answers within its bound" is
held to the waits that ran out; what is between them is work, which takes as long as the machine wants.
"""

from __future__ import annotations

import math
import socket
import ssl
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

BLOCKING = {
    socket.socket: ("connect", "recv", "recv_into", "send", "sendall"),
    ssl.SSLSocket: ("connect", "recv", "recv_into", "send", "sendall", "do_handshake"),
}


@dataclass
class Waits:
    """The waits of one thread: their limits in seconds, `math.inf` for none."""

    asked: list[float] = field(default_factory=list)
    ran_out: list[float] = field(default_factory=list)

    @property
    def in_vain_s(self) -> float:
        """How long it has waited for what did not come."""
        return sum(self.ran_out)

    @property
    def deadline_s(self) -> float:
        """The longest limit of a wait that has one: what is asked for again and again has what is left of it."""
        return max((limit for limit in self.asked if limit < math.inf), default=0)

    def note(self, limit_s: float | None, *, ran_out: bool) -> None:
        """Count one wait."""
        seconds = math.inf if limit_s is None else max(0.0, limit_s)
        self.asked.append(seconds)
        if ran_out:
            self.ran_out.append(seconds)


def watch(monkeypatch: pytest.MonkeyPatch) -> Waits:
    """Count from now on what the calling thread waits for: sockets, conditions, events, ends of threads, sleep."""
    waits = Waits()
    mine = threading.get_ident()

    def watched(wait: Callable[..., Any], limit: Callable[..., float | None]) -> Callable[..., Any]:
        def call(waited_for: Any, *arguments: Any, **named: Any) -> Any:
            if threading.get_ident() != mine:
                return wait(waited_for, *arguments, **named)
            limit_s = limit(waited_for, *arguments, **named)
            try:
                answer = wait(waited_for, *arguments, **named)
            except TimeoutError:
                waits.note(limit_s, ran_out=True)
                raise
            waits.note(limit_s, ran_out=answer is False)  # a condition's word for it
            return answer

        return call

    for kind, names in BLOCKING.items():
        for name in names:
            monkeypatch.setattr(kind, name, watched(getattr(kind, name), lambda one, *_: one.gettimeout()))
    for owner, name in ((threading.Condition, "wait"), (threading.Thread, "join")):
        monkeypatch.setattr(owner, name, watched(getattr(owner, name), lambda _, timeout=None: timeout))
    slept = time.sleep

    def sleep(seconds: float) -> bool:
        slept(seconds)
        return False  # as a condition that has not come true

    monkeypatch.setattr(time, "sleep", watched(sleep, lambda seconds: seconds))
    return waits
