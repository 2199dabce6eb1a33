"""What a guard of the promise is: where it stands, how it is taken out, and the test that must go red without it."""

from __future__ import annotations

from typing import NamedTuple

LAYER = "layers/common/python/firstcome"


class Guard(NamedTuple):
    """One guard: `there` stands once in `file`, and is replaced by `instead`; `tests` must then fail."""

    name: str
    file: str
    there: str
    instead: str
    tests: str
