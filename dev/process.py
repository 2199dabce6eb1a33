"""A background process that is known by a file, so that a later run can find it again and end it.

The file holds the process id and the process's start time: an id that Linux has meanwhile given to somebody else is
recognised by the other start time, and left alone.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

POLL_S = 0.02
STOP_S = 20.0  # a database that flushes needs seconds, not minutes
PATIENCE_S = 60.0  # whatever is waited for takes well under a second; a busy machine is no reason to give up

# The process itself writes its pid file and then becomes the program: whenever the starter may die, there is no
# process without a file. $$ stays the same through exec; field 22 of stat is the start time, in ticks since boot.
_WRITE_PID_THEN_EXEC = 'echo "$$ $(cut -d" " -f22 "/proc/$$/stat")" >"$0" && exec "$@"'


class ProcessError(Exception):
    """A process did not start, did not become ready in time, or cannot be had at all; the text says what to do."""


def wait_until(predicate: Callable[[], object], description: str, *, timeout_s: float = PATIENCE_S) -> None:
    """Return as soon as `predicate()` is true; raise `TimeoutError` naming `description` after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while not predicate():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {timeout_s:g} s: {description}")
        time.sleep(POLL_S)


def tail(log: Path, lines: int = 15) -> str:
    """Return the end of a log, with the path of the rest."""
    try:
        end = log.read_text(errors="replace").splitlines()[-lines:]
    except FileNotFoundError:
        end = []
    return "\n".join([f"--- {log}", *end])


class Process:
    """One process, its pid file `<folder>/<name>.pid` and its log `<folder>/<name>.log`.

    Two objects of the same folder and name speak of the same process, also in two runs of Python.
    """

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder
        self.log = folder / f"{name}.log"
        self._pid_file = folder / f"{name}.pid"
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The id of the process if it is alive, else None. A zombie is dead."""
        if self._child is not None:
            self._child.poll()  # our own child: collect it, or it stays a zombie
        try:
            pid, started = self._pid_file.read_text().split()
        except (FileNotFoundError, ValueError):  # no file, or the process died while it wrote it
            return None
        return int(pid) if _start_time(int(pid)) == started else None

    @property
    def running(self) -> bool:
        """Whether the process is alive."""
        return self.pid is not None

    def start(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        dies_with_us: bool = False,
    ) -> None:
        """Start `command` in `folder`, in a session of its own, after ending what the pid file still names.

        With `dies_with_us` the kernel ends it with SIGTERM when the calling *thread* ends, however that happens:
        for a command in the foreground, and to be called from its main thread. Raises `ProcessError` when the program
        is not there.
        """
        if sys.platform != "linux":
            raise ProcessError("the local cloud needs Linux (/proc): on other systems docker compose up runs it")
        if shutil.which(command[0]) is None:
            raise ProcessError(f"{self.name}: there is no program {command[0]}")
        bond = ["setpriv", "--pdeathsig", "TERM"] if dies_with_us else []
        if bond and shutil.which(bond[0]) is None:
            raise ProcessError(f"{self.name}: there is no program {bond[0]}, which is util-linux's")
        self.stop()
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                [*bond, "sh", "-c", _WRITE_PID_THEN_EXEC, str(self._pid_file.absolute()), *command],
                cwd=self.folder,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches the command only, which then stops its servers in order
            )
        wait_until(lambda: self.running or self._ended(), f"{self.name} writes its pid file")

    def stop(self, *, kill: bool = False, timeout_s: float = STOP_S, group: bool = False) -> None:
        """End the process: SIGTERM, a bounded wait, then SIGKILL; with `kill` SIGKILL at once. No process: no harm.

        With `group` what it runs and waits for hears SIGTERM too. Raises `ProcessError` where it is another user's.
        """
        pid = self.pid
        if pid is not None and not kill:
            self._signal(signal.SIGTERM, group=group)
            self._signal(signal.SIGCONT)  # a paused process does not see SIGTERM
            try:
                wait_until(lambda: not self.running, f"{self.name} ends on SIGTERM", timeout_s=timeout_s)
            except TimeoutError:
                kill = True
        if pid is not None and kill:
            self._signal(signal.SIGKILL, group=True)
            wait_until(lambda: not self.running, f"{self.name} ends on SIGKILL")
        if self._child is not None:
            self._child.poll()  # it may have ended between the last poll and the look into /proc
        self._pid_file.unlink(missing_ok=True)

    def pause(self) -> None:
        """Stop the process and its children without ending them: connections stay open and nothing answers."""
        self._signal(signal.SIGSTOP, group=True)

    def resume(self) -> None:
        """Let a paused process go on."""
        self._signal(signal.SIGCONT, group=True)

    def wait_ready(self, probe: Callable[[], object], *, timeout_s: float) -> None:
        """Return when `probe()` stops raising; raise `ProcessError` with the log's end if it dies or takes too long."""
        last: Exception | None = None

        def ready() -> bool:
            nonlocal last
            if not self.running:
                raise ProcessError(f"{self.name} ended while starting\n{self.tail()}")
            try:
                probe()
            except Exception as error:  # noqa: BLE001  each client has its own exceptions for "not yet"
                last = error
                return False
            return True

        try:
            wait_until(ready, f"{self.name} is ready", timeout_s=timeout_s)
        except TimeoutError as error:
            raise ProcessError(f"{error} (last: {last!r})\n{self.tail()}") from last

    def tail(self, lines: int = 15) -> str:
        """Return the end of the log, with the path of the rest."""
        return tail(self.log, lines)

    def _ended(self) -> bool:
        return self._child is not None and self._child.poll() is not None

    def _signal(self, number: signal.Signals, *, group: bool = False) -> None:
        pid = self.pid
        if pid is None:
            return
        try:
            # The leader is alive and ours, so the group that has its number is ours too.
            (os.killpg if group else os.kill)(pid, number)
        except ProcessLookupError:  # ended just now
            pass
        except PermissionError:
            raise ProcessError(f"{self.name} (process {pid}) is another user's: who started it can end it") from None


def _start_time(pid: int) -> str | None:
    """Return the start time of a living process as the pid file has it, None for a dead one or a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        state, *fields = stat.rpartition(")")[2].split()  # the program's name is in brackets and may hold anything
        # The first thread becomes a zombie before the others have ended, and until then its ports are taken.
        if state in "ZX" and len(list(Path(f"/proc/{pid}/task").iterdir())) <= 1:
            return None
    except (FileNotFoundError, ProcessLookupError):
        return None
    return fields[18]
