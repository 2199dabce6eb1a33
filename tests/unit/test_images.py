"""The pictures of page and console: small, each shown by a document, and drawn from answers that the API may give."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.operators import JSON, Reply, conforms
from tests.web import console_states, states

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
MAX_BYTES = 60_000  # of one picture: a document with twenty of them stays below 1 MB
SHOWING = [ROOT / "README.md", ROOT / "README.ko.md", *(ROOT / "docs").rglob("*.md")]


def test_every_state_has_its_picture_in_a_document() -> None:
    """Each picture is shown somewhere, and no other picture is kept."""
    drawn = {f"console/{scheme}/{name}.png" for scheme in ("light", "dark") for name in console_states.STATES}
    drawn |= {f"page/{language}/{name}.png" for language in states.LANGUAGES for name in states.STATES}
    assert {str(path.relative_to(IMAGES)) for path in IMAGES.rglob("*.png")} == drawn
    text = "".join(path.read_text(encoding="utf-8") for path in SHOWING)
    assert [name for name in sorted(drawn) if f"images/{name}" not in text] == []


def test_a_picture_has_less_than_60_kb() -> None:
    """A clone stays small."""
    sizes = {path.name: path.stat().st_size for path in IMAGES.rglob("*.png")}
    assert {name: size for name, size in sizes.items() if size >= MAX_BYTES} == {}


@pytest.mark.parametrize("target", console_states.ANSWERS)
def test_a_picture_shows_what_the_api_may_answer(target: str) -> None:
    """The answers behind the console's pictures conform to its document."""
    conforms("GET", target.partition("?")[0], Reply(200, JSON, console_states.ANSWERS[target]))


def test_the_picture_of_an_upload_shows_what_the_api_may_answer() -> None:
    """So does the answer to an upload."""
    path = f"/events/{console_states.EVENT_ID}/actions/upload_codes"
    conforms("POST", path, Reply(200, JSON, console_states.UPLOADED))
