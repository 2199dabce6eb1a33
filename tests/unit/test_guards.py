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


@pytest.mark.parametrize(("there", "found"), [("def once(", True), ("twice", False), ("nowhere", False)])
def test_a_text_is_found_only_where_it_stands_once(there: str, *, found: bool) -> None:
    """A text in two files, or in none, is not found: taking it out would prove nothing."""
    files = {Path("a.py"): "def once():  # twice\n", Path("b.lua"): "-- twice\n"}
    with nullcontext() if found else pytest.raises(LookupError, match="must stand once"):
        assert place(Guard("", there, "", ""), files) == Path("a.py")


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name.replace(" ", "_"))
def test_a_guard_stands_once_and_has_a_test(guard: Guard) -> None:
    """A guard's text stands once, in whichever file, and the tests that miss it exist."""
    place(guard, FILES)
    for named in guard.tests.split():
        file, _, test = named.partition("::")
        text = (ROOT / file).read_text()
        assert not test or re.search(rf"^def {re.escape(test.partition('[')[0])}\(", text, re.MULTILINE), named
