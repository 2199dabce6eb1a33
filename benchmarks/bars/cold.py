"""Cold starts of apply, the function that people wait for: a fresh process, from its first import to its first answer.

Beside it stand two floors of the same run. One is a handler that does the same first answer with the libraries' own
clients, as plainly as they let it (benchmarks/bars/bare). The other only imports what the function has imported that is
not ours, and answers nothing: what is above it, our code and the first answer take. All see what the layer has and the
standard library, byte-compiled; the interpreter's own start is not counted.

Two more rows are of the deployment that people have, with secrets, TLS and tokens: the CPU of the first request once
init is over, where init had a person waiting for it (on demand), and where it had the time to ask (primed).
"""

from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import PackageNotFoundError, distribution
from statistics import median
from typing import Any

from benchmarks.harness.bench import PATIENT, Bench, person, wrong_people
from benchmarks.harness.deployed import deployed
from benchmarks.harness.functions import apply_event
from benchmarks.harness.rows import Bar, Row, interleave
from dev.cloud import ROOT
from firstcome.operate.actions import act
from firstcome.settings import Settings
from firstcome.stores import Stores

PLENTY = 10_000
TOPIC = "cold"  # of its own: nobody reads these records, and a drain would meet them
ROUNDS = 5
TIMEOUT_S = 60
FUNCTION, BARE, IMPORTS = "function", "bare round trips", "its imports alone"
FOLDERS = {FUNCTION: ROOT / "functions" / "apply", BARE: ROOT / "benchmarks" / "bars" / "bare" / "apply"}
MADE = "imports"  # the folder of the handler that only imports, among the benchmark's data
ON_DEMAND, PRIMED = "on demand", "primed"
TYPES = {ON_DEMAND: "on-demand", PRIMED: "provisioned-concurrency"}
RUNTIME = ("botocore", "urllib3", "python-dateutil", "six")  # what Lambda's Python has, as far as it is used
OURS = ("handler", "firstcome", "__main__")
VARIABLES = {
    "FIRSTCOME_KAFKA_TOPIC": TOPIC,
    "POWERTOOLS_SERVICE_NAME": "firstcome",
    "POWERTOOLS_METRICS_NAMESPACE": "firstcome",
}
SOURCE = ROOT / "layers" / "common" / "python"

# What follows is not imported before the clock runs.
PROGRAM = """
import sys, time
sys.path[:0] = {paths!r}
event = {event!r}
class Context:
    aws_request_id = function_name = invoked_function_arn = memory_limit_in_mb = "cold"
    get_remaining_time_in_millis = staticmethod(lambda: 180_000)
before = set(sys.modules)
began, cpu = time.perf_counter(), time.process_time()
import handler
imported, modules = time.perf_counter(), [name for name in sys.modules if name not in before]
ready = time.process_time()
answer = handler.handler(event, Context())
answered = time.process_time()
import json
print("\\n" + json.dumps([1e3 * (imported - began), 1e3 * (answered - ready), 1e3 * (answered - cpu), modules, answer]))
"""
# The handler of the floor that only imports; what another platform or an older library lacks is not there either.
IMPORT = """
import importlib
for name in {names!r}:
    try:
        importlib.import_module(name)
    except ImportError:
        pass
def handler(event, context):
    return {{"statusCode": {status}}}
"""


@dataclass(frozen=True, slots=True)
class Case:
    """One row: what both are given, and the status of a right answer."""

    what: str
    event: Callable[[], Any]
    status: int


@dataclass(frozen=True, slots=True)
class Start:
    """One cold start: milliseconds until the handler was there; CPU of the request, and in all; modules; the answer."""

    imported_ms: float
    request_ms: float
    cpu_ms: float
    modules: list[str]  # imported, in the order in which they were done
    answer: Any


def run(bench: Bench) -> list[Row]:
    """Measure it telling a loser, and a winner, each over plain servers, and as deployed."""
    _link_layer(bench)
    with deployed(bench) as (environ, settings):
        rows = _both(bench, bench.environ | PATIENT, bench.settings, _first_answer)
        return rows + _both(bench, environ | {"FIRSTCOME_PRIME_SPREAD_MS": "0"}, settings, _first_request)


def _both(
    bench: Bench, environ: dict[str, str], settings: Settings, measure: Callable[[Bench, dict[str, str], Case], Row]
) -> list[Row]:
    people, won = map(person, itertools.count()), []
    environ = environ | VARIABLES
    with closing(Stores.of(replace(settings, kafka_topic=TOPIC))) as stores:
        act(stores, {"action": "migrate"})
        wanted, sold_out = bench.open_event(stores, PLENTY, "wanted"), bench.sold_out(stores)

        def win() -> Any:
            won.append(next(people))
            return apply_event(wanted, won[-1])

        loser = Case("telling a loser", lambda: apply_event(sold_out, next(people)), 409)
        rows = [measure(bench, environ, case) for case in (loser, Case("telling a winner", win, 202))]
        rows[-1].wrong.extend(wrong_people(stores.gate, wanted, len(won)))
        bench.forget(stores, wanted, sold_out)
    return rows


