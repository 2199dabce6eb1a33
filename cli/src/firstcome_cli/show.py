"""How an answer is printed: one JSON document, or lines for a person, on a terminal, in a pipe, 40 columns wide."""

import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

IN_A_PIPE = 10_000  # columns: what reads lines, such as grep, is given whole ones
NOTHING = "-"


class Show:
    """Prints answers on stdout, and what is said beside them on stderr. Rich minds NO_COLOR and what is no terminal."""

    def __init__(self, *, as_json: bool) -> None:
        """Choose the form."""
        self.as_json = as_json
        free = not sys.stdout.isatty() and "COLUMNS" not in os.environ
        self.out = Console(highlight=False, width=IN_A_PIPE if free else None)
        self.err = Console(stderr=True, highlight=False)

    def answer(self, body: Mapping[str, Any], human: Callable[[], None] | None = None) -> None:
        """Print one answer: the document itself, or what `human` prints; without it, the fields."""
        if self.as_json:
            sys.stdout.write(json.dumps(body, indent=2, ensure_ascii=False) + "\n")
        elif human is not None:
            human()
        else:
            self.fields(body)

    def line(self, body: Mapping[str, Any]) -> None:
        """Print one of many documents, on a line of its own."""
        sys.stdout.write(json.dumps(body, ensure_ascii=False) + "\n")
        sys.stdout.flush()

    def say(self, text: str, style: str = "") -> None:
        """Print one sentence for a person."""
        self.out.print(Text(text, style=style))

    def aside(self, text: str, style: str = "") -> None:
        """Print one sentence that is no answer."""
        self.err.print(Text(text, style=style))

    def fields(self, body: Mapping[str, Any], only: Sequence[str] = ()) -> None:
        """Print each field on a line; objects inside are indented."""
        self.out.print(Text("\n").join(_lines({name: body.get(name) for name in only} if only else body, "")))

    def rows(self, columns: Sequence[str], rows: Iterable[Mapping[str, Any]], none: str) -> None:
        """Print one row a line, or where there is no room for it, one field a line; `none` where there is no row."""
        found = list(rows)
        if not found:
            self.say(none)
            return
        table = Table(*columns, box=None, pad_edge=False, header_style="bold")
        for row in found:
            table.add_row(*(Text(text(row.get(column))) for column in columns))
        if Measurement.get(self.out, self.out.options.update(max_width=IN_A_PIPE), table).maximum > self.out.width:
            self.out.print(Text("\n\n").join(Text("\n").join(_lines(_only(row, columns), "")) for row in found))
        else:
            self.out.print(table)


def text(value: object) -> str:
    """Return a value as a person reads it."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return f"{value:,}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _only(row: Mapping[str, Any], columns: Sequence[str]) -> dict[str, Any]:
    return {column: row.get(column) for column in columns}


def _lines(body: Mapping[str, Any], indent: str) -> list[Text]:
    width = max((len(name) for name in body), default=0)
    lines = []
    for name, value in body.items():
        if isinstance(value, Mapping) and value:
            lines += [Text(f"{indent}{name}", style="bold"), *_lines(value, indent + "  ")]
        else:
            lines.append(Text.assemble((f"{indent}{name.ljust(width)}", "bold"), "  ", text(value)))
    return lines
