"""The layer as the build ships it, for one Python: the locked packages and ours, byte-compiled as by its makefile."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, distribution
from typing import TYPE_CHECKING

from dev.cloud import ROOT

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = ROOT / "layers" / "common" / "python"
VERSION = "import sys; print(sys.executable, '%d.%d' % sys.version_info[:2])"


def python() -> tuple[str, str]:
    """Answer Lambda's Python, where there is one, or else the one that runs this: its program and its version."""
    for program in (os.environ.get("PYTHON_3_13", "python3.13"), sys.executable):
        try:
            said = subprocess.run([program, "-c", VERSION], capture_output=True, text=True, check=True).stdout
        except (OSError, subprocess.CalledProcessError):  # a shim of a version that is not there
            continue
        path, version = said.split()
        return path, version
    raise AssertionError("this Python does not run")


def build(program: str, version: str, folder: Path) -> list[str]:
    """Return the paths of the layer; what was compiled for this Python and this lock is used again."""
    lock = (SOURCE / "requirements.txt").read_bytes()
    packages = folder / f"{version}-{sha256(lock).hexdigest()[:8]}"
    if not packages.exists():
        unfinished = packages.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        for name in re.findall(r"^([a-z0-9-]+)==", lock.decode(), re.MULTILINE):
            _copy(name, unfinished)
        _compile(program, unfinished)
        unfinished.rename(packages)
    ours = folder / version
    shutil.rmtree(ours, ignore_errors=True)
    shutil.copytree(SOURCE / "firstcome", ours / "firstcome", ignore=shutil.ignore_patterns("__pycache__"))
    _compile(program, ours)
    return [str(ours), str(packages)]


def _copy(name: str, folder: Path) -> None:
    try:
        files = distribution(name).files or []
    except PackageNotFoundError:  # needed by another Python
        return
    for file in files:
        if ".." not in file.parts and "__pycache__" not in file.parts:
            target = folder / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(str(file.locate()), target)


def _compile(program: str, folder: Path) -> None:
    options = ["-q", "--invalidation-mode", "unchecked-hash"]
    subprocess.run([program, "-m", "compileall", *options, str(folder)], check=True)
