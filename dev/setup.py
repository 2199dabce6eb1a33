"""Makes a virtual environment with exactly the packages of a lock, with the standard library only.

    python dev/setup.py .venv requirements-dev.txt [cli]

A folder that is named last is a distribution of ours: it is installed as it stands, so that its command is there.

uv, of the version and with the hashes that the lock names, installs the rest in seconds; pip has a second try. Both
hear from where the user's pip installs (pip.conf and PIP_ variables: an index, a proxy, certificates), and nothing of
how: a `user = true` or a `target` of theirs would lead out of the environment.
"""

from __future__ import annotations

import ast
import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

READY = ".ready"  # in an environment that is whole; one without it is half of one, and made anew

# pip's settings that say from where, and uv's name for each; uv merges several indexes by the hashes of the lock.
_FROM_WHERE = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_NO_INDEX",
    "cert": "SSL_CERT_FILE",
    "client-cert": "SSL_CLIENT_CERT",
    "trusted-host": "UV_INSECURE_HOST",
    "proxy": "ALL_PROXY",
    "timeout": "UV_HTTP_TIMEOUT",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "keyring-provider": "UV_KEYRING_PROVIDER",
    "retries": "UV_HTTP_RETRIES",
    "cache-dir": "",
}
_SEVERAL = {"UV_FIND_LINKS": ",", "UV_INDEX": " ", "UV_INSECURE_HOST": " "}  # what stands between two values
# uv's settings that would lead it to another Python or to other packages.
_NOT_FOR_US = (
    *("UV_PYTHON", "UV_SYSTEM_PYTHON", "UV_BREAK_SYSTEM_PACKAGES", "UV_CONSTRAINT", "UV_OVERRIDE"),
    *("UV_BUILD_CONSTRAINT", "UV_EXCLUDE_NEWER", "UV_NO_BINARY", "UV_NO_VERIFY_HASHES", "UV_PROJECT", "UV_WORKING_DIR"),
)


class SetupError(Exception):
    """The environment cannot be made; the text says what to do."""


def set_up(venv: Path, lock: Path, ours: Path | None = None) -> None:
    """Install the packages of `lock` and `ours` into `venv`, and no others; a second call waits for the first."""
    # In an image whose packages come first, ours is not there yet.
    about = ours / "pyproject.toml" if ours else lock
    newest = max(file.stat().st_mtime for file in (lock, about) if file.exists())
    with lock.open() as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"another make sets {venv} up: waiting for it")
            fcntl.flock(held, fcntl.LOCK_EX)
        ready = venv / READY
        if is_sound(venv) and ready.stat().st_mtime >= newest:
            return
        for path in (venv.parent, venv):
            if path.exists() and not os.access(path, os.W_OK):
                raise SetupError(f"{path.absolute()} is another user's: `sudo chown -R` gives it to you")
        if not is_sound(venv):
            make(venv)
        print(f"installing the packages of {lock} into {venv}", flush=True)
        ready.unlink(missing_ok=True)
        install(venv, lock)
        if ours and about.exists():
            install_ours(venv, ours)
        ready.touch()


def is_sound(venv: Path) -> bool:
    """Say whether `venv` was made whole once, and its Python and pip are still there."""
    return (venv / READY).exists() and _runs([_python(venv), "-c", "import pip"])


def make(venv: Path) -> None:
    """Make an empty environment in the place of whatever is there; raise `SetupError` where Python cannot."""
    print(f"making {venv}", flush=True)
    code, said = _run([sys.executable, "-m", "venv", "--clear", str(venv)], os.environ)
    if code or not _runs([_python(venv), "-c", "import pip"]):
        raise SetupError(
            f"{said}\n{sys.executable} cannot make a virtual environment. What it lacks is the package python3-venv\n"
            "on Debian and Ubuntu; another Python is named by: make PYTHON=…"
        )


def install(venv: Path, lock: Path) -> None:
    """Install the lock with uv, which pip has installed before; where that fails, with pip. Raise `SetupError` else."""
    settings = pip_settings(_pip_config(venv))
    pip, uv = pip_environment(os.environ, settings), uv_environment(os.environ, settings)
    failed = []
    for command, environment in _ways(venv, lock, pip, uv):
        code, said = _run(command, environment)
        if code == 0:
            return
        failed.append(f"{' '.join(command)} failed with {code}\n{said}")
    raise SetupError("\n".join([*failed, "is there a way to a package index? pip's settings name another, or a proxy"]))