def _first_request(bench: Bench, environ: dict[str, str], case: Case) -> Row:
    def start(name: str) -> Start:
        return _start(bench, FUNCTION, case.event(), environ | {"AWS_LAMBDA_INITIALIZATION_TYPE": TYPES[name]})

    start(ON_DEMAND)  # once, to have its modules compiled
    found, wrong = _started(
        bench, f"{case.what} as deployed", case.status, {name: partial(start, name) for name in TYPES}
    )
    values = {name: [one.request_ms for one in each] for name, each in found.items()}
    notes = [f"{name}: init takes {median(one.imported_ms for one in found[name]):.0f} ms" for name in TYPES]
    bars = [Bar(PRIMED, ON_DEMAND, 0.6, at_most=True)]
    return Row(f"first request of apply as deployed, {case.what}", "ms of CPU", values, bars, wrong, notes)


def _first_answer(bench: Bench, environ: dict[str, str], case: Case) -> Row:
    def start(name: str) -> Start:
        event = None if name == IMPORTS else case.event()  # nobody wins what is not asked for
        return _start(bench, name, event, environ)

    modules = [start(name).modules for name in (BARE, FUNCTION)][-1]  # once, to have them compiled
    # Backwards: who imports others is done after them, and comes first here, as it did there.
    names = [name for name in reversed(modules) if name.partition(".")[0] not in OURS]
    folder = bench.folder / MADE
    folder.mkdir(exist_ok=True)
    (folder / "handler.py").write_text(IMPORT.format(names=names, status=case.status))
    start(IMPORTS)
    contenders = {name: partial(start, name) for name in (FUNCTION, BARE, IMPORTS)}
    found, wrong = _started(bench, case.what, case.status, contenders)
    values = {name: [one.cpu_ms for one in each] for name, each in found.items()}
    imported_ms = median(one.imported_ms for one in found[FUNCTION])
    notes = [f"the function is imported after {imported_ms:.0f} ms, {len(modules)} modules"]
    # Both sides import Kafka's library, which takes longer than all the rest: what differs is within a tenth.
    bars = [Bar(FUNCTION, BARE, 1.1, at_most=True), Bar(FUNCTION, IMPORTS, 1.15, at_most=True)]
    return Row(f"cold start of apply, {case.what}", "ms of CPU to the first answer", values, bars, wrong, notes)


def _started(
    bench: Bench, what: str, status: int, contenders: Mapping[str, Callable[[], Start]]
) -> tuple[dict[str, list[Start]], list[str]]:
    """Return the starts of each, and what is wrong with their answers."""
    found = interleave(contenders, bench.pick(ROUNDS, 1), lambda step: bench.say(f"{what}, {step}"))
    answers = [(name, one.answer) for name, each in found.items() for one in each]
    # A winner whose record did not get through is told `reserved`, and is not what is measured.
    wrong = [f"{name}: {it}" for name, it in answers if it["statusCode"] != status or "reserved" in it.get("body", "")]
    return found, wrong


def _link_layer(bench: Bench) -> None:
    """Have a folder with our modules and the locked packages, without what else is installed here."""
    folder = bench.folder / "layer"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "firstcome").symlink_to(SOURCE / "firstcome")
    names = re.findall(r"^([a-z0-9-]+)==", (SOURCE / "requirements.txt").read_text(), re.MULTILINE)
    for name in [*names, *RUNTIME]:
        with suppress(PackageNotFoundError):  # needed by another Python
            package = distribution(name)
            for top in {file.parts[0] for file in package.files or ()} - {"..", "__pycache__"}:
                (folder / top).symlink_to(str(package.locate_file(top)))


def _start(bench: Bench, name: str, event: Any, environ: dict[str, str]) -> Start:
    """Start the handler of a contender, with the layer and the standard library only."""
    folders = [FOLDERS.get(name, bench.folder / MADE), bench.folder / "layer"]
    program = PROGRAM.format(paths=list(map(str, folders)), event=event)
    command = [sys.executable, "-I", "-S", "-X", f"pycache_prefix={bench.folder / 'pycache'}", "-c", program]
    ran = subprocess.run(command, env=environ, capture_output=True, text=True, check=True, timeout=TIMEOUT_S)
    return Start(*json.loads(ran.stdout.splitlines()[-1]))
