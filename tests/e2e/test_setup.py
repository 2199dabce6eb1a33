"""`make` in a fresh clone: what it installs, what of an unfinished setup it mends, and what it installs nothing for."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
LOCK = "requirements-dev.txt"
# What the user's own pip is told, and what would lead out of the environment.
USERS = {"PIP_USER": "yes", "PIP_TARGET": "/nowhere", "PIP_CONSTRAINT": "/nowhere/constraints.txt"}
LINUX_ONLY = "on macOS and Windows in a container, by docker compose up (compose.yaml says more)"


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Makefile and the commands, in a folder with a blank, a `$` and an é; the lock has two tiny packages."""
    folder = tmp_path_factory.mktemp("setup") / "a b $é"
    shutil.copytree(ROOT / "dev", folder / "dev", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "Makefile", folder)
    wheels = folder / "wheels"
    wheels.mkdir()
    # As in the real lock: one package asks for another with an extra, and for a range of versions.
    packages = {"tinybase": ["Provides-Extra: more"], "tinytop": ["Requires-Dist: tinybase[more]>=1"]}
    lock = [f"{name}==1.0 \\\n    --hash=sha256:{wheel(wheels, name, about)}\n" for name, about in packages.items()]
    lock.append(f"colorama==0.4.6 ; sys_platform == 'win32' \\\n    --hash=sha256:{'0' * 64}\n")
    (folder / LOCK).write_text("".join(lock))
    return folder


@pytest.fixture(scope="module")
def made(clone: Path) -> str:
    """What `make setup` said where half a `.venv` was there, without pip, and the user's pip installs elsewhere."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", clone / ".venv"], check=True)
    return done(make(clone, "setup", **USERS, LC_ALL="C"))


def wheel(folder: Path, name: str, about: list[str]) -> str:
    """Write a wheel of one empty module; return its hash."""
    info = f"{name}-1.0.dist-info"
    file = folder / f"{name}-1.0-py3-none-any.whl"
    metadata = "\n".join(["Metadata-Version: 2.1", f"Name: {name}", "Version: 1.0", *about, ""])
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(f"{name}.py", "")
        archive.writestr(f"{info}/METADATA", metadata)
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return hashlib.sha256(file.read_bytes()).hexdigest()


def make(folder: Path, *arguments: str, **variables: str) -> subprocess.Popen[str]:
    """Start make in a session of its own, as a terminal does; pip knows the wheels of the clone and no index."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "FIRSTCOME_", "MAKE"))}
    environ |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "wheels", "PYTHON": sys.executable, **variables}
    command = ["make", *arguments]
    return subprocess.Popen(
        command,
        cwd=folder,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def done(process: subprocess.Popen[str], code: int = 0) -> str:
    """Wait for the end; return what it said, which is never a traceback."""
    said, _ = process.communicate(timeout=300)
    assert "Traceback" not in said
    assert process.returncode == code, said
    return said


def installed(folder: Path) -> set[str]:
    return {path.stem for path in folder.glob(".venv/lib/*/site-packages/tiny*.py")}


def test_half_an_environment_is_made_anew(clone: Path, made: str) -> None:
    """A `.venv` from before Ctrl-C, or from a Python without ensurepip, has a Python and no pip."""
    assert "making .venv" in made
    assert (clone / ".venv" / ".ready").exists()


def test_pip_alone_installs_a_lock_for_every_platform(clone: Path, made: str) -> None:
    """With hashes, markers and extras, by the pip that Python brings; the user's own settings lead nowhere else."""
    assert installed(clone) == {"tinybase", "tinytop"}


def test_a_second_setup_waits_for_the_first(clone: Path, made: str, wait_until: Callable[..., None]) -> None:
    """It finds everything done, and does nothing again."""
    (clone / ".venv" / ".ready").unlink()
    with (clone / LOCK).open() as first:
        fcntl.flock(first, fcntl.LOCK_EX)
        second = make(clone, "setup")
        assert second.stdout is not None
        assert "waiting for it" in second.stdout.readline()
        (clone / ".venv" / ".ready").touch()
    assert "making" not in done(second)


@pytest.mark.parametrize(
    ("target", "code", "says"), [("down", 0, ""), ("status", 2, "not running"), ("help", 0, "make up")]
)
def test_what_ends_or_shows_something_installs_nothing(clone: Path, target: str, code: int, says: str) -> None:
    """The standard library is enough for it: `-S` leaves everything else out."""
    away = clone / ".venv"
    if away.exists():
        away.rename(clone / "away")
    try:
        assert says in done(make(clone, target, PYTHON=f"{sys.executable} -S"), code)
        assert not (clone / ".venv").exists()
    finally:
        if (clone / "away").exists():
            (clone / "away").rename(away)


@pytest.mark.parametrize(
    ("machine", "says"),
    [('platform = "darwin"', LINUX_ONLY), ("version_info = (3, 10, 0)", "needs Python 3.11")],
)
def test_what_cannot_work_here_is_said_before_installing(clone: Path, tmp_path: Path, machine: str, says: str) -> None:
    """Another system or an older Python ends `make` with one line, and without an environment."""
    shutil.copy(clone / "Makefile", tmp_path)
    shutil.copy(clone / LOCK, tmp_path)
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(f"import sys\nsys.{machine}\n")
    for target in ("up", "down"):
        assert says in done(make(tmp_path, target, PYTHONPATH=str(tmp_path / "site")), 2)
    assert not (tmp_path / ".venv").exists()


def test_uv_installs_from_where_pip_does(clone: Path, made: str, tmp_path: Path) -> None:
    """Its own settings name nothing: it hears of the folder of wheels from pip's."""
    for path in clone.glob(".venv/lib/*/site-packages/tiny*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    (clone / "bin").mkdir()
    (clone / "bin" / "uv").symlink_to(ROOT / ".venv" / "bin" / "uv")
    (clone / "pip.conf").write_text("[install]\nno-index = true\nfind-links = wheels\n")
    lock = tmp_path / LOCK  # a newer one
    shutil.copy(clone / LOCK, lock)
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_"))}
    environ["PIP_CONFIG_FILE"] = "pip.conf"
    subprocess.run([sys.executable, "dev/setup.py", ".venv", lock], cwd=clone, env=environ, check=True)
    (installer,) = clone.glob(".venv/lib/*/site-packages/tinytop-1.0.dist-info/INSTALLER")
    assert installer.read_text() == "uv"


def test_ctrl_c_in_setup_is_one_line_and_leaves_no_whole(clone: Path, made: str) -> None:
    """What is left is half an environment, which the next one makes anew."""
    (clone / ".venv" / ".ready").unlink()
    interrupted = make(clone, "setup")
    assert interrupted.stdout is not None
    assert "making .venv" in interrupted.stdout.readline()
    os.killpg(interrupted.pid, signal.SIGINT)
    assert "setup: interrupted" in done(interrupted, -signal.SIGINT)
    assert not (clone / ".venv" / ".ready").exists()
