"""docs/check-it-yourself.md leads to the lines, tests and steps that it names, and leaves no step of the model out."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from dev.links import LINES, lines_of, relinked
from tests.model.callers import Callers
from tests.model.mending import Mending
from tests.model.state import World
from tests.model.steps import Protocol
from tests.model.stores import Stores
from tests.sabotage.guard import Guard, place, texts
from tests.sabotage.guards import GUARDS

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "check-it-yourself.md"
REPORT = ROOT / "docs" / "reliability.md"
REPORTED = re.compile(r"^\| (.+) \| `(tests/.+)` \|$", re.MULTILINE)  # of a guard, the test that went red
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
MODEL = {each.__name__: each for each in (Stores, Callers, Mending, Protocol)}


def section(heading: str) -> str:
    """Return the page's text from a heading to the next."""
    return re.split(r"^## ", PAGE.read_text().partition(f"## {heading}")[2], maxsplit=1, flags=re.MULTILINE)[0]


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the section's table, without its head."""
    lines = [line for line in section(heading).splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines[2:]]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_linked_lines_hold_what_they_are_named_for(document: Path) -> None:
    """`make links` finds each name where the link says; it changes nothing."""
    assert relinked(document) == document.read_text(), "make links"


def test_the_lines_that_hold_i1_and_i2_are_few() -> None:
    """The heading and the README say how many, and in how many files."""
    said = re.search(r"## (Never N\+1.*): (\d+) lines in four files", PAGE.read_text())
    assert said
    table = "\n".join(" ".join(cells) for cells in rows(said[1]))
    spans = re.findall(r"\(([^)#]+)#L(\d+)-L(\d+)\)", table)
    assert sum(int(last) - int(first) + 1 for _, first, last in spans) == int(said[2])
    assert len({path for path, _, _ in spans}) == 4
    assert f"{said[2]} lines in four files hold I1 and I2" in (ROOT / "README.md").read_text()
    assert len(LINES.findall(table)) == len(spans)


def test_each_step_of_the_chain_is_missed_by_its_test() -> None:
    """The guard that is named stands in the step's code, and `make sabotage` misses it by the test beside it."""
    guards = {guard.name: guard for guard in GUARDS}
    red = {name: test.partition("[")[0] for name, test in REPORTED.findall(REPORT.read_text())}
    chain, files = rows("Nobody lost"), texts(ROOT)
    assert len(chain) > 10
    for step, code, name, test in chain:
        found = re.fullmatch(r"\[`(test_\w+)`\]\(\.\./([^)]+)\)", test)
        assert found, step
        assert f"{found[2]}::{found[1]}" in [*guards[name].tests.split(), red[name]], step
        assert stands_in(guards[name], code, files), f"{step}: {name!r} is a guard of other code"


def stands_in(guard: Guard, code: str, files: dict[Path, str]) -> bool:
    """Say whether the guard stands in a file, or in the lines of it, that the cell links to."""
    path = place(guard, files)
    before = files[path].partition(guard.there.lstrip())[0]
    line = before.count("\n") + 1
    links = re.findall(r"\(\.\./([^)#]+)(?:#L(\d+)-L(\d+))?\)", code)
    return any(path == ROOT / file and (not first or int(first) <= line <= int(last)) for file, first, last in links)


def test_every_step_of_the_model_has_its_code() -> None:
    """Each public method, and each half-step of a caller, has a row; each row names what exists."""
    public = {f"{name}.{each}" for name, cls in MODEL.items() for each in vars(cls) if not each.startswith("_")}
    halves = {half.__name__ for half in Callers(World(1, 1))._halves.values() if inspect.ismethod(half)}
    named = {cells[0].strip("`") for cells in rows("The model")}
    assert named >= public | {f"Callers.{half}" for half in halves}
    assert [each for each in named if not hasattr(MODEL[each.partition(".")[0]], each.partition(".")[2])] == []


def test_the_code_of_each_step_is_where_the_table_says() -> None:
    """A name that follows a file is a function, a script's function or a statement in it."""
    named = [
        (path, name)
        for cells in rows("The model")
        for path, names in re.findall(r"\]\(\.\./([^)]+)\)((?:,? `\w+`)*)", cells[1])
        for name in re.findall(r"`(\w+)`", names)
    ]
    assert len(named) > 20
    begins = r"^(?: *def |local function |-- name: )"
    gone = [
        (path, name)
        for path, name in named
        if not re.search(rf"{begins}{name}\(", (ROOT / path).read_text(), re.MULTILINE)
    ]
    assert gone == []


@pytest.mark.parametrize(
    ("suffix", "first", "last", "lines"),
    [
        (".sql", "one", None, (1, 3)),
        (".sql", "two", None, (5, 6)),
        (".lua", "take", None, (2, 4)),
        (".py", "A.b", None, (2, 3)),
        (".py", "c", None, (4, 6)),
        (".txt", "b", "d", (2, 4)),
        (".txt", "c", None, (3, 3)),
    ],
)
def test_lines_are_found_by_name(suffix: str, first: str, last: str | None, lines: tuple[int, int]) -> None:
    """A statement ends before an empty line, a function where it ends, a passage on its last text."""
    texts = {
        ".sql": "-- name: one()\nSELECT\n1\n\n-- name: two(a)!\nSELECT 2\n",
        ".lua": "local a\nlocal function take(a)\n  return a\nend\n",
        ".py": "class A:\n    def b():\n        return 1\ndef c():\n    if 1:\n        return 2\n",
        ".txt": "a\nb\nc\nd\n",
    }
    assert lines_of(texts[suffix], suffix, first, last) == lines


def test_a_name_that_is_gone_is_an_error() -> None:
    """A link is never left with lines that somebody else has moved into."""
    with pytest.raises(LookupError, match="b"):
        lines_of("a\n", ".py", "b")
