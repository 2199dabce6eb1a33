"""What four functions say of a campaign: the metrics that the template looks at, the correlation id, and no secret.

The handlers run on real servers, through every answer and every trouble, and what they write is read back.
"""

from __future__ import annotations

import logging
import time
from functools import partial
from typing import TYPE_CHECKING

import pytest
from aws_lambda_powertools.logging.filters import SuppressFilter

from firstcome.rules import Unavailable
from firstcome.runtime import redaction, telemetry
from tests import dashboard, emf
from tests.api import NO_KAFKA, NO_MYSQL, NO_REDIS
from tests.integration.observed import CORRELATION_ID, PEOPLE, SECRETS, SETTINGS, Campaign, Stdout, logged, said

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from tests.api import Api
    from tests.world import World


@pytest.fixture
def campaign(
    world: World,
    start: Callable[..., Api],
    load_handler: Callable[[str], ModuleType],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Campaign]:
    """Four functions over the world's servers; what waits for a later line is written before and after."""
    for name in ("redis_url", "kafka_bootstrap", "kafka_topic", "kafka_group", "mysql_url"):
        monkeypatch.setenv(f"FIRSTCOME_{name.upper()}", getattr(world.stores.settings, name))
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(telemetry.logger.registered_handler, "stream", Stdout())
    # What the libraries say, as Lambda has them say it: on stdout, from WARNING on. Our own lines are kept from it, as
    # Powertools keeps them from Lambda's handler: they are there already.
    libraries = logging.StreamHandler(Stdout())
    libraries.addFilter(SuppressFilter(telemetry.SERVICE))
    monkeypatch.setattr(logging.root, "handlers", [*logging.root.handlers, libraries])
    redaction.forget_key()
    emf.write_out()
    yield Campaign(world, start, load_handler)
    emf.write_out()
    redaction.forget_key()


def test_the_template_looks_at_what_the_functions_emit(campaign: Campaign, capsys: pytest.CaptureFixture[str]) -> None:
    """Each of our own in an alarm or on the dashboard is emitted, with these dimensions; and none for nobody to see."""
    emitted = set(emf.read(said(campaign, capsys)))
    looked_at = {one for one in dashboard.metrics() if one[0] == telemetry.NAMESPACE}
    assert looked_at - emitted == set(), "misspelt, or no function emits it"
    assert emitted - looked_at == set(), "nobody looks at it"


