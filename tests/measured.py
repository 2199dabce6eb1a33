"""What coverage counts: its tracer takes as long again as what it looks at, also where that is none of ours."""

from __future__ import annotations

import os

# None of these runs a line of the layer or of a function that no other test runs: what they look at is the templates,
# the documents, a model, the command line, or in other orders what tests/integration runs one by one.
NOT_COUNTED = (
    *("tests/cli/", "tests/documents/", "tests/model/", "tests/simulation/", "tests/unit/template/"),
    *(
        f"tests/unit/test_{name}.py"
        for name in (
            *("capacity", "check_it_yourself", "contributing", "dashboard", "docs", "guards", "habits", "images"),
            *("local_template", "logs", "oidc", "operate_command", "picture", "setup"),
            *("supply", "token_command", "turns_simulation", "vendor", "worst_case"),
        )
    ),
)

_told: dict[str, str] = {}


def take() -> dict[str, str]:
    """Take out of the environment what has a process count its lines, and return it; coverage may have put it back."""
    _told.update({name: os.environ.pop(name) for name in list(os.environ) if name.startswith("COVERAGE_")})
    return dict(_told)
