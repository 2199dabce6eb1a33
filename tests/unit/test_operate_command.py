"""The operator's command line: what is typed wrong is told, with the right form, before anything is sent."""

from __future__ import annotations

import http.server
import json
import re
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from dev import operate
from dev.cloud import ROOT
from dev.invoke import InvocationError, Lambda
from dev.operate import Mistake
from firstcome.operate import arguments, table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WINDOW = ("opens_at=2030-01-01T00:00:00Z", "closes_at=2031-01-01T00:00:00Z")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("open",), "open needs event_id; missing: event_id, as in python -m dev operate open event_id=spring-sale"),
        (("open", "spring-sale"), "spring-sale has no `=`; .*: python -m dev operate open event_id=spring-sale"),
        (("opne", "event_id=e"), 'there is no action "opne": did you mean open'),
        (("create", "event_id=e", "capcity=10"), 'create has no field "capcity": did you mean capacity'),
        (("create", "event_id=e", "name=Spring", "Sale", "capacity=1"), "in quotes: name='Spring Sale'"),
        (("create", "event_id=e", "name=A", "very", "big", "sale"), "in quotes: name='A very big sale'"),
        (("create", "event_id=e", "name=n"), "missing: capacity, opens_at, closes_at, as in .* name='Spring sale'"),
        (("create", "event_id=e", "name=n", "capacity=ten", *WINDOW), '1 to 10000000, and is "ten"'),
        (("create", "event_id=e", "name=n", "capacity=1_000", *WINDOW), 'and is "1_000"'),
        (("purge", "event=spring-sale"), 'purge has no field "event": did you mean event_id'),
        (("purge",), "needs event_id or all_events; .* operate purge all_events=true"),
        (("redrive", "all=true", "event=e"), 'no field "event"'),
        (("redrive", "all=true"), "all_events=true"),
        (("redrive", "all=yes", "event_id=e"), 'all must be true or false, and is "yes"'),
        (("erase", "user_id=u", "event=e"), 'no field "event": did you mean event_id'),
        (("erase", "user_id=u"), "all_events=true"),
        (("list_failed", "staus=dead"), 'no field "staus": did you mean status'),
        (("list_failed", "status=dad"), 'and is "dad"'),
        (("show", "event_id=a", "event_id=b"), "event_id is given twice, the second time as b"),
        (("show", "event_id=no spaces"), "event_id must be"),
        (("show", "=e"), 'no field ""'),
    ],
)
def test_a_mistake_is_told_with_the_right_form(words: tuple[str, ...], told: str) -> None:
    """What is missing or unknown is named, and nothing is sent."""
    with pytest.raises(Mistake, match=told):
        operate.read(words[0], list(words[1:]))


def test_values_are_read_as_their_fields_have_them() -> None:
    """Text stays text, whatever it looks like; a number and true are JSON's."""
    words = ["event_id=123", "name=Spring=Sale ☀", "capacity=100", *WINDOW, "actor=true"]
    assert operate.read("create", words) == {
        "action": "create",
        "event_id": "123",
        "name": "Spring=Sale ☀",
        "capacity": 100,
        "opens_at": "2030-01-01T00:00:00Z",
        "closes_at": "2031-01-01T00:00:00Z",
        "actor": "true",
    }
    assert operate.read("redrive", ["all_events=true"]) == {"action": "redrive", "all_events": True}


@pytest.mark.parametrize("action", list(table.ACTIONS))
def test_the_help_of_each_action_can_be_typed(action: str) -> None:
    """Every form that it shows is accepted, as a command and as a payload; every field is explained."""
    import shlex

    for form in table.ACTIONS[action].forms:
        command = operate.as_command(table.ACTIONS[action], form)
        assert command in operate.explained([action])
        words = shlex.split(command.removeprefix(operate.COMMAND))
        payload = operate.read(words[0], words[1:])
        assert json.loads(arguments.as_json(table.ACTIONS[action], form)) == payload
        assert arguments.read(payload)[0].name == action
    for field in table.ACTIONS[action].fields:
        assert f"  {field.name} " in operate.explained([action])
        assert field.check(field.name, field.example) is not None
    assert f"  {action} " in operate.summary()


# --- as it is run ----------------------------------------------------------------------------------------------------


