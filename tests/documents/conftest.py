"""A clone as a reader has it after `make up`: its commands, and the running cloud."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dev.cloud import Cloud
    from dev.servers import Servers
    from tests.clouds import Clouds

ROOT = Path(__file__).parents[2]
# `make up` has made the test's cloud; what installs, starts and ends things is not run again by a document.
MAKE = """#!/bin/sh
for word; do
  case $word in *=*) continue ;; esac
  grep -q "^$word:" "$MAKEFILE" || { echo "no target $word"; exit 2; }
done
"""


@pytest.fixture(scope="package")
def cloud(servers: Servers, clouds: Clouds) -> Iterator[Cloud]:
    """The cloud of `make up`, with its issuer and its pages."""
    with clouds.over(servers, counted=False, apply_environments=2, identity=True) as cloud:
        yield cloud


@pytest.fixture(scope="package")
def clone(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a reader's commands find what they find in a clone."""
    folder = tmp_path_factory.mktemp("clone")
    shutil.copytree(ROOT / "dev", folder / "dev", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("layers", "docs", "web", "template.yaml"):
        (folder / name).symlink_to(ROOT / name)
    (folder / ".venv").symlink_to(sys.prefix)
    (folder / ".local").symlink_to(cloud.folder)
    (folder / "bin").mkdir()
    (folder / "bin" / "make").write_text(MAKE)
    (folder / "bin" / "make").chmod(0o755)
    return folder


@pytest.fixture(scope="package")
def reader(clone: Path) -> dict[str, str]:
    """The environment of a reader's shell: none of the session's settings, and the programs of the clone."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("FIRSTCOME_")}
    return environ | {
        "PATH": f"{clone / 'bin'}:{clone / '.venv' / 'bin'}:{environ['PATH']}",
        "MAKEFILE": str(ROOT / "Makefile"),
        "NO_COLOR": "1",
        "COLUMNS": "120",
    }
