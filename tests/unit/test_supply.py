"""What is installed is locked by hash, and the bill of materials says the same as the lock."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dev.setup import pip_install, uv_sync

ROOT = Path(__file__).parents[2]
LAYER = "layers/common/python/requirements.txt"
LOCKS = (LAYER, *sorted(path.name for path in ROOT.glob("requirements-*.txt")))


def locked(lock: str) -> dict[tuple[str, str], set[str]]:
    """Return the packages of a lock, each with its version and its hashes."""
    found: dict[tuple[str, str], set[str]] = {}
    for entry in re.split(r"\n(?=\S)", (ROOT / lock).read_text()):
        if not entry.startswith("#"):
            name, version = re.match(r"([\w.-]+)(?:\[[\w,-]+\])?==(\S+)", entry).groups()  # type: ignore[union-attr]
            found.setdefault((name, version), set()).update(re.findall(r"--hash=sha256:([0-9a-f]{64})", entry))
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_is_locked_by_hash(lock: str) -> None:
    """A version can be uploaded again by whoever took over an account; the bytes cannot."""
    packages = locked(lock)
    assert packages
    assert not [package for package, hashes in packages.items() if not hashes]


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_index(lock: str) -> None:
    """Whoever installs decides from where; an index of ours in a file would be asked by everybody."""
    assert not re.search(r"^\s*(-i|--\w*-?index-url|--find-links)|://", (ROOT / lock).read_text(), re.MULTILINE)


def test_hashes_are_required_wherever_a_lock_is_installed() -> None:
    """Pip checks hashes by itself when a file has some; uv, and a file whose hashes were removed, must be told."""
    files = [(ROOT / path).read_text() for path in ("Makefile", "layers/common/python/Makefile", ".ci/run")]
    commands = re.split(r"\n|\|\||&&|;", "\n".join(files).replace("\\\n", " "))
    installing = [command for command in commands if re.search(r"\bpip (install|sync)\b", command)]
    assert len(installing) >= 2
    assert not [command for command in installing if "--require-hashes" not in command]
    for command in (pip_install(Path(".venv"), Path(LAYER)), uv_sync(Path("uv"), Path(".venv"), Path(LAYER))):
        assert "--require-hashes" in command


def test_the_bill_of_materials_is_the_lock_of_the_layer() -> None:
    """The same packages, versions and hashes: `make sbom` after `make lock`."""
    sbom: dict[str, Any] = json.loads((ROOT / "docs" / "sbom.json").read_text())
    named = {
        (each["name"], each["version"]): {
            one["content"] for reference in each["externalReferences"] for one in reference["hashes"]
        }
        for each in sbom["components"]
    }
    assert named == locked(LAYER)
    assert all(each["purl"] == f"pkg:pypi/{each['name']}@{each['version']}" for each in sbom["components"])


def test_the_layer_brings_the_names_of_time_zones() -> None:
    """Lambda's image need not have the system's files: without them, zoneinfo reads the package."""
    lock = (ROOT / "layers" / "common" / "python" / "requirements.txt").read_text()
    assert re.search(r"^tzdata==", lock, re.MULTILINE)
    known = "from zoneinfo import available_timezones as known; print('Asia/Seoul' in known())"
    said = subprocess.run(
        [sys.executable, "-c", known], env={"PYTHONTZPATH": ""}, capture_output=True, text=True, check=True
    )
    assert said.stdout == "True\n"
