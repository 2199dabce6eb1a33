"""Set the lines that the documents link to, by the names of what stands there (`make links`).

A link with lines names what they hold: [`insert_coupons`](…/ledger.sql#L13-L32) a statement, a function (`Class.method`
in Python) or a text on its first line; [`first` to `last`](…#L34-L68) a passage, by a text on its first and last line.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
LINES = re.compile(r"\[`(?P<first>[^`\]]+)`(?: to `(?P<last>[^`\]]+)`)?\]\((?P<path>[^)#\s]+)#L\d+(?:-L\d+)?\)")


def relinked(document: Path) -> str:
    """Return the document's text with the lines that are right now; raise `LookupError` for what is not there."""

    def link(found: re.Match[str]) -> str:
        path = document.parent / found["path"]
        first, last = lines_of(path.read_text(), path.suffix, found["first"], found["last"])
        whole, _, _ = found[0].rpartition("#")
        return f"{whole}#L{first})" if first == last else f"{whole}#L{first}-L{last})"

    return LINES.sub(link, document.read_text())


def lines_of(text: str, suffix: str, first: str, last: str | None = None) -> tuple[int, int]:
    """Return the first and the last line of what is named, counted from 1."""
    lines = text.splitlines()
    if last is not None:
        start = _line_with(lines, first, 1)
        return start, _line_with(lines, last, start)
    if suffix == ".py" and (span := _span_in_python(ast.parse(text).body, first.split("."))):
        return span
    if suffix == ".sql" and f"-- name: {first}(" in text:
        return _block(lines, f"-- name: {first}(", "")
    if suffix == ".lua" and f"local function {first}(" in text:
        return _block(lines, f"local function {first}(", "end")
    start = _line_with(lines, first, 1)
    return start, start


def _span_in_python(body: list[ast.stmt], names: list[str]) -> tuple[int, int] | None:
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == names[0]:
            return (
                (node.lineno, node.end_lineno or node.lineno)
                if not names[1:]
                else _span_in_python(node.body, names[1:])
            )
    return None


def _block(lines: list[str], first: str, last: str) -> tuple[int, int]:
    """Return the lines from the one that begins with `first` to the next that is `last`; an empty one is left out."""
    start = next(n for n, line in enumerate(lines, 1) if line.startswith(first))
    end = next((n for n in range(start + 1, len(lines) + 1) if lines[n - 1] == last), len(lines) + 1)
    return start, end if last else end - 1


def _line_with(lines: list[str], text: str, start: int) -> int:
    for n in range(start, len(lines) + 1):
        if text in lines[n - 1]:
            return n
    raise LookupError(f"no line has {text!r}")


if __name__ == "__main__":
    for each in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        each.write_text(relinked(each))
