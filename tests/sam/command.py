"""SAM CLI as the tests run it: in a copy of the project, so that nothing of ours is written to."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SAM = shutil.which("sam", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}") or "sam"
FUNCTIONS = ("apply", "consume", "retry", "operate")
PROJECT_FILES = ("template.yaml", "samconfig.toml", "dev/sam-local.json")


def environment() -> dict[str, str]:
    """Return what SAM CLI runs under."""
    # Whose pip the layer's Makefile uses; and what is built here is not deployed.
    own = {"PYTHON": sys.executable, "ALLOW_SOURCE_ONLY": "1"} | os.environ
    own |= {"SAM_CLI_TELEMETRY": "0", "AWS_EC2_METADATA_DISABLED": "true", "AWS_DEFAULT_REGION": "eu-central-1"}
    own.pop("MAKEFLAGS", None)  # those of `make test` are not for the layer's Makefile
    return own


def sam(*arguments: str, cwd: Path) -> str:
    """Run SAM CLI and answer what it said; an exit code fails the test with it."""
    done = subprocess.run(
        [SAM, *arguments], cwd=cwd, env=environment(), capture_output=True, text=True, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def build(project: Path, architecture: str) -> Path:
    """Copy our files to `project`, build them for one architecture, and answer the folder of what was built."""
    for name in PROJECT_FILES:
        (project / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, project / name)
    for folder in ("functions", "layers"):
        shutil.copytree(ROOT / folder, project / folder)
    (project / "said.txt").write_text(
        sam("build", "--parameter-overrides", f"Architecture={architecture}", cwd=project)
    )  # fmt: skip
    return project / ".aws-sam" / "build"


def contents(folder: Path) -> dict[str, str]:
    """Return each file below `folder` with the digest of its bytes."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def size(folder: Path, pattern: str = "*") -> int:
    """Return the bytes of the files below `folder` whose name matches."""
    return sum(path.stat().st_size for path in folder.rglob(pattern) if path.is_file())


def code(build: Path, function: str) -> Path:
    """Return the folder that becomes the function's /var/task."""
    return build / f"{function.capitalize()}Function"
