"""What `sam build` makes, on any host: the layer is pure Python and whole, the functions hold their handler only."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SAM = shutil.which("sam", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
PACKAGE = ROOT / "layers" / "common" / "python" / "firstcome"
FUNCTIONS = ("apply", "consume", "retry", "operate")
# Lambda takes 250 MB; a cold start reads what it imports. Today 9 MB of source, half of it Powertools, and as much of
# byte code: room to grow, not to triple unnoticed.
LAYER_MAX_BYTES = 30_000_000
FUNCTION_MAX_BYTES = 10_000  # a handler is a translation
PYC = ".cpython-313.pyc"
UNCHECKED = (0b01).to_bytes(4, "little")  # PEP 552: a hash of the source, which nobody compares

# Runs a function's module as Lambda would find it: the standard library, the layer, the function, nothing else. boto3
# is in Lambda's runtime and must not be needed to start.
START = "import sys; sys.path[:0] = sys.argv[1:]; sys.dont_write_bytecode = True; import handler; handler.handler"


def sam(*arguments: str, cwd: Path) -> str:
    """Run SAM CLI and answer what it printed; an exit code fails the test with it."""
    assert SAM, "SAM CLI is missing: make setup installs it"
    environment = {"PYTHON": sys.executable} | os.environ  # whose pip the layer's Makefile uses
    environment |= {"SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "eu-central-1"}
    environment.pop("MAKEFLAGS", None)  # those of `make test` are not for the layer's Makefile
    done = subprocess.run([SAM, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module", params=["arm64", "x86_64"])
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Answer the build folder of one architecture, built from a copy, so that nothing of ours is written to."""
    project = tmp_path_factory.mktemp(request.param)
    shutil.copy(ROOT / "template.yaml", project)
    for folder in ("functions", "layers"):
        shutil.copytree(ROOT / folder, project / folder)
    sam("build", "--parameter-overrides", f"Architecture={request.param}", cwd=project)
    return project / ".aws-sam" / "build"


def contents(folder: Path) -> dict[str, str]:
    """Answer each file below `folder` with the digest of its bytes."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_template_is_valid() -> None:
    """Neither SAM nor cfn-lint has anything to say."""
    assert "is a valid SAM Template" in sam("validate", "--lint", cwd=ROOT)


def test_a_function_holds_its_handler_only(built: Path) -> None:
    """Everything else is in the layer, once."""
    for name in FUNCTIONS:
        assert list(contents(built / f"{name.capitalize()}Function")) == ["handler.py"]


def test_the_layer_holds_the_whole_package(built: Path) -> None:
    """Every module, script, query and migration is where Lambda looks: python/firstcome."""
    ours = {name: digest for name, digest in contents(PACKAGE).items() if "__pycache__" not in name}
    assert {Path(name).suffix for name in ours} >= {".py", ".lua", ".sql"}
    assert any(name.startswith("migrations/") for name in ours)
    assert contents(built / "CommonLayer" / "python" / "firstcome") == ours


def test_the_layer_is_pure_python(built: Path) -> None:
    """Nothing compiled, for another processor or another Python, and nothing to run from a shell."""
    names = contents(built / "CommonLayer")
    assert not [name for name in names if Path(name).suffix in {".so", ".pyd", ".dylib", ".pyc"}]
    assert {path.name for path in (built / "CommonLayer").iterdir()} == {"python"}
    assert not (built / "CommonLayer" / "python" / "bin").exists()
    for wheel in (built / "CommonLayer").rglob("WHEEL"):
        tags = [line for line in wheel.read_text().splitlines() if line.startswith("Tag:")]
        assert tags
        assert all(tag.endswith("-none-any") for tag in tags), wheel


def test_the_layer_stays_small(built: Path) -> None:
    size = sum(path.stat().st_size for path in (built / "CommonLayer").rglob("*") if path.is_file())
    assert size < LAYER_MAX_BYTES, f"{size / 1e6:.1f} MB"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_starts_with_the_layer_alone(built: Path, name: str) -> None:
    """Nothing that it imports is missing, and nothing of it waits for a server."""
    paths = [str(built / f"{name.capitalize()}Function"), str(built / "CommonLayer" / "python")]
    environment = {"POWERTOOLS_SERVICE_NAME": "firstcome", "POWERTOOLS_METRICS_NAMESPACE": "firstcome"}
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", START, *paths],
        env=environment, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
