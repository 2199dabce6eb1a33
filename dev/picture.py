"""Draw the proof that the demonstration ends with, line by line (`make picture`)."""

from __future__ import annotations

import re
import sys
from html import escape
from pathlib import Path

PICTURE = Path(__file__).parents[1] / "docs" / "images" / "demo.svg"
BEGIN = "The proof"
# Pixels of one character in the first monospace font that a reader has: `textLength` makes the others fit.
WIDE, HIGH, MARGIN = 8.4, 17, 14
FONTS = "ui-monospace, Menlo, Consolas, monospace"
COLOURS = {"holds": "#3fb950", "BROKEN": "#f85149"}


def draw(printed: str) -> str:
    """Return the SVG of the proof and of all that follows it; end the program where there is none."""
    lines = [line.rstrip() for line in printed.splitlines()]
    begin = next((n for n, line in enumerate(lines) if BEGIN in line), None)
    if begin is None:
        sys.exit(f"no line has {BEGIN!r}: pipe what `make demo` prints")
    lines = lines[begin:]
    width, height = max(map(len, lines)) * WIDE + 2 * MARGIN, len(lines) * HIGH + 2 * MARGIN
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height}">',
            '<rect width="100%" height="100%" rx="6" fill="#0d1117"/>',
            f'<g fill="#c9d1d9" font-family="{FONTS}" font-size="14" xml:space="preserve">',
            *(_line(line, MARGIN + (n + 0.75) * HIGH) for n, line in enumerate(lines) if line),
            "</g>",
            "</svg>",
            "",
        ]
    )


def _line(line: str, y: float) -> str:
    """Return the line's words and rules, each where its first character stands."""
    spans = re.finditer(r"[│┃]|[^\s│┃]+(?: [^\s│┃]+)*", line)
    return "".join(
        f'<text x="{MARGIN + span.start() * WIDE:.1f}" y="{y:.1f}" textLength="{len(span[0]) * WIDE:.1f}" '
        f'lengthAdjust="spacingAndGlyphs"{_fill(span[0])}>{escape(span[0])}</text>'
        for span in spans
    )


def _fill(text: str) -> str:
    return f' fill="{COLOURS[text]}"' if text in COLOURS else ""


if __name__ == "__main__":
    PICTURE.write_text(draw(sys.stdin.read()))
