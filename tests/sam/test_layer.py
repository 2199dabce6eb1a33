"""The layer's build where there is neither Python 3.13 nor its image: nothing slow is deployed without a word."""

from __future__ import annotations

import shutil
import subprocess
import tomllib
from typing import TYPE_CHECKING

from tests.sam.command import ROOT, environment

if TYPE_CHECKING:
    from pathlib import Path

LAYER = ROOT / "layers" / "common" / "python"


def make(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Build the layer of one module in `folder`, with nothing that could compile it, and without its packages."""
    (folder / "firstcome").mkdir()
    (folder / "firstcome" / "module.py").write_text("LIMIT = 1\n")
    shutil.copy(LAYER / "Makefile", folder)
    own = environment() | {"ARTIFACTS_DIR": str(folder / "built"), "ALLOW_SOURCE_ONLY": ""} | variables
    (folder / "built" / "python").mkdir(parents=True)
    arguments = ["make", "build-CommonLayer", "PYTHON=true", "PYTHON_3_13=no-such-python", "IMAGE=no.such/image"]
    return subprocess.run(arguments, cwd=folder, env=own, capture_output=True, text=True, check=False)


def test_a_layer_that_nothing_compiles_fails_the_build(tmp_path: Path) -> None:
    """And says what to install, or what to say."""
    done = make(tmp_path)
    assert done.returncode != 0
    assert "Install no-such-python, or run: docker pull no.such/image" in done.stderr
    assert "ALLOW_SOURCE_ONLY=1" in done.stderr


def test_whoever_allows_it_gets_a_layer_of_source(tmp_path: Path) -> None:
    """It says so, and holds no byte code of the host's Python."""
    done = make(tmp_path, ALLOW_SOURCE_ONLY="1")
    assert done.returncode == 0, done.stderr
    assert "CommonLayer: source only" in done.stdout
    built = tmp_path / "built" / "python" / "firstcome"
    assert [path.name for path in built.rglob("*.*")] == ["module.py"]


def test_what_was_allowed_once_is_built_anew() -> None:
    """SAM's cache knows the source alone: it would deploy the slow layer of a trial."""
    assert tomllib.loads((ROOT / "samconfig.toml").read_text())["default"]["build"]["parameters"]["cached"] is False
