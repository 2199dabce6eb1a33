"""The processes that serve the steps, one request at a time each, and may be killed at any moment.

    python -m benchmarks.strategies.worker SOCKET

This one imports every step once and answers nobody. For each `module capacity` that arrives on its socket, with another
socket, it makes a process of that step by forking, and says its id; so a process that was killed has a successor within
milliseconds. That one connects, says `READY` on its own socket, and answers each `event_id user_id` with `YES` or `NO`,
until nobody is left at the other end.
"""

from __future__ import annotations

import importlib
import os
import signal
import socket
import sys
import traceback
from typing import TYPE_CHECKING, NoReturn

from benchmarks.strategies import STEPS
from firstcome.settings import Settings

if TYPE_CHECKING:
    from types import ModuleType

READY, YES, NO = b"ready", b"yes", b"no"
LONGEST = 1_024


def main() -> None:
    """Make processes until the other end is closed."""
    steps = {step.module: importlib.import_module(f"benchmarks.strategies.{step.module}") for step in STEPS}
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how one of them ended
    with socket.socket(fileno=int(sys.argv[1])) as control:
        while True:
            said, descriptors, _, _ = socket.recv_fds(control, LONGEST, 1)
            if not said:
                return
            module, capacity = said.decode().split()
            requests = socket.socket(fileno=descriptors[0])
            pid = os.fork()
            if pid == 0:
                control.close()
                serve(steps[module], int(capacity), requests)
            requests.close()
            control.send(str(pid).encode())


def serve(step: ModuleType, capacity: int, requests: socket.socket) -> NoReturn:
    """Return until the other end is closed; end at once, and with the reason in the log, when the step fails."""
    try:
        apply = step.start(Settings.from_env(), capacity)
        requests.send(READY)
        while asked := requests.recv(LONGEST):
            event_id, user_id = asked.decode().split()
            requests.send(YES if apply(event_id, user_id) else NO)
    except Exception:  # noqa: BLE001  whatever it is, the crowd hears that this process is gone
        traceback.print_exc()
    os._exit(0)


if __name__ == "__main__":
    main()
