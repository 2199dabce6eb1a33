"""Cold starts: a fresh process, from its first import to its first answer, beside one with the function's clients only.

Both run what the build ships, byte-compiled; the interpreter's own start is not counted. The floors are handlers too
(benchmarks/floors): they import the clients that the function needs, ask each server what the function's first answer
asks, as plainly as it can be asked, and do nothing else.
"""

from __future__ import annotations

import itertools
from collections import Counter
from contextlib import closing
from dataclasses import asdict, dataclass
from statistics import median
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from benchmarks import layer
from benchmarks.cold_start import Processes
from benchmarks.function import apply_all, apply_event, msk_event
from benchmarks.measure import Bar, Row, interleave
from firstcome.gate.gate import KEYS
from firstcome.operate.actions import act
from firstcome.settings import Settings
from firstcome.stores import Stores

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.bench import Bench
    from benchmarks.cold_start import Start

APART = "cold"  # database, topic and group: a retry looks after all events that it finds
COUPONS = 10  # of the event that is sold out
PLENTY = 10_000
BATCH = 100  # records in consume's first batch
ROUNDS = 5
LIMIT = 1.25
TOP = 6  # packages that a note names

FUNCTION, CLIENTS = "function", "its clients"

_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Case:
    """One row: a function and its floor, what they are given, and how a right answer is known."""

    name: str
    what: str
    function: str
    floor: str
    event: Callable[[], Any]
    right: Callable[[Any], bool]
    variables: dict[str, str]  # of the floor


def run(bench: Bench) -> list[Row]:
    """Measure each function, and apply twice: telling a loser, and a winner."""
    program, version = layer.python()
    bench.say(f"the layer for Python {version}")
    environ = _environ(bench)
    processes = Processes(program, layer.build(program, version, bench.folder / "layer"), environ)
    with closing(Stores.of(Settings.from_env(environ))) as stores:
        act(stores, {"action": "migrate"})
        cases = _Cases(bench, stores)
        rows = [_row(bench, case, processes, version) for case in cases.all()]
        rows[-1].wrong.extend(cases.wrong())
    return rows


def _environ(bench: Bench) -> dict[str, str]:
    """Return the variables of a function over these servers, with a database and a topic of its own."""
    bench.query(f"CREATE DATABASE IF NOT EXISTS {APART}")
    url = urlsplit(bench.servers.mysql_url)
    return bench.environ | {
        "FIRSTCOME_MYSQL_URL": urlunsplit(url._replace(path=f"/{APART}")),
        "FIRSTCOME_KAFKA_TOPIC": APART,
        "FIRSTCOME_KAFKA_GROUP": APART,
        "POWERTOOLS_SERVICE_NAME": "firstcome",
        "POWERTOOLS_METRICS_NAMESPACE": "firstcome",
    }


# --- what is started -------------------------------------------------------------------------------------------------


