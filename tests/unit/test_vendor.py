"""Other people's files in the console: the ones that were looked at, with their licences, and no host in the lock."""

from __future__ import annotations

import hashlib
import json

from dev.vendor.__main__ import FILES, HERE, SUMS, VENDOR, readme

LOCK = HERE / "package-lock.json"


def test_every_vendored_file_has_its_hash() -> None:
    """A file that was changed by hand fails here."""
    lines = [line.split("  ") for line in (VENDOR / SUMS).read_text().splitlines()]
    assert {name: digest for digest, name in lines} == {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in VENDOR.iterdir()
        if file.name not in (SUMS, "README.md")
    }


def test_every_vendored_package_has_its_licence() -> None:
    """And the text is a licence."""
    packages = {source.partition("/")[0] for source in FILES.values()}
    assert {f"{package}.LICENSE" for package in packages} <= FILES.keys()
    assert all("ermission" in (VENDOR / f"{package}.LICENSE").read_text() for package in packages)


def test_the_lock_names_hashes_and_no_host() -> None:
    """Packages come from wherever the machine's npm is told to look."""
    lock = LOCK.read_text()
    assert "http" not in lock.replace("https://opencollective.com/preact", "")
    packages = [found for path, found in json.loads(lock)["packages"].items() if path]
    assert packages
    assert all(found["integrity"].startswith("sha512-") for found in packages)


def test_the_folder_names_the_versions_of_the_lock() -> None:
    """The README of the folder is made from the lock."""
    assert (VENDOR / "README.md").read_text() == readme(json.loads(LOCK.read_text()))


def test_no_vendored_module_asks_for_a_bare_name() -> None:
    """A browser without an import map finds everything by its path."""
    for module in VENDOR.glob("*.js"):
        assert 'from"preact"' not in module.read_text(), module.name
