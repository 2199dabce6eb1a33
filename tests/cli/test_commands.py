"""The commands, against the local cloud: what each does, prints, and ends with."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import time
import uuid
from typing import TYPE_CHECKING

import pytest

from firstcome.rules import rfc3339
from firstcome_cli import schemas, turns
from firstcome_cli.client import Client
from tests.cli.program import Program, conforms
from tests.world import HOUR_MS

if TYPE_CHECKING:
    from pathlib import Path

    from dev.cloud import Cloud
    from tests.e2e.campaign import Campaign

LIVE = ("--opens-at", "2026-01-01T00:00:00Z", "--closes-at", "2036-01-01T00:00:00Z")
ACTOR = ("--actor", "ana")


def created(program: Program, event_id: str, capacity: int = 2, *more: str) -> None:
    words = ["event", "create", event_id, "--name", "Spring", "--capacity", str(capacity), *LIVE, *more]
    assert program.json(*words)["event"]["state"] == "draft"


def test_an_event_is_given_away_by_commands_alone(program: Program, campaign: Campaign, event_id: str) -> None:
    """From the draft to the end, each document as its schema says."""
    created(program, event_id, 1, "--timezone", "Asia/Seoul")
    assert program.json("event", "raise", event_id, "--capacity", "2")["event"]["capacity"] == 2
    assert program.json("event", "open", event_id)["event"]["state"] == "open"
    assert program.json("apply", event_id, "alice")["ticket"] == 1
    assert program.json("apply", event_id, "alice")["ticket"] == 1
    assert program.json("apply", event_id, "bob")["ticket"] == 2
    assert program.json("apply", event_id, "carol", code=1)["error"]["code"] == "sold_out"
    campaign.wait_consumed()
    assert program.json("status", event_id, "alice")["status"] == "issued"
    assert program.json("status", event_id, "carol", code=1)["error"]["kind"] == "not_there"
    shown = program.json("event", "show", event_id)
    assert (shown["coupons"], shown["event"]["timezone"]) == (2, "Asia/Seoul")
    assert program.json("audit", event_id)["ok"] is True
    for words, state in ((("pause",), "paused"), (("close",), "closed"), (("end", "--yes"), "ended")):
        assert program.json("event", words[0], event_id, *words[1:])["event"]["state"] == state
    assert program.json("event", "open", event_id, code=1)["error"]["kind"] == "refused"


def test_a_winner_may_wait_for_the_coupon(program: Program, campaign: Campaign, event_id: str) -> None:
    """`apply --wait` ends with the status of the application, for as long as it was told to wait."""
    campaign.open(1)
    assert program.json("apply", event_id, "alice", "--wait")["status"] in {"pending", "issued"}


def test_failed_rows_are_listed_driven_again_and_refused(program: Program, campaign: Campaign, event_id: str) -> None:
    """A failed row is shown whole by its id, made due again by its event, and refused by its person."""
    campaign.open(2)
    with campaign.rejected("alice"):
        campaign.win("alice", "bob")
        campaign.wait_consumed()
    (row,) = program.json("failed", "list", "--event", event_id)["rows"]
    assert (row["user_id"], row["ticket"]) == ("alice", 1)
    assert program.json("failed", "list", "--row", str(row["id"]))["rows"][0]["payload"]
    assert program.json("failed", "redrive", "--event", event_id, "--all")["due"] == 1
    program.json("failed", "refuse", "--event", event_id, "--user", "alice", "--reason", "a bot", "--yes")
    assert program.json("status", event_id, "alice")["status"] == "refused"
    of_bob = ("failed", "refuse", "--event", event_id, "--user", "bob", "--yes")
    assert program.json(*of_bob, code=1)["error"]["kind"] == "refused"  # bob has a coupon


def test_a_finding_of_the_audit_is_exit_code_4(program: Program, campaign: Campaign, event_id: str) -> None:
    """A live event without one is 0, whether or not everything is issued yet."""
    campaign.open(2)
    campaign.win("alice")
    assert program("audit", event_id).code == 0
    campaign.wait_consumed()
    campaign.lose_gate()
    assert program.json("audit", event_id, code=4)["findings"]
    assert "restore" in program("audit", event_id, code=4).out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("event", "show"), "Missing argument"),
        (("event", "create", "e"), "Missing option"),
        (("event", "creat"), "No such command"),
        (("redeem", "e", "--key", str(uuid.uuid4())), "CODE or by --user"),
        (("event", "edit", "e", "--spread", "soon"), "is no duration"),
        (("codes", "upload", "e", "/nowhere"), "cannot be read"),
        (("--stack-name", "s", "event", "list"), "two places"),
        (("--cloud", "/nowhere", "event", "list"), "there is no cloud.env at"),
        (("verify-turn", "e", "u", "--secret", "ab"), "--opens-at and --spread"),
    ],
)
def test_wrong_usage_is_exit_code_2(program: Program, words: tuple[str, ...], says: str) -> None:
    """A mistake in the command line says what to change."""
    assert says in " ".join(program(*words, code=2).err.split())


def test_what_is_not_there_is_exit_code_1(program: Program, event_id: str) -> None:
    """An event that there is not is said as such, by operators' commands and applicants'."""
    assert program.json("event", "show", event_id, code=1)["error"]["kind"] == "not_there"
    assert program.json("apply", event_id, "alice", code=1)["error"]["code"] == "unknown_event"


def test_a_cloud_that_does_not_answer_is_exit_code_3(tmp_path: Path) -> None:
    """Nothing listens there; a change names the request id that makes the repeat safe."""
    file = tmp_path / "cloud.env"
    file.write_text("FIRSTCOME_API_URL=http://127.0.0.1:9\nFIRSTCOME_LAMBDA_URL=http://127.0.0.1:9\n")
    program = Program({"FIRSTCOME_CLOUD": str(file)})
    assert program.json("event", "open", "e", code=3)["error"]["kind"] == "unknown"
    assert "--request-id r-1" in program.json("event", "open", "e", "--request-id", "r-1", code=3)["error"]["detail"]


def test_the_cloud_is_found_from_the_working_directory_up(
    campaign: Campaign, cloud_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, event_id: str
) -> None:
    """The nearest `.local/cloud.env` above counts; `--cloud` names another folder."""
    campaign.open()
    (tmp_path / ".local").mkdir()
    (tmp_path / ".local" / "cloud.env").write_text(cloud_file.read_text())
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a" / "b")
    assert Program().json("event", "show", event_id)["event"]["state"] == "open"
    assert Program().json("--cloud", str(tmp_path), "event", "show", event_id)["coupons"] == 0


def test_an_option_is_read_from_its_variable(program: Program, event_id: str) -> None:
    """Each option has a variable of its own name, `--json` included."""
    made = program.under(
        FIRSTCOME_EVENT_CREATE_NAME="From the environment",
        FIRSTCOME_EVENT_CREATE_CAPACITY="7",
        FIRSTCOME_EVENT_CREATE_OPENS_AT="2030-01-01T00:00:00Z",
        FIRSTCOME_EVENT_CREATE_CLOSES_AT="2030-01-02T00:00:00Z",
        FIRSTCOME_JSON="1",
    )("event", "create", event_id).document
    assert (made["event"]["name"], made["event"]["capacity"]) == ("From the environment", 7)


def test_a_watched_event_is_a_line_a_look(program: Program, campaign: Campaign, event_id: str) -> None:
    """Each look is one line of JSON, which also says which server is away."""
    campaign.open(2)
    campaign.win("alice")
    campaign.wait_consumed()
    lines = program("watch", event_id, "--times", "2", "--every", "0.1", "--json").out.splitlines()
    for line in lines:
        conforms("watch", json.loads(line))
    seen = json.loads(lines[-1])
    assert len(lines) == 2
    assert (seen["accepted"], seen["remaining"], seen["coupons"], seen["away"]) == (1, 1, 1, [])
    with campaign.without_redis():
        seen = json.loads(program("watch", event_id, "--times", "1", "--json").out)
    assert seen["away"]
    assert seen["remaining"] is None


def test_anybody_can_compute_a_turn_that_was_told(program: Program, campaign: Campaign, cloud: Cloud) -> None:
    """The turn that the gate has told follows from the secret, which the event shows once it has ended."""
    opens_at, event_id = int(time.time() * 1000) + HOUR_MS, campaign.event_id
    window = ("--opens-at", rfc3339(opens_at), "--closes-at", rfc3339(opens_at + 2 * HOUR_MS))
    program.json("event", "create", event_id, "--name", "T", "--capacity", "1", *window, "--spread", "10m")
    program.json("event", "open", event_id)
    told = program.json("apply", event_id, "alice", code=1)["error"]
    assert told["code"] == "not_open"
    assert "once the event has ended" in " ".join(program("verify-turn", event_id, "alice", code=2).err.split())
    with Client(cloud.api_url) as client:
        commitment = client.event(event_id).turn_commitment
        program.json("event", "end", event_id, "--yes")
        secret = client.event(event_id).turn_secret
    assert commitment
    assert secret
    turn_at = told["fields"]["turn_at"]
    shown = program.json("verify-turn", event_id, "alice", "--told", turn_at)
    assert (shown["turn_at"], shown["commitment_holds"], shown["as_told"]) == (turn_at, True, True)
    alone = ("--secret", secret, "--opens-at", rfc3339(opens_at), "--spread", "10m", "--commitment", commitment)
    assert program.json("verify-turn", event_id, "alice", *alone)["turn_at"] == turn_at
    assert program.json("verify-turn", event_id, "bob", "--told", turn_at, code=4)["as_told"] is False


def test_another_secret_is_found_out(program: Program) -> None:
    """A secret that does not fit the commitment ends `verify-turn` with code 4."""
    commitment = hashlib.sha256(bytes(32)).hexdigest()
    alone = ("--opens-at", "2030-01-01T00:00:00Z", "--spread", "10s", "--commitment", commitment)
    assert program.json("verify-turn", "e", "u", "--secret", "00" * 32, *alone)["commitment_holds"] is True
    assert program.json("verify-turn", "e", "u", "--secret", "01" * 32, *alone, code=4)["commitment_holds"] is False
    assert turns.turn("00" * 32, "e", "u", 5, 0, None).turn_at_ms == 5


@pytest.mark.parametrize("spread", ["0", "1s"])
def test_a_rehearsal_gives_an_event_of_its_own_away(program: Program, tmp_path: Path, spread: str) -> None:
    """Everybody is told, the audit finds nothing, the event is ended, and the report asks for nothing from anywhere."""
    file = tmp_path / "report.html"
    asked = ("--people", "40", "--rate", "40", "--capacity", "10", "--spread", spread, "--report", str(file))
    result = program.json("rehearse", *asked)
    assert (result["ok"], result["winners"], result["problems"]) == (True, 10, [])
    assert sum(result["answers"].values()) == 40
    assert result["answers"]["sold_out"] == 30
    assert program.json("event", "show", result["event_id"])["event"]["state"] == "ended"
    html = file.read_text()
    assert html.count("<svg") == 2
    assert not re.search(r"<script|src=|href=|https?:|url\(", html)


def test_a_crowd_comes_to_an_event_that_is_there(program: Program, campaign: Campaign, event_id: str) -> None:
    """Each once, at the rate, and what they are told is counted; the same crowd is told the same tickets again."""
    campaign.open(10)
    asked = ("crowd", event_id, "--people", "40", "--rate", "400")
    first, again = program.json(*asked), program.json(*asked)
    assert first["answers"] == again["answers"] == {"accepted": 10, "sold_out": 30}
    assert first["winners"] == first["distinct_tickets"] == 10
    campaign.wait_consumed()
    assert set(campaign.holders()) <= {f"person-{number}" for number in range(1, 41)}
    other = program.json(*asked, "--prefix", "late")
    assert (other["winners"], other["answers"]) == (0, {"sold_out": 40})


def test_a_crowd_waits_for_the_opening(program: Program, campaign: Campaign, event_id: str) -> None:
    """A crowd that comes early asks at the opening, and everybody gets an answer."""
    campaign.create(5, opens_in_ms=2_000)
    campaign.operate("open")
    result = program.json("crowd", event_id, "--people", "8", "--rate", "100")
    assert result["answers"] == {"accepted": 5, "sold_out": 3}


def test_a_crowd_of_made_up_people_stays_at_home(program: Program, campaign: Campaign, event_id: str) -> None:
    """On AWS it is refused before anything is asked; a draft and what is not there are said to be so."""
    on_aws = program.under(FIRSTCOME_STACK_NAME="coupons")
    error = on_aws.json("crowd", event_id, code=1)["error"]
    assert (error["code"], "firstcome rehearse" in error["detail"]) == ("local_only", True)
    assert program.json("crowd", event_id, code=1)["error"]["kind"] == "not_there"
    campaign.create(3)
    assert program.json("crowd", event_id, code=1)["error"]["code"] == "draft"


@pytest.mark.parametrize("environ", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {}])
def test_only_a_terminal_is_given_colours(
    program: Program, campaign: Campaign, event_id: str, environ: dict[str, str]
) -> None:
    """Into a pipe the commands write plain text, whatever the variables say."""
    campaign.open()
    for words in (("event", "show", event_id), ("audit", event_id), ("watch", event_id, "--times", "1")):
        assert "\x1b" not in program.under(**environ)(*words).out


def test_40_columns_are_enough(program: Program, campaign: Campaign, event_id: str) -> None:
    """Where a table has no room, each row is a paragraph, and no word is lost."""
    campaign.open(2)
    with campaign.rejected("alice"):
        campaign.win("alice")
        campaign.wait_consumed()
    narrow = program.under(COLUMNS="40")
    for words in (("failed", "list", "--event", event_id), ("event", "show", event_id), ("audit", event_id)):
        out = narrow(*words).out
        assert max(len(line) for line in out.splitlines()) <= 40
        assert "…" not in out
    assert re.search(r"^user_id +alice$", narrow("failed", "list", "--event", event_id).out, re.MULTILINE)


def test_completion_starts_without_boto3(tmp_path: Path) -> None:
    """Whoever presses Tab waits for no library of AWS, and for no HTTP client's answer."""
    script = (
        "import sys; from firstcome_cli.app import main\n"
        "try: main([])\n"
        "except SystemExit: pass\n"
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'boto3', 'botocore'}), file=sys.stderr)"
    )
    environ = {"_FIRSTCOME_COMPLETE": "complete_bash", "COMP_WORDS": "firstcome event re", "COMP_CWORD": "2"}
    ran = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | environ,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.split() == ["reschedule"]
    assert ran.stderr.strip() == "[]"


@pytest.mark.parametrize("command", sorted(schemas.OF))
def test_every_schema_is_printed_by_the_program(command: str) -> None:
    """`schema` prints the JSON schema of each command's output."""
    assert json.loads(Program()("schema", *command.partition(" --")[0].split()).out)["$schema"]
