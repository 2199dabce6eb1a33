"""How long a function's imports take in Lambda's image, with the layer's byte code and without.

    sam build --parameter-overrides Architecture=x86_64
    python -m tests.sam.containers.imports .aws-sam/build

The median of some cold imports each, in turn, so that a busy machine slows both alike.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Final

from tests.sam.command import FUNCTIONS, code
from tests.sam.containers.local import IMAGE, docker

TIMES: Final = 7
# Python looks for byte code there, and finds none; it writes none either.
NOWHERE: Final = "/nowhere"
MEASURE: Final = f"""
import json, statistics, subprocess, sys
TIMED = "import time; began = time.perf_counter(); import handler; print(time.perf_counter() - began)"
took = {{"with": [], "without": []}}
for _ in range({TIMES}):
    for which, options in (("with", []), ("without", ["-X", "pycache_prefix={NOWHERE}"])):
        ran = subprocess.run([sys.executable, "-B", *options, "-c", TIMED], capture_output=True, text=True, check=True)
        took[which].append(float(ran.stdout))
print(json.dumps({{which: statistics.median(seconds) for which, seconds in took.items()}}))
"""


def in_image(build: Path, function: str, program: str) -> str:
    """Run `program` where the function would run, without a network, and answer what it printed."""
    return docker(
        *["run", "--rm", "--pull", "never", "--network", "none", "--read-only", "--entrypoint", "python3.13"],
        *["--volume", f"{code(build, function)}:/var/task:ro", "--volume", f"{build / 'CommonLayer'}:/opt:ro"],
        *["--env", "PYTHONPATH=/opt/python", "--env", "POWERTOOLS_SERVICE_NAME=firstcome", "--workdir", "/var/task"],
        *[IMAGE, "-B", "-c", program],
    )  # fmt: skip


def main() -> None:
    """Print both figures of each function, in milliseconds, and their ratio."""
    build = Path(sys.argv[1]).absolute()
    print("import, ms   without   with   ratio")
    for function in FUNCTIONS:
        took = json.loads(in_image(build, function, MEASURE))
        without, compiled = 1000 * took["without"], 1000 * took["with"]
        print(f"{function:<10} {without:>9.0f} {compiled:>6.0f} {compiled / without:>7.2f}")


if __name__ == "__main__":
    main()
