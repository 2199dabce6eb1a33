"""The gate's room is closed: its keys, the form of its entries and the words of its scripts are known there alone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import firstcome
from firstcome.gate import answers, entry
from firstcome.gate.keys import Keys, keys_of
from firstcome.rules import Ticket

if TYPE_CHECKING:
    from enum import StrEnum

LAYER = Path(firstcome.__file__).parent
GATE = LAYER / "gate"
FUNCTIONS = Path(__file__).parents[2] / "functions"
OUTSIDE = [
    path for folder in (LAYER, FUNCTIONS) for path in sorted(folder.rglob("*.py")) if GATE not in path.parents
]  # fmt: skip
PRIVATE = re.compile(r"coupon:\{|gate\.(redis|keys|script|run|answering)\b")

WORDS: dict[str, type[StrEnum]] = {
    "gate": answers.ApplyOutcome,
    "delivered": answers.DeliveredOutcome,
    "settle": answers.SettleOutcome,
    "mark_failed": answers.MarkFailedOutcome,
    "reassign": answers.ReassignOutcome,
    "release": answers.ReleaseOutcome,
    "configure": answers.ConfigureOutcome,
    "expire": answers.ExpireOutcome,
    "restore": answers.RestoreOutcome,
    "reconcile": answers.ReconcileOutcome,
}


@pytest.mark.parametrize("path", OUTSIDE, ids=lambda path: "/".join(path.parts[-2:]))
def test_only_the_gate_knows_its_keys(path: Path) -> None:
    """Nobody outside names a key, or talks to Redis past a typed call."""
    assert not PRIVATE.findall(path.read_text())


@pytest.mark.parametrize("script", WORDS)
def test_each_word_of_a_script_is_in_its_enum(script: str) -> None:
    """What a script answers and what Python reads are the same words."""
    text = re.sub(r"--.*", "", (GATE / f"{script}.lua").read_text())
    said = re.findall(r"(?:return \{?|local word = .* and |or )'([A-Z_]+)'", text)
    assert set(said) == {str(word) for word in WORDS[script]}


def test_every_script_that_answers_a_word_has_an_enum() -> None:
    """A new script cannot answer a bare string."""
    answering = {path.stem for path in GATE.glob("*.lua") if re.search(r"return \{?'[A-Z]", path.read_text())}
    assert answering == WORDS.keys()


def test_a_key_is_named_as_its_field() -> None:
    """All of an event's keys share its hash tag, so that one script sees one event on a cluster."""
    assert keys_of("sale") == tuple(f"coupon:{{sale}}:{part}" for part in Keys._fields)


def test_an_entry_is_read_as_it_was_written() -> None:
    """A ticket and its time survive; a refused person, and nobody, have none."""
    assert entry.parse_entry(entry.entry_of(Ticket("E", "alice", 7, 5), entry.NO_CALL)) == (7, 5)
    assert entry.ticket_of("7 5 a1b2c3d4") == 7
    assert [entry.parse_entry(each) for each in (entry.REFUSED, "")] == [None, None]
    assert entry.ticket_of("") is None
    with pytest.raises(ValueError, match="unpack"):
        entry.parse_entry("garbled")


def test_scripts_and_python_write_the_same_entry() -> None:
    """prelude.lua's words for an entry are those of entry.py."""
    text = (GATE / "prelude.lua").read_text()
    assert f"= '{entry.REFUSED}', '%d %d %s', '{entry.DELIVERED}', '{entry.NO_CALL}'" in text