def run(*words: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command line; `folder` stands in for `.local`."""
    program = f"import dev.__main__ as m, pathlib; m.DATA = pathlib.Path({str(folder)!r}); m.main()"
    command = ["-c", program, "operate"] if folder else ["-m", "dev", "operate"]
    return subprocess.run([sys.executable, *command, *words], cwd=ROOT, capture_output=True, text=True, check=False)


def test_help_is_for_everybody() -> None:
    """Of all actions, and of one; it needs no cloud."""
    assert "raise_capacity" in run("help").stdout
    for words in (("help", "open"), ("open", "help"), ("open", "--help")):
        found = run(*words)
        assert (found.returncode, "open event_id=spring-sale" in found.stdout) == (0, True)
    wrong = run("help", "opne")
    assert (wrong.returncode, "did you mean open" in wrong.stderr) == (1, True)
    assert run().stdout == run("help").stdout


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (None, "the local cloud is not running: make up"),
        ("", "does not say FIRSTCOME_LAMBDA_URL: make down, then make up"),
        ("FIRSTCOME_LAMBDA_URL=http://127.0.0.1:1\n", "nobody listens at http://127.0.0.1:1: make down, then make up"),
        (
            "FIRSTCOME_LAMBDA_URL=http://127.0.0.1:port\n",
            "http://127.0.0.1:port is no address (nonnumeric port: 'port'): make down",
        ),
        ("\udcff", "cannot be read"),
    ],
)
def test_a_cloud_that_is_down_is_said_in_one_line(said: str | None, told: str, tmp_path: Path) -> None:
    """One line says what to do."""
    if said is not None:
        (tmp_path / "cloud.env").write_bytes(said.encode(errors="surrogateescape"))
    found = run("show", "event_id=e", folder=tmp_path)
    assert (found.returncode, found.stdout, found.stderr.count("\n")) == (1, "", 1)
    assert told in found.stderr


@pytest.fixture
def somebody(tmp_path: Path) -> Iterator[tuple[Path, threading.Event]]:
    """Somebody who listens in the cloud's place: says no at `/…/show`, and nothing to anybody else."""
    asked = threading.Event()
    ended = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            payload = json.loads(self.rfile.read(int(self.headers["content-length"])))
            asked.set()
            if payload["action"] != "show":
                ended.wait()
                return
            self.send_response(404)
            self.end_headers()
            self.wfile.write(b'["not Lambda"]')

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    (tmp_path / "cloud.env").write_text(f"FIRSTCOME_LAMBDA_URL=http://127.0.0.1:{server.server_port}\n")
    yield tmp_path, asked
    ended.set()
    server.shutdown()
    thread.join()
    server.server_close()


def test_somebody_else_at_the_address_is_no_traceback(somebody: tuple[Path, threading.Event]) -> None:
    """Another program may have the port by now."""
    found = run("show", "event_id=e", folder=somebody[0])
    assert found.returncode == 1
    assert re.fullmatch(r"operate: http://\S+ answers as no local cloud does \(HTTP 404\): .*make up\n", found.stderr)


@pytest.mark.parametrize(
    ("said", "cause", "told"),
    [
        (("BadInput", "there is no event e"), None, "there is no event e"),
        (("Unavailable", "mysql: away"), None, "a server cannot be used (mysql: away): try again when it is back"),
        (
            ("Unsuitable", "mysql: old"),
            None,
            "a server is not set up for this (mysql: old): change that, then repeat it",
        ),
        (("KeyError", "'x'"), None, f"the function failed ('x'); the logs are in .local/logs. {operate.NOT_KNOWN}"),
        (
            ("ConnectionResetError", "reset"),
            ConnectionResetError("reset"),
            f"answer from u (reset). {operate.NOT_KNOWN}",
        ),
        (("JSONDecodeError", "no JSON"), ValueError("no JSON"), f"answer from u (no JSON). {operate.NOT_KNOWN}"),
    ],
)
def test_a_failure_is_told_without_the_name_of_a_class(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    said: tuple[str, str],
    cause: Exception | None,
    told: str,
) -> None:
    """A mistake is told as it is, and where nobody knows, that is said."""

    def invoke(*_: object) -> object:
        raise InvocationError("operate", dict(zip(("errorType", "errorMessage"), said, strict=True))) from cause

    monkeypatch.setattr(Lambda, "invoke", invoke)
    (tmp_path / "cloud.env").write_text("FIRSTCOME_LAMBDA_URL=u\n")
    with pytest.raises(SystemExit) as ended:
        operate.main(tmp_path / "cloud.env", ["show", "event_id=e"])
    assert str(ended.value).startswith("operate: ")
    assert told in str(ended.value)
    assert said[0] not in str(ended.value)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("operat", "show"), "unknown command 'operat'; did you mean 'operate'?\n"),
        (("xyzzy",), "unknown command 'xyzzy'\n"),
        (("up", "now"), "up takes no arguments, and was given 'now'\n"),
    ],
)
def test_an_unknown_command_is_named(words: tuple[str, ...], told: str) -> None:
    """With the one that may have been meant, if any is like it."""
    found = subprocess.run([sys.executable, "-m", "dev", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout, found.stderr.startswith(told)) == (1, "", True)


def test_ctrl_c_is_no_traceback(somebody: tuple[Path, threading.Event]) -> None:
    """It says that nobody knows whether the action was carried out."""
    folder, asked = somebody
    program = f"import dev.__main__ as m, pathlib; m.DATA = pathlib.Path({str(folder)!r}); m.main()"
    command = [sys.executable, "-c", program, "operate", "open", "event_id=e"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as running:
        assert asked.wait(60), "it asks the cloud"
        running.send_signal(signal.SIGINT)
        _, told = running.communicate(timeout=60)
    assert running.returncode == operate.CTRL_C
    assert "not known" in told
    assert "Traceback" not in told
