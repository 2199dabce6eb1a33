"""Whatever the tutorial, the how-to pages and both READMEs ask a reader to type works, and is answered as they say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import new_event_id
from tests.documents.typed import Typed, run, typed

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
# An installation, Docker, or an account of AWS is needed: not run, and read by other tests.
ELSEWHERE = re.compile(r"^(pipx|uv|docker|git clone|aws|sam|firstcome --(stack-name|install-completion))\b")
# A rehearsal of as many people as a page names takes most of a minute, and shows no more than one of these.
FEWER = re.compile(r"(rehearse\b.* --people) \d+")
REHEARSED = 100
MADE = re.compile(r"event create ([\w-]+)|create event_id=([\w-]+)|/events/([\w-]+)/actions/create")
KEY = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")


def commands(text: str) -> Iterator[Typed]:
    """Yield what is run of a document."""
    for each in typed(text):
        if not ELSEWHERE.match(each.command):
            yield each


def made(text: str) -> set[str]:
    """Return the events that the commands of a text make."""
    return {next(filter(None, names)) for names in MADE.findall(text)}


NAMED = [
    ROOT / "README.md",
    ROOT / "README.ko.md",
    ROOT / "cli" / "README.md",
    DOCS / "tutorial.md",
    *sorted((DOCS / "how-to").glob("*.md")),
    *(DOCS / f"{name}.md" for name in ("identity", "operator-api", "page", "rehearsal", "use")),
]
DOCUMENTS = [path for path in NAMED if any(commands(path.read_text()))]  # some of the pages have nothing to type here


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_document_asks_to_be_typed_works(document: Path, clone: Path, reader: dict[str, str]) -> None:
    """Each command succeeds, is answered as the document says, and is told no problem that the document leaves out."""
    text = document.read_text()
    for event_id in made(text):
        text = text.replace(event_id, new_event_id(event_id))
    wanted = list(commands(FEWER.sub(rf"\1 {REHEARSED}", text)))
    answers = run(wanted, clone, reader)
    for each in answers:
        assert each.code == 0, (each.typed.command, each.said)
        assert each.typed.is_answered_by(each.said), (each.typed.command, each.typed.answer, each.said)
        told = "urn:problem-type" in each.said and "urn:problem-type" not in each.typed.answer
        assert not told, (each.typed.command, each.said)
    assert len(answers) == len(wanted)


def test_a_document_works_after_any_other() -> None:
    """Each makes the events that it uses, under names and keys that no other has."""
    texts = ["\n".join(each.command for each in commands(document.read_text())) for document in DOCUMENTS]
    for found in (
        [name for text in texts for name in made(text)],
        [key for text in texts for key in set(KEY.findall(text))],
    ):
        assert sorted(found) == sorted(set(found))


def test_commands_and_answers_are_told_apart() -> None:
    """A command goes on where a line is indented; what follows is its answer, in which `…` is anything."""
    first, second = typed('```console\n$ ask \\\n    twice\n{"a": 1, …}\n$ again\n```\n')
    assert (first.command, second.command) == ("ask \\\n    twice", "again")
    assert first.is_answered_by('{"a":1,"b":2}\n')
    assert not first.is_answered_by('{"a":2,"b":2}\n')
    assert second.is_answered_by("whatever")
