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
EVENT = "spring-sale"
# What a page takes for granted, where it does not make the event itself: the tutorial's event, and one winner.
TUTORIAL = """
firstcome event create spring-sale --name Spring --capacity 100 --opens-at 2026-01-01T00:00:00Z \
    --closes-at 2036-01-01T00:00:00Z
firstcome event open spring-sale
firstcome apply spring-sale alice --wait
"""
# An installation, Docker, or an account of AWS is needed: not run, and read by other tests.
ELSEWHERE = re.compile(r"^(pipx|uv|docker|git clone|aws|sam|firstcome --(stack-name|install-completion))\b")
# A rehearsal of as many people as a page names takes most of a minute, and shows no more than one of these.
FEWER = re.compile(r"(rehearse\b.* --people) \d+")
REHEARSED = 100
MAKES_THE_EVENT = re.compile(r"event create spring-sale|create event_id=spring-sale|/spring-sale/actions/create")


def commands(text: str) -> Iterator[Typed]:
    """Yield what is run of a document."""
    for each in typed(text):
        if not ELSEWHERE.match(each.command):
            yield each


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
    text, event_id = document.read_text(), new_event_id(EVENT)
    wanted = list(commands(FEWER.sub(rf"\1 {REHEARSED}", text.replace(EVENT, event_id))))
    if not MAKES_THE_EVENT.search(text):
        wanted.insert(0, Typed(TUTORIAL.strip().replace(EVENT, event_id), ""))
    answers = run(wanted, clone, reader)
    for each in answers:
        assert each.code == 0, (each.typed.command, each.said)
        assert each.typed.is_answered_by(each.said), (each.typed.command, each.typed.answer, each.said)
        told = "urn:problem-type" in each.said and "urn:problem-type" not in each.typed.answer
        assert not told, (each.typed.command, each.said)
    assert len(answers) == len(wanted)


def test_commands_and_answers_are_told_apart() -> None:
    """A command goes on where a line is indented; what follows is its answer, in which `…` is anything."""
    first, second = typed('```console\n$ ask \\\n    twice\n{"a": 1, …}\n$ again\n```\n')
    assert (first.command, second.command) == ("ask \\\n    twice", "again")
    assert first.is_answered_by('{"a":1,"b":2}\n')
    assert not first.is_answered_by('{"a":2,"b":2}\n')
    assert second.is_answered_by("whatever")
