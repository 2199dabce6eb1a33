"""Finds the servers' programs and the broker's jars, and installs what is missing where it may.

A program that is there already is preferred, whatever its origin. Nothing that runs on this machine is stopped, and
no system service is left running that did not run before.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from dev.process import ProcessError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

POM = Path(__file__).parent / "kafka" / "pom.xml"
PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin"  # its version stands in the pom
# Debian keeps daemons where an ordinary user's PATH does not look.
SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"])
MIN_JAVA = 17  # Kafka 4 brokers
# A JVM reads the names of files by its locale: under LC_ALL=C it finds no folder with another letter than ASCII's.
LOCALE = {"LC_ALL": "C.UTF-8"}

# program → Debian packages that bring it: the first one that the system's sources have
PACKAGES = {
    "redis-server": ["redis-server"],
    "redis-benchmark": ["redis-tools"],
    "wrk": ["wrk"],
    "mariadbd": ["mariadb-server"],
    "mariadb-install-db": ["mariadb-server"],
    "java": ["openjdk-21-jre-headless", "openjdk-17-jre-headless", "default-jre-headless"],
    "mvn": ["maven"],
    "haproxy": ["haproxy"],
    "chromium": ["chromium"],
}
UNITS = ["redis-server", "mariadb", "haproxy"]  # the system services that these packages bring

_NAMED = """\
name running ones:     FIRSTCOME_REDIS_URL=redis://host:port/0 FIRSTCOME_KAFKA_BOOTSTRAP=host:port
                            FIRSTCOME_MYSQL_URL=mysql://user:password@host:port/database"""
_SERVERS_FILE = "compose.servers.yaml"
_IN_DOCKER = f"""\
run them in Docker:    docker compose --file {_SERVERS_FILE} up --detach --wait
                            ({_SERVERS_FILE} says what to export then)"""
_BY_APT_GET = "install them:          apt-get install redis-server mariadb-server openjdk-17-jre-headless maven haproxy"
_BY_ANOTHER = f"""\
install them:          with this system's packages: Redis, MariaDB, a JRE ({MIN_JAVA} or newer), Maven, HAProxy;
                            on the PATH: redis-server, mariadbd, mariadb-install-db, java, mvn, haproxy"""


def ways() -> str:
    """Return the ways to have the servers, those first that this machine has."""
    offered = [_BY_APT_GET, _NAMED, _IN_DOCKER] if _has_apt_get() else [_NAMED, _IN_DOCKER, _BY_ANOTHER]
    lines = [f"  {number}. {way}" for number, way in enumerate(offered, start=1)]
    last = "haproxy is the local cloud's front door and is needed in each of them."
    return "\n".join(["", "There are three ways to have the servers:", *lines, last])


def programs(needed: Iterable[str], say: Callable[[str], None] = print) -> dict[str, str]:
    """Return the path of each needed program, after installing those that are missing.

    Raises `ProcessError`, which names the three ways to go on, when they cannot be installed.
    """
    found = {name: _find(name) for name in dict.fromkeys(needed)}
    if missing := [name for name, path in found.items() if path is None]:
        _install(missing, say)
        found |= {name: _find(name) for name in missing}
    if missing := [name for name, path in found.items() if path is None]:
        raise ProcessError(f"{', '.join(missing)}: not found after the installation.{ways()}")
    return {name: path for name, path in found.items() if path is not None}


def kafka_jars(say: Callable[[str], None] = print) -> Path:
    """Return the folder of the broker's jars, fetched from Maven Central once for all clones on this machine.

    Raises `ProcessError` when Maven cannot fetch them; a folder that is only half fetched is never used.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "firstcome"
    jars = cache / f"kafka-{hashlib.sha256(POM.read_bytes()).hexdigest()[:12]}"  # another pom, another folder
    if jars.is_dir():
        return jars
    mvn = programs(["mvn", "java"], say)["mvn"]
    say("fetching Apache Kafka from Maven Central (once)")
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as unfinished:
        target = Path(unfinished) / "jars"
        _run([
            *[mvn, "-q", "-B", "--strict-checksums", "-f", str(POM)],
            *[f"{PLUGIN}:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={target}"],
        ])  # fmt: skip
        try:
            target.rename(jars)
        except OSError:  # another clone was quicker
            if not jars.is_dir():
                raise
    return jars


def _find(name: str) -> str | None:
    path = shutil.which(name, path=SEARCH_PATH)
    if path is not None and name == "java" and _java_version(path) < MIN_JAVA:
        return None
    return path


def _has_apt_get() -> bool:
    return shutil.which("apt-get") is not None


def _java_version(java: str) -> int:
    shown = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(?:1\.)?(\d+)', shown)
    return int(found[1]) if found else 0


def _install(missing: list[str], say: Callable[[str], None]) -> None:
    """Install the packages of the missing programs with apt-get, as root or by a sudo that asks for no password."""
    if not _has_apt_get():
        raise ProcessError(f"{', '.join(missing)}: missing, and there is no apt-get to install from.{ways()}")
    sudo: list[str] = []
    if os.geteuid() != 0:
        sudo = ["sudo", "-n"]
        if shutil.which("sudo") is None or subprocess.run([*sudo, "true"], capture_output=True, check=False).returncode:
            raise ProcessError(f"{', '.join(missing)}: missing, and only root may install them.{ways()}")
    # RUNLEVEL=1 makes the packages' scripts believe that this is no time to start a service.
    quietly = [*sudo, "env", "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1"]
    say(f"installing {', '.join(missing)} with apt-get (once)")
    _run([*quietly, "dpkg", "--configure", "-a"])  # an installation that broke off earlier blocks apt-get
    _run([*quietly, "apt-get", "-qq", "update"])
    packages = sorted({_available(PACKAGES[name]) for name in missing})
    ran_before = _active_units()
    apt = [*quietly, "apt-get", "-o", "DPkg::Lock::Timeout=120", "-qq", "install", "-y", "--no-install-recommends"]
    _run([*apt, *packages])
    for unit in _active_units() - ran_before:  # systemd knows no run levels: what our packages have started goes again
        _run([*sudo, "systemctl", "disable", "--now", unit])


def _available(packages: list[str]) -> str:
    for package in packages:
        shown = subprocess.run(["apt-cache", "policy", package], capture_output=True, text=True, check=False).stdout
        if "Candidate:" in shown and "Candidate: (none)" not in shown:
            return package
    raise ProcessError(f"the system's package sources have none of {', '.join(packages)}.{ways()}")


def _active_units() -> set[str]:
    if not Path("/run/systemd/system").is_dir():
        return set()
    asked = [(unit, subprocess.run(["systemctl", "is-active", "-q", unit], check=False).returncode) for unit in UNITS]
    return {unit for unit, code in asked if code == 0}


def _run(command: list[str]) -> None:
    ran = subprocess.run(
        command,
        env={**os.environ, **LOCALE},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if ran.returncode:
        end = "\n".join(ran.stdout.splitlines()[-15:])
        raise ProcessError(f"{' '.join(command)} failed with {ran.returncode}\n{end}\n{ways()}")
