"""A process of the local cloud that is started again whenever it ends, and ends with whoever started it."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

# One that lives this long has come up: its successor starts at once. One that falls over earlier waits, twice as long
# each time, so that a broken function does not eat the machine.
_CAME_UP_S = 2.0
_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 5.0


class Child:
    """One process under one name; `pid` is that of its present incarnation."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path,
        pass_fds: Sequence[int] = (),
        patience_s: float = 0,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        """Describe the process; `patience_s` is how long SIGTERM may take before SIGKILL.

        `changed` is called from another thread whenever there is a new process.
        """
        self.name = name
        self.log = log
        self.ends = 0  # how often it has ended by itself, or could not be made, since `start`
        self._command = command
        self._env = env
        self._cwd = cwd
        self._pass_fds = pass_fds
        self._patience_s = patience_s
        self._changed = changed
        self._unwanted = threading.Event()
        self._made = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None

    @property
    def pid(self) -> int | None:
        """The id of the living process, None between two."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def start(self) -> None:
        """Start it and keep it, and return when there is a process; does nothing where it is kept already.

        The kernel sends the death signal when the *thread* that made a process ends: so each has a thread that
        outlives it.
        """
        if self._thread is not None:
            return
        self._unwanted.clear()
        self._made.clear()
        self.ends = 0
        self._thread = threading.Thread(target=self._keep, name=f"keeps {self.name}", daemon=True)
        self._thread.start()
        self._made.wait()

    def stop(self) -> None:
        """End it for good, until the next `start`."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._unwanted.set()
        if self._patience_s:
            self._signal(signal.SIGTERM)
            self._signal(signal.SIGCONT)  # a paused process does not see SIGTERM
            thread.join(self._patience_s)
        while thread.is_alive():  # once is not enough where a process was just being made
            self._signal(signal.SIGKILL)
            thread.join(0.1)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    def _keep(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while not self._unwanted.is_set():
            began = time.monotonic()
            how = self._live()
            if self._unwanted.is_set():
                return
            self.ends += 1
            pause_s = _FIRST_PAUSE_S if time.monotonic() - began > _CAME_UP_S else min(2 * pause_s, _LONGEST_PAUSE_S)
            with self.log.open("a") as log:
                log.write(f"--- {self.name} {how}; again in {pause_s:g} s\n")
            self._unwanted.wait(pause_s)

    def _live(self) -> str:
        """Make one process and return, when it has ended, how it did."""
        try:
            self._process = self._make()
        except OSError as error:  # no such program, no memory
            return f"could not be made: {error}"
        finally:
            self._made.set()
        self._changed()
        return f"ended with {self._process.wait()}"

    def _make(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *self._command],
                cwd=self._cwd,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=self._pass_fds,
                start_new_session=True,  # Ctrl-C reaches the starter only, which then ends its children in order
            )
