"""What a guard of the promise is: its text, how it is taken out, and the test that must go red without it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

# Where guards stand. They name no file, so that a function can move to another one without them.
SEARCHED = (
    *("layers/common/python/firstcome", "functions", "cli/src", "dev", "docs/operations.md"),
    *("template.yaml", "template.observability.yaml"),
)
SUFFIXES = {".py", ".lua", ".sql", ".yaml", ".md"}
TO_READ_ONLY = "schema.sql"  # says what the migrations make, and makes nothing


class Guard(NamedTuple):
    """One guard: `there` stands once in all of `SEARCHED`, and is replaced by `instead`; `tests` must then fail."""

    name: str
    there: str
    instead: str
    tests: str


def texts(root: Path) -> dict[Path, str]:
    """Return the text of each file in which a guard may stand."""
    files = (file for place in SEARCHED for file in [root / place, *(root / place).rglob("*")])
    return {
        file: file.read_text(encoding="utf-8")
        for file in files
        if file.is_file() and file.suffix in SUFFIXES and file.name != TO_READ_ONLY
    }


def place(guard: Guard, files: dict[Path, str]) -> Path:
    """Return the file in which the guard stands; raise `LookupError` unless it stands exactly once."""
    found = [file for file, text in files.items() for _ in range(text.count(guard.there))]
    if len(found) != 1:
        raise LookupError(f"{guard.there!r} must stand once, and stands in {[str(file) for file in found]}")
    return found[0]