class _Cases:
    """The rows, over one set of servers, and the events that they fill."""

    def __init__(self, bench: Bench, stores: Stores) -> None:
        self._bench = bench
        self._stores = stores
        self._topic = stores.settings.kafka_topic
        self._winners: list[str] = []
        self._consumed: list[str] = []
        self._quiet = bench.open_event(stores, COUPONS, "quiet")
        self._sold_out = bench.open_event(stores, COUPONS, "sold-out")
        apply_all(stores, self._sold_out, COUPONS)
        self._wanted = bench.open_event(stores, PLENTY, "wanted")

    def all(self) -> list[Case]:
        """Return them in the order in which they run: a retry has more to do where winners and batches were before."""
        asking = {"FLOOR_EVENT": self._stores.gate.keys(self._quiet)[0]}
        gate, settle = self._script("gate"), self._script("settle")
        show = {"action": "show", "event_id": self._quiet}
        return [
            Case("retry", "retry, nothing to do", "retry", "retry", dict, _retried, asking),
            Case("operate", "operate, show", "operate", "retry", lambda: show, _shown, asking),
            Case("loser", "apply, telling a loser", "apply", "apply", self._lose, _status(409), gate),
            Case("winner", "apply, telling a winner", "apply", "apply", self._win, _status(202), gate),
            Case("consume", f"consume, {BATCH} records", "consume", "consume", self._consume, _consumed, settle),
        ]

    def wrong(self) -> list[str]:
        """Return what the servers say is wrong, after all have run."""
        view = self._stores.gate.show(self._wanted)
        wrong = [] if view and view.coupon_count == len(self._winners) else [f"{view} for {len(self._winners)} winners"]
        for event_id in self._consumed:
            found, view = self._stores.ledger.audit_counts(event_id), self._stores.gate.show(event_id)
            if (found.rows, found.people, found.tickets) != (BATCH,) * 3 or view is None or view.pending:
                wrong.append(f"{event_id}: {found}, {view}")
        return wrong

    def _lose(self) -> dict[str, Any]:
        return apply_event(self._sold_out, _somebody())

    def _win(self) -> dict[str, Any]:
        self._winners.append(_somebody())
        return apply_event(self._wanted, self._winners[-1])

    def _consume(self) -> dict[str, Any]:
        self._consumed.append(self._bench.open_event(self._stores, BATCH, "consume"))
        return msk_event(self._topic, apply_all(self._stores, self._consumed[-1], BATCH))

    def _script(self, name: str) -> dict[str, str]:
        """Return what a floor needs to run the script: it is loaded, as it is where other environments run."""
        sha = self._stores.gate.redis.script_load(self._stores.gate.script(name).script)
        return {"FLOOR_SHA": str(sha), "FLOOR_KEYS": " ".join(KEYS)}


def _somebody() -> str:
    return f"c01d0000-e29b-41d4-a716-{next(_numbers):012}"


def _status(code: int) -> Callable[[Any], bool]:
    return lambda answer: answer["statusCode"] == code


def _retried(answer: Any) -> bool:
    return "offsets" in answer or not (answer["unavailable"] or answer["stopped"])


def _shown(answer: Any) -> bool:
    return "offsets" in answer or isinstance(answer["unread"], int)


def _consumed(answer: Any) -> bool:
    return bool(answer["records"] == BATCH)


# --- rows ------------------------------------------------------------------------------------------------------------


def _row(bench: Bench, case: Case, processes: Processes, version: str) -> Row:
    starts: dict[str, list[Start]] = {}

    def contender(name: str, folder: str, first: str = "") -> Callable[[], float]:
        def start() -> float:
            one = processes.start(folder, case.event(), case.variables, first)
            starts.setdefault(name, []).append(one)
            return one.cpu_ms

        return start

    function, floor = f"functions/{case.function}", f"benchmarks/floors/{case.floor}"
    contenders = {
        FUNCTION: contender(FUNCTION, function),
        CLIENTS: contender(CLIENTS, floor),
    }
    values = interleave(contenders, bench.pick(ROUNDS, 1), lambda step: bench.say(f"{case.what}, {step}"))
    times = processes.import_times(function, case.event())
    wrong = [
        f"{name} answered {one.answer}" for name, each in starts.items() for one in each if not case.right(one.answer)
    ]
    return Row(
        f"cold-{case.name}",
        f"cold start of {case.what}",
        "ms of CPU to the first answer",
        values,
        [Bar(FUNCTION, CLIENTS, LIMIT, at_most=True)],
        wrong,
        _notes(starts[FUNCTION], times, version),
        {
            "python": version,
            "import_ms_by_package": times,
            "starts": {name: [asdict(one) for one in each] for name, each in starts.items()},
        },
    )


def _notes(starts: list[Start], times: dict[str, float], version: str) -> list[str]:
    imported, cpu = (median(getattr(one, name) for one in starts) for name in ("imported_ms", "cpu_ms"))
    top = ", ".join(f"{package} {ms:.0f}" for package, ms in list(times.items())[:TOP])
    later = Counter(module.partition(".")[0] for module in starts[0].later)
    loaded = ", ".join(f"{package} {count}" for package, count in later.most_common())
    return [
        f"Python {version}: imported after {imported:.0f} ms, {starts[0].modules} modules; {cpu:.0f} ms of CPU in all",
        f"imports, ms by `-X importtime`: {top}",
        f"modules loaded by the first answer: {loaded or 'none'}",
    ]