def _ways(
    venv: Path, lock: Path, pip: Mapping[str, str], uv: Mapping[str, str]
) -> Iterator[tuple[Sequence[str], Mapping[str, str]]]:
    """Yield the commands that install the lock, in the order in which they are tried."""
    uv_program = venv.parent / "bin" / "uv"  # of the environment that this one stands in
    if (wanted := requirement(lock.read_text(), "uv")) is not None:
        of_uv = venv / "uv.txt"
        of_uv.write_text(wanted)
        _run(pip_install(venv, of_uv), pip)
        uv_program = venv / "bin" / "uv"
    if uv_program.exists():
        yield uv_sync(uv_program, venv, lock), uv
    yield pip_install(venv, lock), pip


def install_ours(venv: Path, ours: Path) -> None:
    """Install a folder of ours in place, with what the lock has installed and nothing else."""
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-index", "--no-build-isolation"]
    command = [_python(venv), "-m", "pip", "install", *options, "--editable", str(ours)]
    code, said = _run(command, pip_environment(os.environ, {}))
    if code:
        raise SetupError(f"{' '.join(command)} failed with {code}\n{said}")


def uv_sync(uv: Path, venv: Path, lock: Path) -> list[str]:
    """Return uv's command, which removes what the lock does not name, too."""
    return [str(uv), "pip", "sync", "--quiet", "--require-hashes", "--python", _python(venv), str(lock)]


def pip_install(venv: Path, lock: Path) -> list[str]:
    """Return pip's command. The lock is complete, so nothing is to be resolved.

    A pip as old as Python 3.11's takes a requirement with an extra for one that is not pinned, when it resolves.
    """
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"]
    return [_python(venv), "-m", "pip", "install", *options, "-r", str(lock)]


def requirement(lock: str, name: str) -> str | None:
    """Return one package's entry of a lock, with its hashes; None where the lock has none."""
    found = re.search(rf"^{name}==(.*\\\n)*.*\n", lock, re.MULTILINE)
    return found[0] if found else None


def pip_settings(config: str) -> dict[str, str]:
    """Return what `pip config list` says of the indexes, by pip's names; the variables, which come last, count most."""
    found: dict[str, dict[str, str]] = {}
    for line in config.splitlines():
        key, _, value = line.partition("=")
        section, _, name = key.rpartition(".")
        if name in _FROM_WHERE:
            found.setdefault(section, {})[name] = " ".join(str(ast.literal_eval(value)).split())
    return {**found.get("global", {}), **found.get("install", {}), **found.get(":env:", {})}


def pip_environment(environ: Mapping[str, str], settings: Mapping[str, str]) -> dict[str, str]:
    """Return the variables for pip: of the user's settings those that say from where, and no file of settings."""
    kept = {name: value for name, value in environ.items() if not name.startswith("PIP_") and name != "PYTHONPATH"}
    ours = {"PIP_" + name.upper().replace("-", "_"): value for name, value in settings.items()}
    return {**kept, **ours, "PIP_CONFIG_FILE": os.devnull, "PIP_USER": "no", "PIP_ROOT_USER_ACTION": "ignore"}


def uv_environment(environ: Mapping[str, str], settings: Mapping[str, str]) -> dict[str, str]:
    """Return the variables for uv: its own, pip's settings where it has none itself, and the system's certificates."""
    kept = {name: value for name, value in environ.items() if name not in _NOT_FOR_US}
    theirs = {
        _FROM_WHERE[name]: value.replace(" ", _SEVERAL.get(_FROM_WHERE[name], " ")) for name, value in settings.items()
    }
    theirs.pop("", None)
    return {"UV_SYSTEM_CERTS": "true", "UV_INDEX_STRATEGY": "unsafe-best-match", **theirs, **kept}


def _pip_config(venv: Path) -> str:
    ran = subprocess.run([_python(venv), "-m", "pip", "config", "list"], capture_output=True, text=True, check=False)
    return ran.stdout


def _python(venv: Path) -> str:
    return str(venv / "bin" / "python")


def _runs(command: Sequence[str]) -> bool:
    return shutil.which(command[0]) is not None and _run(command, os.environ)[0] == 0


def _run(command: Sequence[str], environment: Mapping[str, str]) -> tuple[int, str]:
    """Run one command to its end and return its code and what it said; end it and all of its own where we are ended.

    In a session of its own: Ctrl-C reaches this process only, and is answered by one line.
    """
    with subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            said, _ = process.communicate()
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return process.returncode, said.strip()


def main() -> None:
    """Set one environment up; one line where that fails or is interrupted."""
    venv, lock, *ours = map(Path, sys.argv[1:])
    try:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])  # the Makefile has it wait until here
        set_up(venv, lock, *ours)
    except SetupError as error:
        sys.exit(f"setup: {error}")
    except PermissionError as error:
        sys.exit(f"setup: {error}: it is another user's; `sudo chown -R` gives it to you")
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        print("\nsetup: interrupted; the next make goes on", file=sys.stderr, flush=True)
        os.kill(os.getpid(), signal.SIGINT)


if __name__ == "__main__":
    main()
