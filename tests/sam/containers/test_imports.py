"""Each function starts in Lambda's image from what was built: no network, no server, and nothing is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.sam.command import FUNCTIONS
from tests.sam.containers.imports import in_image

if TYPE_CHECKING:
    from pathlib import Path

# Says which files are compiled while the handler is imported; what was compiled in the build is not.
START = """
import sys
compiled = []
sys.addaudithook(lambda event, told: compiled.append(str(told[1])) if event == "compile" else None)
import handler
assert callable(handler.handler)
print(*sorted(name for name in compiled if name.startswith("/opt/")), end="")
"""


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_starts_from_byte_code(name: str, x86_64: Path, bridge: str) -> None:
    """Python finds the layer's byte code fit for use, and compiles nothing of it again."""
    assert in_image(x86_64, name, START) == ""
