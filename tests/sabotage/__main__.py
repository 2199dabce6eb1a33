"""Take each guard out of a scratch copy, in turn, and see its test go red.

python -m tests.sabotage [WORD …]    only the guards whose names contain one of the words
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from dev.servers import Servers
from tests.sabotage.guard import place, texts
from tests.sabotage.guards import GUARDS

if TYPE_CHECKING:
    from tests.sabotage.guard import Guard

ROOT = Path(__file__).parent.parent.parent
RED = 1  # pytest: tests were collected and run, and some failed


def main() -> None:
    """Print a row for each guard; exit with 1 if any was not missed, or its place was not found."""
    words = sys.argv[1:]
    guards = [guard for guard in GUARDS if not words or any(word in guard.name for word in words)]
    files = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout.splitlines()  # fmt: skip
    with tempfile.TemporaryDirectory() as scratch, Servers(ROOT / ".local" / "sabotage") as servers:
        copy = Path(scratch)
        for name in files:
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy / name)
        named = {f"FIRSTCOME_TEST_{name.removeprefix('FIRSTCOME_')}": value for name, value in servers.environ.items()}
        print("\n| guard | without it, red |\n| --- | --- |")
        missed = [guard for guard in guards if not _missed(guard, copy, {**os.environ, **named})]
    print(f"\na test goes red without the guard: {len(guards) - len(missed)} of {len(guards)}")
    sys.exit(bool(missed))


def _missed(guard: Guard, copy: Path, environment: dict[str, str]) -> bool:
    """Say whether the guard's tests go red without it."""
    files = texts(copy)
    try:
        path = place(guard, files)
    except LookupError as error:
        print(f"| {guard.name} | NOT FOUND: {error} |", flush=True)
        return False
    whole = files[path]
    path.write_text(whole.replace(guard.there, guard.instead))
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *guard.tests.split()]
    ran = subprocess.run(command, cwd=copy, env=environment, check=False, capture_output=True, text=True)
    path.write_text(whole)
    failed = (line.removeprefix("FAILED ") for line in ran.stdout.splitlines() if line.startswith("FAILED "))
    red = [line.partition(" - ")[0] for line in failed]  # a parameter may have blanks
    if ran.returncode != RED or not red:
        print(f"| {guard.name} | NOT MISSED: pytest ended with {ran.returncode} |", flush=True)
        return False
    print(f"| {guard.name} | `{red[0]}` |", flush=True)
    return True


if __name__ == "__main__":
    main()
