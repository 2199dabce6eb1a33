"""The tables of the operator's API: each code has a status, each route the fields of its action."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

from firstcome import operate
from firstcome.operate.table import ACTIONS
from firstcome.operate.web.problem import CODES, FIELD_CODES, SHARED_CODES
from firstcome.operate.web.routes import ROUTES, is_posted

LAYER = Path(operate.__file__).parents[1]


def test_every_code_has_a_status() -> None:
    """Each that the layer raises as bad input is in the table, or is that of a field."""
    raised: dict[str, str] = {}
    for path in LAYER.rglob("*.py"):
        if "apply" in path.parts or path.name == "redemptions.py":  # answered by the first API
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "BadInput":
                first = node.args[0]
                if isinstance(first, ast.Constant):
                    raised[str(first.value)] = path.name
            # A loop over rows of (code, …) that raises with the code of a row.
            if isinstance(node, ast.For) and isinstance(node.iter, ast.Tuple) and "BadInput(code" in ast.unparse(node):
                firsts = [row.elts[0] for row in node.iter.elts if isinstance(row, ast.Tuple)]
                raised |= {str(first.value): path.name for first in firsts if isinstance(first, ast.Constant)}
    ours = {"bad_setting", "bad_action", "local_only"}  # not of a request; named by the path; never over HTTP
    ours |= {"bad_field", "bad_event"} & raised.keys()  # of records and rows, answered by nobody
    assert {
        code: where for code, where in raised.items() if code not in {*CODES, *FIELD_CODES, *SHARED_CODES, *ours}
    } == {}


@pytest.mark.parametrize("route", [route for route in ROUTES if route.action in ACTIONS], ids=lambda route: route.name)
def test_every_route_names_fields_of_its_action(route: Any) -> None:
    """Path and query alike."""
    action = ACTIONS[route.action]
    fields = {field.name for field in action.fields}
    assert set(route.query.values()) <= fields
    assert set(route.pattern.groupindex) <= fields
    assert not is_posted(action) or action.long