def test_what_rings_an_alarm_never_waits(
    campaign: Campaign, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No metric of an alarm is left for a later line, which a frozen or ended environment may never write."""
    waits: set[str] = set()
    add = telemetry._Line.add

    def note(line: telemetry._Line, name: str, value: float, *, summed: bool, may_wait: bool) -> None:
        waits.update({name} if may_wait else ())
        add(line, name, value, summed=summed, may_wait=may_wait)

    monkeypatch.setattr(telemetry._Line, "add", note)
    said(campaign, capsys)
    assert {"accepted", "sold_out", "send_ms"} <= waits, "the control: ordinary answers share their lines"
    # The more were accepted, the quieter it is: a second without them rings too early, and mutes too late.
    assert waits & {name for _, name, _ in dashboard.of_alarms()} == {"accepted"}


def test_every_run_of_retry_has_data(campaign: Campaign, capsys: pytest.CaptureFixture[str]) -> None:
    """Zeros included: where data is missing, the retry does not run, or could not find out."""
    capsys.readouterr()
    campaign.retry()
    emitted = emf.named(capsys.readouterr().out)
    gauges = {"dead_rows", "waiting_rows", "oldest_pending_age_ms", "oldest_unread_age_ms", "unread_records"}
    zeros = {*gauges, "lost_gates", "swept", "restored", "released", "reconciled"}
    assert {name: emitted.get(name) for name in zeros} == {name: [0] for name in zeros}
    assert emitted["runs"] == [1]


def test_what_the_retry_cannot_know_is_left_out(
    campaign: Campaign, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that is away leaves out the figures that need it; the run is still a run."""
    needs = {
        "FIRSTCOME_MYSQL_URL": {"dead_rows", "waiting_rows", "oldest_pending_age_ms", "lost_gates"},
        "FIRSTCOME_REDIS_URL": {"oldest_pending_age_ms"},
        "FIRSTCOME_KAFKA_BOOTSTRAP": {"unread_records", "oldest_unread_age_ms"},
    }
    away = {"FIRSTCOME_" + name.upper(): url for name, url in (NO_MYSQL | NO_REDIS | NO_KAFKA).items()}
    gauges = set().union(*needs.values())
    capsys.readouterr()
    for name, missing in needs.items():
        with monkeypatch.context() as patch:
            patch.setenv(name, away[name])
            if name == "FIRSTCOME_KAFKA_BOOTSTRAP":
                patch.setenv("FIRSTCOME_KAFKA_READ_TIMEOUT_MS", "300")
            campaign.retry()
        emitted = emf.named(capsys.readouterr().out)
        assert gauges - emitted.keys() == missing, name
        assert emitted["runs"] == [1]


def test_what_rings_an_alarm_does_not_wait(campaign: Campaign, capsys: pytest.CaptureFixture[str]) -> None:
    """Each 5xx is written with its own request: the environment may be the next to go."""
    api = campaign.start(**NO_REDIS)
    capsys.readouterr()
    for number in range(1, 4):
        assert campaign.post(api, "alice").code == (503, "try_again")
        assert sum(emf.named(capsys.readouterr().out).get("unavailable", [])) == 1, f"request {number}"


def test_a_run_that_was_cut_short_guesses_nothing(campaign: Campaign, capsys: pytest.CaptureFixture[str]) -> None:
    """It does not know of the events that it had no time for whether their gates are lost, or what waits there."""
    capsys.readouterr()
    campaign.world.retry(remaining_ms=0)
    telemetry._line.flush()
    emitted = emf.named(capsys.readouterr().out)
    assert emitted["runs"] == [1]
    assert not {"lost_gates", "oldest_pending_age_ms"} & emitted.keys()


def test_a_run_that_a_fault_of_ours_spoils_is_no_run(campaign: Campaign, capsys: pytest.CaptureFixture[str]) -> None:
    """It fails, so that the dead-letter queue has it; what it counted is written all the same."""
    campaign.world.lose_gate()
    campaign.world.stores.gate.redis.set(campaign.world.stores.gate.keys(campaign.world.event_id).event, "garbled")
    capsys.readouterr()
    campaign.retry()
    emitted = emf.named(capsys.readouterr().out)
    assert [type(error) for error in campaign.raised] == [RuntimeError]
    assert "WRONGTYPE" not in str(campaign.raised[0]), "a dead letter has the type of an error, and no words"
    assert "runs" not in emitted
    assert emitted["lost_gates"] == [1]


def test_the_figures_are_those_of_the_servers(
    campaign: Campaign, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ages in milliseconds, unread records, and how many rows a person must look at."""
    world = campaign.world
    monkeypatch.setenv("FIRSTCOME_FAILED_BACKOFF_BASE_MS", "60000")
    alice = world.apply(PEOPLE["alice"])
    world.send(alice, values=[b"no record", b"nor this"])
    campaign.consume(b"no record")
    capsys.readouterr()
    campaign.retry()
    emitted = emf.named(capsys.readouterr().out)
    age_ms = int(time.time() * 1000) - alice.applied_at_ms
    assert emitted["unread_records"] == [3]
    assert emitted["waiting_rows"] == [1]
    for name in ("oldest_pending_age_ms", "oldest_unread_age_ms"):
        [found] = emitted[name]
        assert 0 < found <= age_ms, name
    monkeypatch.setenv("FIRSTCOME_FAILED_BACKOFF_BASE_MS", "0")
    campaign.invoke("operate", {"action": "redrive", "all_events": True})
    campaign.retry()
    assert emf.named(capsys.readouterr().out)["dead_rows"][-1] == 1


def test_the_correlation_id_leads_from_request_to_row(campaign: Campaign, capsys: pytest.CaptureFixture[str]) -> None:
    """Apply's line has it with event and ticket, consume's by event and ticket, a failed record's beside its place."""
    lines = logged(said(campaign, capsys))
    event_id = campaign.world.event_id
    given = [line for line in lines if line["message"] == "given"]
    assert given[0]["correlation_id"] == CORRELATION_ID
    [batch] = [line for line in lines if line["message"] == "batch"]
    assert batch["tickets"] == {event_id: {str(given[0]["ticket"]): CORRELATION_ID}}
    lost = [line for line in lines if line["message"] == "not issued"]
    assert {line["correlation_id"] for line in lost} == {CORRELATION_ID}
    assert {line["why"] for line in lost} == {"rejected", "out_of_range", "not_json", "no_value"}
    assert {line["source"] for line in lost} == {f"{event_id}/0/{offset}" for offset in (1, 2, 3, 4)}
    redriven = [line for line in lines if line["message"] == "redriven"]
    assert {line["outcome"] for line in redriven} == {"waiting", "dead"}
    assert {line["source"] for line in redriven} == {line["source"] for line in lost}
    assert {line["correlation_id"] for line in redriven} == {CORRELATION_ID}


@pytest.mark.parametrize("mode", ["plain", "hashed"])
def test_the_logs_name_people_only_if_they_are_told_to(
    campaign: Campaign, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    """Hashed: no id in any line of any function, nor in what Lambda logs of an error; plain: there to be found."""
    monkeypatch.setenv("FIRSTCOME_LOG_USER_IDS", mode)
    output = said(campaign, capsys)
    assert {type(error).__name__ for error in campaign.raised} == {"Unavailable", "BadInput", "RuntimeError"}
    named = {name for name, user_id in PEOPLE.items() if user_id in output}
    assert named == (set() if mode == "hashed" else PEOPLE.keys() - {"erin"})  # a refusal fills no log
    if mode == "hashed":
        marks = {line["user_id"] for line in logged(output) if line.get("user_id")}
        assert {redaction.mark(PEOPLE[name]) for name in ("alice", "carol", "mallory")} <= marks


@pytest.mark.parametrize("level", ["INFO", "DEBUG"])
def test_no_secret_is_logged(
    campaign: Campaign, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest, level: str
) -> None:
    """No password, token, cookie or body, and no key of the caller's, whatever goes wrong and at any level."""
    request.addfinalizer(partial(telemetry.logger.setLevel, telemetry.logger.log_level))
    telemetry.logger.setLevel(level)
    output = said(campaign, capsys)
    assert len(logged(output)) > 10
    found = [secret for secret in [*SECRETS, "hunter2", "ASIAIOSFODNN7EXAMPLE", "Bearer"] if secret in output]
    assert not found


def test_an_outage_is_an_error_of_the_same_type() -> None:
    """Concealed or not: what catches it, and what Lambda calls it, does not change."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(redaction, "_key", lambda: b"key")
        error = Unavailable("mysql", "Duplicate entry 'E-alice' for key 'coupon.one'")
        error.__cause__ = ValueError("alice")
        redaction.conceal(error)
    assert (str(error), error.what) == ("mysql: Duplicate entry '…'", "mysql")
    assert not isinstance(error.__cause__, ValueError)
