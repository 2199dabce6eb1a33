"""On a real terminal: what is drawn, what is coloured, and what is asked first."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.program import Program
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from tests.e2e.campaign import Campaign

COLOUR = re.compile(r"\x1b\[[\d;]*3\d(;\d+)*m")  # SGR 30 to 39: a colour of the letters


def on_a_terminal(program: Program, *words: str, typed: str = "", code: int = 0, **environ: str) -> str:
    """Run the program on a terminal of 80 columns, type, and return what it drew."""
    ours, theirs = pty.openpty()
    kept = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "COLUMNS", "TERM"}}
    with subprocess.Popen(
        [sys.executable, "-m", "firstcome_cli", *words],
        env=kept | {"TERM": "xterm-256color", "PYTHONPATH": os.pathsep.join(sys.path)} | program.environ | environ,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        os.write(ours, typed.encode())
        drawn = b""
        with contextlib.suppress(OSError):  # EIO: nobody has the terminal open any more
            while piece := os.read(ours, 65_536):
                drawn += piece
        os.close(ours)
        assert process.wait(PATIENCE_S) == code, drawn
    return drawn.decode()


def test_a_watched_event_is_drawn_in_place(program: Program, campaign: Campaign, event_id: str) -> None:
    """And NO_COLOR draws it without colours."""
    campaign.open(3)
    words = ("watch", event_id, "--times", "2", "--every", "0.1")
    assert "\x1b[1A" in on_a_terminal(program, *words)  # back to the line above
    assert not COLOUR.search(on_a_terminal(program, *words, NO_COLOR="1"))


def test_a_pipe_is_given_whole_lines(program: Program, campaign: Campaign, event_id: str) -> None:
    """Whoever reads by line finds each row, and each look, on one; a narrow terminal has a paragraph a row."""
    campaign.open()
    (row,) = [line for line in program("history", event_id).out.splitlines() if "create" in line]
    assert "…" not in row
    assert row.split()[2:4] == ["create", "done"]
    assert len(program("watch", event_id, "--times", "2", "--every", "0.1").out.splitlines()) == 2
    assert re.search(r"^action +create$", program.under(COLUMNS="60")("history", event_id).out, re.MULTILINE)


def test_an_audit_is_coloured_and_plain_under_no_color(program: Program, campaign: Campaign, event_id: str) -> None:
    """On a terminal the laws have colours, unless `NO_COLOR` is set."""
    campaign.open()
    assert COLOUR.search(on_a_terminal(program, "audit", event_id))
    assert not COLOUR.search(on_a_terminal(program, "audit", event_id, NO_COLOR="1"))


def test_what_cannot_be_undone_is_asked_first(program: Program, campaign: Campaign, event_id: str) -> None:
    """On a terminal, and not where --yes is given."""
    campaign.open()
    assert "for good?" in on_a_terminal(program, "event", "end", event_id, typed="n\n", code=1)
    assert campaign.operate("show")["event"]["state"] == "open"
    on_a_terminal(program, "event", "end", event_id, "--yes")
    assert campaign.operate("show")["event"]["state"] == "ended"


def test_nothing_is_undone_where_nobody_can_be_asked(program: Program, campaign: Campaign, event_id: str) -> None:
    """In a pipe, from cron, for JSON: wrong usage, until --yes is said. So for each command that asks."""
    campaign.open()
    for words in (
        ("event", "end", event_id),
        ("event", "delete", event_id),
        ("revoke", event_id, "alice"),
        ("failed", "refuse", "--event", event_id, "--user", "alice"),
    ):
        assert "Say --yes, because nobody can be asked here" in " ".join(program(*words, code=2).err.split())
    assert "--yes" in on_a_terminal(program, "--json", "event", "end", event_id, typed="y\n", code=2)
    assert campaign.operate("show")["event"]["state"] == "open"
    program("event", "end", event_id, "--yes")
    assert campaign.operate("show")["event"]["state"] == "ended"


@pytest.mark.parametrize("group", [(), ("event",), ("failed",), ("codes",)])
def test_no_summary_is_cut_off_at_80_columns(group: tuple[str, ...]) -> None:
    """The help's line about each command fits a terminal of 80 columns."""
    assert "..." not in Program({"COLUMNS": "80"})(*group, "--help").out.partition("Commands:")[2]


def test_setup_installs_the_program_of_this_checkout() -> None:
    """In place: what it runs is what stands in cli/src."""
    installed = Path(sys.executable).with_name("firstcome")
    assert "Open an event" in subprocess.run([installed, "--help"], check=True, capture_output=True, text=True).stdout
    shown = subprocess.run(
        [sys.executable, "-P", "-c", "import firstcome_cli; print(firstcome_cli.__file__)"],
        check=True,
        capture_output=True,
        text=True,
        cwd="/",
    )
    assert Path(shown.stdout.strip()).is_relative_to(Path(__file__).parents[2] / "cli" / "src")
