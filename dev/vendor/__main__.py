"""Bring the console's libraries into web/console/vendor, in the versions of the lock, each with its licence.

npm is needed only here. The lock names no registry: whichever one npm is set up with is asked, and each package must
have the lock's hash. SHA256SUMS has the hash of every file, as `sha256sum` writes it; a test holds it.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
VENDOR = HERE.parent.parent / "web" / "console" / "vendor"
SUMS = "SHA256SUMS"
# What is taken of each package, by its name in `vendor`.
FILES = {
    "preact.js": "preact/dist/preact.module.js",
    "preact.LICENSE": "preact/LICENSE",
    "hooks.js": "preact/hooks/dist/hooks.module.js",
    "htm.js": "htm/dist/htm.module.js",
    "htm.LICENSE": "htm/LICENSE",
    "uplot.js": "uplot/dist/uPlot.esm.js",
    "uplot.css": "uplot/dist/uPlot.min.css",
    "uplot.LICENSE": "uplot/LICENSE",
}
# The one change: a browser finds a module by its path. An import map would be an inline script, which the policy stops.
BARE, PATH = b'from"preact"', b'from"./preact.js"'
README = """# Other people's work

The files of these packages as their authors publish them, but for one import that names a path. `make vendor` brings
those of [the lock](../../../dev/vendor/package-lock.json); `SHA256SUMS` has their hashes.

| package | version | licence |
| --- | --- | --- |
"""


def main() -> None:
    """Install what the lock names, and copy what is taken of it."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, folder)
        quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--omit-lockfile-registry-resolved"]
        subprocess.run(["npm", "ci", *quiet], cwd=folder, check=True)
        take(Path(folder) / "node_modules", VENDOR)


def take(modules: Path, vendor: Path) -> None:
    """Copy the files out of `modules` into an empty `vendor`, with their versions and hashes."""
    shutil.rmtree(vendor, ignore_errors=True)
    vendor.mkdir(parents=True)
    for name, source in FILES.items():
        (vendor / name).write_bytes((modules / source).read_bytes().replace(BARE, PATH))
    lines = [f"{hashlib.sha256((vendor / name).read_bytes()).hexdigest()}  {name}\n" for name in sorted(FILES)]
    (vendor / SUMS).write_text("".join(lines))
    (vendor / "README.md").write_text(readme(json.loads((HERE / "package-lock.json").read_text())))


def readme(lock: dict[str, dict[str, dict[str, str]]]) -> str:
    """Return what the folder says of itself."""
    packages = {path.rpartition("/")[2]: found for path, found in lock["packages"].items() if path}
    rows = [f"| {name} | {found['version']} | {found['license']} |\n" for name, found in sorted(packages.items())]
    return README + "".join(rows)


if __name__ == "__main__":
    main()
