"""The guards of `make sabotage` are where it looks for them: taken out by nobody, and missed by a test that exists."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.sabotage.guards import GUARDS

if TYPE_CHECKING:
    from tests.sabotage.guard import Guard

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name.replace(" ", "_"))
def test_a_guard_stands_once_and_has_a_test(guard: Guard) -> None:
    assert (ROOT / guard.file).read_text().count(guard.there) == 1
    for named in guard.tests.split():
        file, _, test = named.partition("::")
        text = (ROOT / file).read_text()
        assert not test or re.search(rf"^def {re.escape(test.partition('[')[0])}\(", text, re.MULTILINE), named
