"""docs/actions.md: its table is the table of the code, action by action."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from firstcome.operate.table import ACTIONS, Action
from firstcome.operate.web.problem import CODES, FIELD_CODES, SHARED_CODES
from firstcome.operate.who import Group

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "actions.md").read_text()


def row(action: Action) -> str:
    """Return the action's row of the document."""
    group = "none: direct only" if action.direct else action.group
    marks = {"a row": action.changes, "a version": action.versioned, "long": action.long}
    said = ", ".join(mark for mark, has in marks.items() if has)
    about = action.about.removesuffix(" Changes nothing.")
    return f"| `{action.name}` | {group} | {said} | {about} |"


@pytest.mark.parametrize("group", list(Group))
def test_the_document_has_the_table_of_the_code(group: Group) -> None:
    """Each action with its group and what it takes, in the order of the code, and no other."""
    mine = [row(action) for action in ACTIONS.values() if action.group is group]
    found = [line for line in DOCUMENT.splitlines() if line in mine]
    assert found == mine, "write these rows:\n" + "\n".join(mine)
    assert DOCUMENT.count("\n| `") == len(ACTIONS)


def test_nobody_but_a_direct_invoke_wipes_or_repairs_servers() -> None:
    """And every action that cannot be undone is an administrator's."""
    assert [name for name, action in ACTIONS.items() if action.direct] == ["rewind", "drop_gate", "wipe"]
    final = {"end", "refuse", "erase", "purge", "wipe"}
    assert final <= {name for name, action in ACTIONS.items() if action.group is Group.ADMIN}


def test_every_refusal_has_a_meaning_over_http() -> None:
    """A code that the table of statuses lacks would be answered as a malformed field, and fail the document."""
    package = ROOT / "layers" / "common" / "python" / "firstcome"
    rooms = [path.read_text() for room in ("operate", "ledger", "retry") for path in (package / room).rglob("*.py")]
    raised = {code for text in rooms for code in re.findall(r"BadInput\(\s*\"(\w+)\"", text)}
    in_tables = {code for text in rooms for code in re.findall(r"^        \(\"(\w+)\", \w+, \"", text, re.MULTILINE)}
    elsewhere = {"bad_setting", "bad_action", "local_only", "bad_code"}  # of what the operators' API does not have
    assert "has_code" in in_tables
    assert (raised | in_tables) - elsewhere - {*FIELD_CODES, *SHARED_CODES} <= set(CODES)
