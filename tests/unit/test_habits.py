"""Habits of the tests themselves: what a busy machine could fail, and what would hide a failure, is not written."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

TESTS = Path(__file__).parents[1]
FILES = {str(path.relative_to(TESTS)): path for path in sorted(TESTS.rglob("*.py"))}
# They measure and hold nothing to it: their sleeps are a network's way, and the share of a CPU.
MEASURING = {"connecting.py", "storming.py"}
CLOCKS = {"monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "time", "time_ns"}
DURATIONS = {"elapsed", "seconds"}  # of an answer over HTTP: httpx's, and our crowd's
HIDING = {"skip", "skipif", "xfail"}  # `importorskip` is left: it asks the environment
NAME_MAX = 60  # characters: one line of a report, and of the table of the crash matrix
PAGES = [*TESTS.parent.glob("*.md"), *sorted((TESTS.parent / "docs").rglob("*.md"))]
ORDER = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)


parsed = cache(ast.parse)  # of each file several times


def called(node: ast.AST) -> str:
    """Return the last name of what a call calls; empty for anything else."""
    if not isinstance(node, ast.Call):
        return ""
    return str(getattr(node.func, "attr", getattr(node.func, "id", "")))


class Measured:
    """What in a function holds a reading of a clock, and what the difference of two: the time that something took."""

    def __init__(self, nodes: list[ast.AST], timers: set[str]) -> None:
        self.clocks: set[str] = set()
        self.durations = set(timers)
        known = -1
        while known < (known := len(self.clocks) + len(self.durations)):
            for node in nodes:
                self._learn(node)

    def is_clock(self, node: ast.AST) -> bool:
        """Say whether a reading is in it."""
        return any(called(each) in CLOCKS or _name(each) in self.clocks for each in ast.walk(node))

    def is_duration(self, node: ast.AST) -> bool:
        """Say whether the time that something took is in it."""
        return any(self._is_difference(each) or _name(each) in self.durations for each in ast.walk(node))

    def _learn(self, node: ast.AST) -> None:
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = {each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)}
            if self.is_duration(node.value):
                self.durations |= names
            elif self.is_clock(node.value):
                self.clocks |= names

    def _is_difference(self, node: ast.AST) -> bool:
        if isinstance(node, ast.Attribute) and node.attr in DURATIONS:
            return True
        if not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub)):
            return False
        return self.is_clock(node.left) and self.is_clock(node.right)


def _name(node: ast.AST) -> str | None:
    return node.id if isinstance(node, ast.Name) else None


def functions(tree: ast.AST) -> Iterator[list[ast.AST]]:
    """Yield the nodes of each function, those of the functions inside it among them; then those outside of all."""
    outside: list[ast.AST] = []
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef):
            yield list(ast.walk(node))
        elif isinstance(node, ast.ClassDef):
            yield from functions(node)
        else:
            outside += ast.walk(node)
    yield outside


def timers(tree: ast.Module) -> set[str]:
    """Return the functions that tell how long something took."""
    found = set()
    for nodes in functions(tree):
        measured = Measured(nodes, set())
        returned = [each.value for each in nodes if isinstance(each, ast.Return) and each.value is not None]
        if any(measured.is_duration(each) for each in returned):
            found |= {each.name for each in nodes[:1] if isinstance(each, ast.FunctionDef)}
    return found


def bad_habits(source: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the name of each bad habit."""
    tree = parsed(source)
    telling = timers(tree)
    for nodes in functions(tree):
        measured = Measured(nodes, telling)
        for node in nodes:
            if isinstance(node, ast.Assert) and any(_holds_to_a_time(each, measured) for each in ast.walk(node.test)):
                yield node.lineno, "holds an answer to a time that a busy machine exceeds"
    for node in ast.walk(tree):
        if called(node) == "sleep":
            yield node.lineno, "sleeps: wait for a condition"  # type: ignore[attr-defined]
        elif isinstance(node, ast.Attribute) and node.attr in HIDING and ast.unparse(node).startswith("pytest."):
            yield node.lineno, f"hides a failure: {node.attr}"
        elif isinstance(node, ast.keyword) and node.arg == "deadline" and ast.unparse(node.value) != "None":
            yield node.value.lineno, "gives examples a deadline"


def _holds_to_a_time(node: ast.AST, measured: Measured) -> bool:
    is_order = isinstance(node, ast.Compare) and any(isinstance(each, ORDER) for each in node.ops)
    return is_order and measured.is_duration(node)


def laws_of(source: str) -> list[ast.FunctionDef]:
    """Return the tests that are defined in it."""
    defined = [each for each in ast.walk(parsed(source)) if isinstance(each, ast.FunctionDef)]
    return [each for each in defined if each.name.startswith("test_")]


@cache
def named() -> set[str]:
    """Return all that a page may name: tests, and files of tests."""
    tests = {each.name for path in FILES.values() for each in laws_of(path.read_text())}
    return tests | {path.stem for path in FILES.values()}


@pytest.mark.parametrize("name", FILES)
def test_a_test_has_a_short_name_and_its_law_in_words(name: str) -> None:
    """The name is a line of a report; the whole law stands in the docstring."""
    tests = laws_of(FILES[name].read_text())
    assert [each.name for each in tests if len(each.name) > NAME_MAX] == []
    assert [each.name for each in tests if not ast.get_docstring(each)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_test_that_a_page_names_exists(page: Path) -> None:
    """A test that is renamed is renamed in the pages, too."""
    assert sorted(set(re.findall(r"\btest_\w+", page.read_text())) - named()) == []


@pytest.mark.parametrize("name", sorted(FILES.keys() - MEASURING))
def test_no_test_asserts_a_time_sleeps_or_is_skipped(name: str) -> None:
    """Every file of the tests keeps these habits."""
    assert list(bad_habits(FILES[name].read_text())) == []


@pytest.mark.parametrize(
    "source",
    [
        "began = time.monotonic()\nsend()\nassert time.monotonic() - began < 1",
        "began = time.perf_counter()\nsend()\ntook_ms = time.perf_counter() - began\nassert took_ms < 1 + SLACK",
        "def timed():\n    began = monotonic()\n    return monotonic() - began, 1\ntook, _ = timed()\nassert took < 1",
        "assert not [one for one in told if one.seconds > BOUND_S]",
        "assert httpx.get(url).elapsed < BOUND",
        "time.sleep(1)",
        "@pytest.mark.skip\ndef test(): ...",
        "@pytest.mark.xfail(reason='flaky')\ndef test(): ...",
        "pytest.skip('no server')",
        "@settings(deadline=200)\ndef test(): ...",
    ],
)
def test_a_bad_habit_is_seen(source: str) -> None:
    """Each form of it is found in the source."""
    assert list(bad_habits(source))


@pytest.mark.parametrize(
    "source",
    [
        "before = time.time()\nasked = ask()\nassert before <= asked.at <= time.time()",
        "now = int(time.time() * 1000)\nopens_at = now - HOUR_MS\nassert opens_at < event.closes_at",
        "wait_until(lambda: time.monotonic() - killed > 10, 'the outage')",
        "assert waits.in_vain_s <= 0.6",
        "program = 'import time; time.sleep(600)'",
        "@settings(deadline=None)\ndef test(): ...",
    ],
)
def test_an_order_of_events_is_no_bad_habit(source: str) -> None:
    """Times that a server gave may be compared with each other."""
    assert not list(bad_habits(source))
