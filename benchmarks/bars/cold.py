"""Cold starts of apply, the function that people wait for: a fresh process, from its first import to its first answer.

Beside it stands its floor (benchmarks/bars/bare), a handler that imports the same clients, asks each server what the
first answer asks, as plainly as it can be asked, and does nothing else. Both see what the layer has and the standard
library, byte-compiled; the interpreter's own start is not counted.
"""

from __future__ import annotations

import itertools
import json
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import PackageNotFoundError, distribution
from statistics import median
from typing import Any

from benchmarks.harness.bench import Bench, person, wrong_people
from benchmarks.harness.functions import apply_event
from benchmarks.harness.rows import Bar, Row, interleave
from dev.cloud import ROOT
from firstcome.operate.actions import act
from firstcome.stores import Stores

PLENTY = 10_000
TOPIC = "cold"  # of its own: nobody reads these records, and a drain would meet them
ROUNDS = 5
LIMIT = 1.25
TIMEOUT_S = 60
FUNCTION, CLIENTS = "function", "its clients"
FOLDERS = {FUNCTION: "functions/apply", CLIENTS: "benchmarks/bars/bare/apply"}
SOURCE = ROOT / "layers" / "common" / "python"

# What follows is not imported before the clock runs.
PROGRAM = """
import sys, time
sys.path[:0] = {paths!r}
event = {event!r}
class Context:
    aws_request_id = function_name = invoked_function_arn = memory_limit_in_mb = "cold"
    get_remaining_time_in_millis = staticmethod(lambda: 180_000)
began, cpu = time.perf_counter(), time.process_time()
import handler
imported, modules = time.perf_counter(), len(sys.modules)
answer = handler.handler(event, Context())
cpu = time.process_time() - cpu
import json
print("\\n" + json.dumps([1e3 * (imported - began), 1e3 * cpu, modules, answer]))
"""


@dataclass(frozen=True, slots=True)
class Case:
    """One row: what both are given, and the status of a right answer."""

    what: str
    event: Callable[[], Any]
    status: int


@dataclass(frozen=True, slots=True)
class Start:
    """One cold start: milliseconds until the handler was there, and of CPU; modules imported; the answer."""

    imported_ms: float
    cpu_ms: float
    modules: int
    answer: Any


def run(bench: Bench) -> list[Row]:
    """Measure it telling a loser, and a winner."""
    _link_layer(bench)
    people, won = map(person, itertools.count(10**6)), []
    with closing(Stores.of(replace(bench.settings, kafka_topic=TOPIC))) as stores:
        act(stores, {"action": "migrate"})
        wanted, sold_out = bench.open_event(stores, PLENTY, "wanted"), bench.sold_out(stores)
        environ = bench.environ | {
            "FIRSTCOME_KAFKA_TOPIC": TOPIC,
            "POWERTOOLS_SERVICE_NAME": "firstcome",
            "POWERTOOLS_METRICS_NAMESPACE": "firstcome",
        }

        def win() -> Any:
            won.append(next(people))
            return apply_event(wanted, won[-1])

        rows = [
            _row(bench, environ, Case("telling a loser", lambda: apply_event(sold_out, next(people)), 409)),
            _row(bench, environ, Case("telling a winner", win, 202)),
        ]
        rows[-1].wrong.extend(wrong_people(stores.gate, wanted, len(won)))
        bench.forget(stores, wanted, sold_out)
    return rows


def _row(bench: Bench, environ: dict[str, str], case: Case) -> Row:
    starts: dict[str, list[Start]] = {FUNCTION: [], CLIENTS: []}

    def start(name: str) -> float:
        one = _start(bench, FOLDERS[name], case.event(), environ)
        starts[name].append(one)
        return one.cpu_ms

    for name in FOLDERS:  # once, to have its modules compiled
        start(name)
    contenders = {name: partial(start, name) for name in FOLDERS}
    values = interleave(contenders, bench.pick(ROUNDS, 1), lambda step: bench.say(f"{case.what}, {step}"))
    answers = [(name, one.answer) for name, each in starts.items() for one in each]
    wrong = [f"{name}: {answer}" for name, answer in answers if answer["statusCode"] != case.status]
    imported_ms, modules = median(one.imported_ms for one in starts[FUNCTION][1:]), starts[FUNCTION][0].modules
    notes = [f"Python {platform.python_version()}: imported after {imported_ms:.0f} ms, {modules} modules"]
    bars = [Bar(FUNCTION, CLIENTS, LIMIT, at_most=True)]
    return Row(f"cold start of apply, {case.what}", "ms of CPU to the first answer", values, bars, wrong, notes)


def _link_layer(bench: Bench) -> None:
    """Have a folder with our modules and the locked packages, without what else is installed here."""
    folder = bench.folder / "layer"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "firstcome").symlink_to(SOURCE / "firstcome")
    for name in re.findall(r"^([a-z0-9-]+)==", (SOURCE / "requirements.txt").read_text(), re.MULTILINE):
        with suppress(PackageNotFoundError):  # needed by another Python
            package = distribution(name)
            for top in {file.parts[0] for file in package.files or ()} - {"..", "__pycache__"}:
                (folder / top).symlink_to(str(package.locate_file(top)))


def _start(bench: Bench, folder: str, event: Any, environ: dict[str, str]) -> Start:
    """Start the handler in this folder of the repository, with these paths and the standard library only."""
    program = PROGRAM.format(paths=[str(ROOT / folder), str(bench.folder / "layer")], event=event)
    command = [sys.executable, "-I", "-S", "-X", f"pycache_prefix={bench.folder / 'pycache'}", "-c", program]
    ran = subprocess.run(command, env=environ, capture_output=True, text=True, check=True, timeout=TIMEOUT_S)
    return Start(*json.loads(ran.stdout.splitlines()[-1]))
