"""Cold starts: a fresh process, from its first import to its first answer, beside one with the function's clients only.

Both see what the layer has and the standard library, byte-compiled; the interpreter's own start is not counted. The
floors are handlers too (benchmarks/bars/floors): they import the clients that the function needs, ask each server what
the function's first answer asks, as plainly as it can be asked, and do nothing else.
"""

from __future__ import annotations

import itertools
import json
import platform
import re
import shutil
import subprocess
import sys
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, distribution
from statistics import median
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from benchmarks.harness.bench import apply_all, load_script, person, wrong_people
from benchmarks.harness.functions import apply_event, kafka_event
from benchmarks.harness.rows import Bar, Row, interleave
from dev.cloud import ROOT
from firstcome.gate.keys import Keys
from firstcome.operate.actions import act
from firstcome.settings import Settings
from firstcome.stores import Stores

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.harness.bench import Bench

APART = "cold"  # database, topic and group: a retry looks after all events that it finds
PLENTY = 10_000
BATCH = 100  # records in consume's first batch
ROUNDS = 5
LIMIT = 1.25
TIMEOUT_S = 60
FUNCTION, CLIENTS = "function", "its clients"
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
    """One row: a function and its floor, what they are given, and how a right answer is known."""

    what: str
    function: str
    floor: str
    event: Callable[[], Any]
    right: Callable[[Any], object]
    variables: dict[str, str]  # of the floor


@dataclass(frozen=True, slots=True)
class Start:
    """One cold start: milliseconds until the handler was there, and of CPU; modules imported; the answer."""

    imported_ms: float
    cpu_ms: float
    modules: int
    answer: Any


def run(bench: Bench) -> list[Row]:
    """Measure each function, and apply twice: telling a loser, and a winner."""
    bench.query(f"CREATE DATABASE IF NOT EXISTS {APART}")
    environ = bench.environ | {
        "FIRSTCOME_MYSQL_URL": urlunsplit(urlsplit(bench.servers.mysql_url)._replace(path=f"/{APART}")),
        "FIRSTCOME_KAFKA_TOPIC": APART,
        "FIRSTCOME_KAFKA_GROUP": APART,
        "POWERTOOLS_SERVICE_NAME": "firstcome",
        "POWERTOOLS_METRICS_NAMESPACE": "firstcome",
    }
    with closing(Stores.of(Settings.from_env(environ))) as stores:
        act(stores, {"action": "migrate"})
        _link_layer(bench)
        return _rows(bench, stores, environ)


def _rows(bench: Bench, stores: Stores, environ: dict[str, str]) -> list[Row]:
    quiet, wanted = (bench.open_event(stores, PLENTY, name) for name in ("quiet", "wanted"))
    sold_out, people = bench.sold_out(stores), map(person, itertools.count(10**6))
    won: list[str] = []
    consumed: list[str] = []

    def win() -> Any:
        won.append(next(people))
        return apply_event(wanted, won[-1])

    def consume() -> Any:
        consumed.append(bench.open_event(stores, BATCH, "consume"))
        return kafka_event(APART, apply_all(stores.gate, consumed[-1], BATCH))

    def told(status: int) -> Callable[[Any], object]:
        return lambda answer: answer["statusCode"] == status

    def retried(answer: Any) -> object:
        return "offsets" in answer or not (answer["unavailable"] or answer["stopped"])

    def shown(answer: Any) -> object:
        return "offsets" in answer or isinstance(answer["unread"], int)

    show = {"action": "show", "event_id": quiet}
    asking, keys = {"FLOOR_EVENT": stores.gate.keys(quiet).event}, {"FLOOR_KEYS": " ".join(Keys._fields)}
    apply, settle = ({"FLOOR_SHA": load_script(stores.gate, name)} | keys for name in ("gate", "settle"))
    # A retry has more to do where winners and batches were before.
    rows = [
        _row(bench, environ, case)
        for case in (
            Case("retry, nothing to do", "retry", "retry", dict, retried, asking),
            Case("operate, show", "operate", "retry", lambda: show, shown, asking),
            Case(
                "apply, telling a loser",
                "apply",
                "apply",
                lambda: apply_event(sold_out, next(people)),
                told(409),
                apply,
            ),
            Case("apply, telling a winner", "apply", "apply", win, told(202), apply),
            Case(
                f"consume, {BATCH} records",
                "consume",
                "consume",
                consume,
                lambda said: said["records"] == BATCH,
                settle,
            ),
        )
    ]
    rows[-1].wrong.extend(wrong_people(stores.gate, wanted, len(won)))
    for event_id in consumed:
        found, view = stores.ledger.audit_counts(event_id), stores.gate.show(event_id)
        if (found.rows, found.people, found.tickets) != (BATCH,) * 3 or view is None or view.pending:
            rows[-1].wrong.append(f"{event_id}: {found}, {view}")
    return rows


def _row(bench: Bench, environ: dict[str, str], case: Case) -> Row:
    starts: dict[str, list[Start]] = {FUNCTION: [], CLIENTS: []}
    folders = {FUNCTION: f"functions/{case.function}", CLIENTS: f"benchmarks/bars/floors/{case.floor}"}

    def start(name: str) -> float:
        one = _start(bench, folders[name], case.event(), environ | case.variables)
        starts[name].append(one)
        return one.cpu_ms

    for name in folders:  # once, to have its modules compiled
        start(name)
    contenders = {name: partial(start, name) for name in folders}
    values = interleave(contenders, bench.pick(ROUNDS, 1), lambda step: bench.say(f"{case.what}, {step}"))
    wrong = [f"{name}: {one.answer}" for name, each in starts.items() for one in each if not case.right(one.answer)]
    imported_ms, modules = median(one.imported_ms for one in starts[FUNCTION][1:]), starts[FUNCTION][0].modules
    notes = [f"Python {platform.python_version()}: imported after {imported_ms:.0f} ms, {modules} modules"]
    bars = [Bar(FUNCTION, CLIENTS, LIMIT, at_most=True)]
    return Row(f"cold start of {case.what}", "ms of CPU to the first answer", values, bars, wrong, notes)


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
