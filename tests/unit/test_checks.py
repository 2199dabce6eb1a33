"""What is looked at before the local cloud starts: whose files, which variables, which ways are offered."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from dev.__main__ import OF_UP, cloud_of
from dev.checks import SERVERS, left_over, owned, settings_of
from dev.crowd import Answer, apart
from dev.install import programs, ways
from dev.process import ProcessError
from dev.servers import Servers
from dev.template import Function
from dev.variables import variables

if TYPE_CHECKING:
    from pathlib import Path

PORT = 23_456


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a cloud whose Redis has had a port."""
    (tmp_path / "redis").mkdir()
    (tmp_path / "redis" / "port").write_text(str(PORT))
    return tmp_path


def test_what_cloud_env_left_in_the_shell_is_named(folder: Path) -> None:
    """Its addresses outlive the cloud; taken for somebody else's servers, they would have to be there already."""
    environ = {
        "FIRSTCOME_REDIS_URL": f"redis://127.0.0.1:{PORT}/0",
        "FIRSTCOME_KAFKA_BOOTSTRAP": "127.0.0.1:1",
        "FIRSTCOME_API_URL": "http://127.0.0.1:8080",
        "FIRSTCOME_TEST_REDIS_URL": "redis://127.0.0.1:6379/0",
    }
    with pytest.raises(ProcessError) as raised:
        left_over(environ, folder)
    assert str(raised.value).endswith("unset FIRSTCOME_API_URL FIRSTCOME_KAFKA_BOOTSTRAP FIRSTCOME_REDIS_URL")


@pytest.mark.parametrize("url", [f"redis://elsewhere:{PORT}/0", "redis://127.0.0.1:6379/0"])
def test_a_server_of_somebody_elses_may_be_named(folder: Path, url: str) -> None:
    """Its address is no file of ours that was left over."""
    left_over({"FIRSTCOME_REDIS_URL": url}, folder)


def test_files_of_another_user_are_named_with_what_to_do(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error has the command that gives them back; a folder that is not there yet is fine."""
    owned(folder, OF_UP)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(ProcessError, match="sudo chown -R"):
        owned(folder, OF_UP)
    owned(folder / "nothing-yet", OF_UP)


def test_settings_of_the_functions_are_told_from_other_variables() -> None:
    """A FIRSTCOME_ variable that nobody reads is named as a typing error."""
    environ = {
        "FIRSTCOME_LOG_USER_IDS": "hashed",
        "FIRSTCOME_LOG_USERIDS": "hashed",
        "FIRSTCOME_REDIS_URL": "redis://127.0.0.1:6379/0",
        "FIRSTCOME_BIND": "127.0.0.1",
        "FIRSTCOME_API_BIND": "127.0.0.1",
        "FIRSTCOME_TEST_MYSQL_URL": "mysql://x",
        "PATH": "/bin",
    }
    assert settings_of(environ) == ({"FIRSTCOME_LOG_USER_IDS": "hashed"}, ["FIRSTCOME_LOG_USERIDS"])


def test_a_setting_of_ups_environment_reaches_the_functions(folder: Path) -> None:
    """It overrides the template's."""
    cloud = cloud_of(folder, Servers(folder, dict.fromkeys(SERVERS, "a://b")), {"FIRSTCOME_LOG_USER_IDS": "hashed"})
    function = Function("apply", "A", "code", (), "h.h", 1, 1, {"FIRSTCOME_LOG_USER_IDS": "plain"}, (), (), (), ())
    assert variables(function, None, cloud.overrides)["FIRSTCOME_LOG_USER_IDS"] == "hashed"


def test_the_ways_begin_with_apt_get_only_where_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine that has no apt-get is not told to use it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("dev.install.SEARCH_PATH", str(tmp_path))
    with pytest.raises(ProcessError) as raised:
        programs(["redis-server"])
    assert ways() in str(raised.value)
    assert "apt-get install" not in ways()
    (tmp_path / "apt-get").touch(mode=0o755)
    assert "1. install them:          apt-get install" in ways()


def test_a_winners_repeats_are_no_winners_of_their_own() -> None:
    """Each person counts once, by the first and best answer."""

    def told(user_id: str, status: int, word: str) -> Answer:
        return Answer(user_id, status, {"code" if status >= 400 else "status": word, "ticket": 1}, 0.1)

    reserved, accepted = told("greedy", 202, "reserved"), told("greedy", 202, "accepted")
    settled, alice, late = told("greedy", 200, "accepted"), told("alice", 202, "reserved"), told("bob", 409, "sold_out")
    winners, repeats, others = apart([settled, reserved, alice, accepted, late, reserved])
    assert winners == [accepted, alice]
    assert repeats == [settled, reserved, reserved]
    assert others == [late]
