"""What processes have had of the cores, by the kernel's account (/proc): user and system time, of all their threads."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def spent_s(process: int | str) -> float:
    """Return what a process, or a thread (`PID/task/TID`), has had of the cores, in seconds."""
    words = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / TICKS


def all_spent_s(processes: Iterable[int]) -> float:
    """Return what they have had altogether."""
    return sum(map(spent_s, processes))


def spent_without_compiling_s(java: int) -> float:
    """Return what a virtual machine has had, but for its compiler, which works for minutes and for no request."""
    tasks = [task for task in Path(f"/proc/{java}/task").iterdir() if "Compiler" in (task / "comm").read_text()]
    return spent_s(java) - sum(spent_s(f"{java}/task/{task.name}") for task in tasks)
