"""The guards of `make sabotage` are where it looks for them: taken out by nobody, and missed by a test that exists."""

from __future__ import annotations

import re
from contextlib import nullcontext
from pathlib import Path

import pytest

from tests.sabotage.guard import Guard, place, texts
from tests.sabotage.guards import GUARDS

ROOT = Path(__file__).parents[2]
FILES = texts(ROOT)
REPORT = ROOT / "docs" / "reliability.md"


@pytest.mark.parametrize(("there", "found"), [("def once(", True), ("twice", False), ("nowhere", False)])
def test_a_text_is_found_only_where_it_stands_once(there: str, *, found: bool) -> None:
    """A text in two files, or in none, is not found: taking it out would prove nothing."""
    files = {Path("a.py"): "def once():  # twice\n", Path("b.lua"): "-- twice\n"}
    with nullcontext() if found else pytest.raises(LookupError, match="must stand once"):
        assert place(Guard("", there, "", ""), files) == Path("a.py")


def exists(test: str) -> bool:
    """Say whether there is such a file, with a test of that name where one is named."""
    file, _, name = test.partition("[")[0].partition("::")
    text = (ROOT / file).read_text()
    return not name or re.search(rf"^def {re.escape(name)}\(", text, re.MULTILINE) is not None


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name.replace(" ", "_"))
def test_a_guard_stands_once_and_has_a_test(guard: Guard) -> None:
    """A guard's text stands once, in whichever file, and the tests that miss it exist."""
    place(guard, FILES)
    assert [test for test in guard.tests.split() if not exists(test)] == []


def test_the_report_has_each_guard_under_its_name_of_today() -> None:
    """In the order of `make sabotage`, which prints its rows, each with a test that exists and that the guard names."""
    table = REPORT.read_text().partition("| guard | without it, red |\n| --- | --- |\n")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (.+) \| `(.+)` \|$", table, re.MULTILINE)
    assert [name for name, _ in rows] == [guard.name for guard in GUARDS]
    for guard, (_, red) in zip(GUARDS, rows, strict=True):
        named = [test.partition("[")[0] for test in guard.tests.split()]
        assert red.partition("[")[0] in named or red.partition("::")[0] in named, f"{guard.name}: {red}"
        assert exists(red), f"{guard.name}: {red}"
