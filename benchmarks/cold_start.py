"""Cold starts of a handler: fresh processes of one Python, over what the build ships, that answer one event each."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dev.cloud import ROOT

STANDARD = "standard library"
TIMEOUT_S = 60
IMPORTS = 3

# `-I -S`: the standard library and these paths, no more. What follows is not imported before the clock runs.
PROGRAM = """
import sys, time
sys.dont_write_bytecode = True
sys.path[:0] = {paths!r}
event = {event!r}
class Context:
    aws_request_id = function_name = invoked_function_arn = memory_limit_in_mb = "cold"
    get_remaining_time_in_millis = staticmethod(lambda: 180_000)
began, cpu = time.perf_counter(), time.process_time()
{first}
import handler
imported, modules = time.perf_counter(), set(sys.modules)
answer = handler.handler(event, Context())
answered, cpu = time.perf_counter(), time.process_time() - cpu
import json
later = sorted(set(sys.modules) - modules)
print("\\n" + json.dumps([1e3 * (imported - began), 1e3 * (answered - began), 1e3 * cpu, len(modules), later, answer]))
"""


@dataclass(frozen=True, slots=True)
class Start:
    """One cold start: milliseconds until handler and answer were there, and of CPU; modules imported, and later."""

    imported_ms: float
    answered_ms: float
    cpu_ms: float
    modules: int
    later: list[str]
    answer: Any


@dataclass(frozen=True, slots=True)
class Processes:
    """How such a process is made."""

    program: str
    paths: list[str]  # of the layer
    environ: dict[str, str]

    def start(self, folder: str, event: Any, variables: dict[str, str], first: str = "") -> Start:
        """Start the handler in this folder of the repository, after the statement `first`; return how it went."""
        said = self._run([], folder, event, variables, first).stdout
        return Start(*json.loads(said.splitlines()[-1]))

    def import_times(self, folder: str, event: Any) -> dict[str, float]:
        """Return how many milliseconds the modules of each package take by themselves, by `-X importtime`."""
        folders: list[str | Path] = [*self.paths, ROOT / folder]
        packages = {path.stem for each in folders for path in Path(each).iterdir()}
        best: dict[str, int] = {}  # of some runs: a busy machine only adds
        for _ in range(IMPORTS):
            for line in self._run(["-X", "importtime"], folder, event, {}, "").stderr.splitlines():
                us, _, module = line.removeprefix("import time:").split("|")
                if us.strip().isdigit():
                    best[module.strip()] = min(int(us), best.get(module.strip(), int(us)))
        times: Counter[str] = Counter()
        for module, lowest in best.items():
            package = module.partition(".")[0]
            times[package if package in packages else STANDARD] += lowest
        return {package: total / 1000 for package, total in times.most_common()}

    def _run(
        self, options: list[str], folder: str, event: Any, variables: dict[str, str], first: str
    ) -> subprocess.CompletedProcess[str]:
        text = PROGRAM.format(paths=[str(ROOT / folder), *self.paths], event=event, first=first)
        return subprocess.run(
            [self.program, *options, "-I", "-S", "-c", text],
            env=self.environ | variables, capture_output=True, text=True, check=True, timeout=TIMEOUT_S,
        )  # fmt: skip
