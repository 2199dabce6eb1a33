"""The local cloud starts where it can, and says why it cannot: a port, an address, a program that fails."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from dev.cloud import Cloud
from dev.process import ProcessError
from dev.recipes import EVERY_ADDRESS
from tests.e2e.tiny import ask, fake_haproxy, write_template

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("why", ["echo no such luck; exit 1", "echo no such luck; kill -9 $$"])
def test_a_front_that_cannot_start_is_said_with_its_own_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    """Nobody waits for an answer that cannot come."""
    fake_haproxy(tmp_path, why, monkeypatch)
    with pytest.raises(ProcessError, match=r"(?s)front does not start.*no such luck"):
        Cloud(tmp_path, servers=None, template=write_template(tmp_path)).start()


def test_a_function_whose_process_cannot_start_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the front says nothing either: here it is one that never answers."""
    fake_haproxy(tmp_path, "exec sleep 600", monkeypatch)
    monkeypatch.setattr("dev.cloud.sys.executable", "/nowhere/python")
    with pytest.raises(ProcessError, match=r"(?s)tiny.* does not start.*/nowhere/python"):
        Cloud(tmp_path, servers=None, template=write_template(tmp_path)).start()


def test_the_cloud_runs_in_a_folder_of_any_name(tmp_path: Path, child_environment: dict[str, str]) -> None:
    """A blank, a quote, what haproxy and shells expand, and a letter that is not ASCII's."""
    folder = tmp_path / "a b $HOME \"'{\\ é"
    folder.mkdir()
    with Cloud(folder, servers=None, template=write_template(folder), environment=child_environment) as cloud:
        assert ask(cloud, "/x")[0] == 200
        assert ask(cloud, "/openapi.json")[1]["openapi"].startswith("3.")


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    """The API then listens at another port, and one line at the start says so."""
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        port = somebody.getsockname()[1]
        cloud = Cloud(tmp_path, servers=None, template=write_template(tmp_path), api_port=port)
        said: list[str] = []
        cloud.start(said.append)
        cloud.stop()
    assert [line for line in said if line.endswith(f"because port {port} is taken")] == [
        f"API: {cloud.api_url}, because port {port} is taken"
    ]


def test_the_api_listens_where_it_is_told(tmp_path: Path, child_environment: dict[str, str]) -> None:
    """Another address of loopback stands for a container's; the door of the operators stays on 127.0.0.1."""
    template = write_template(tmp_path)
    with Cloud(tmp_path, servers=None, template=template, environment=child_environment, api_host="127.0.0.2") as cloud:
        assert cloud.api_url.startswith("http://127.0.0.2:")
        assert cloud.lambda_url.startswith("http://127.0.0.1:")
        assert ask(cloud, "/x")[0] == 200


def test_the_api_on_every_address_is_named_by_loopback(tmp_path: Path, child_environment: dict[str, str]) -> None:
    """What listens on every address is asked at 127.0.0.1 here."""
    template = write_template(tmp_path)
    with Cloud(
        tmp_path, servers=None, template=template, environment=child_environment, api_host=EVERY_ADDRESS
    ) as cloud:
        assert cloud.api_url.startswith("http://127.0.0.1:")
        assert ask(cloud, "/x")[0] == 200


def test_an_address_of_another_machine_is_said(tmp_path: Path) -> None:
    """192.0.2.1 belongs to nobody (RFC 5737)."""
    cloud = Cloud(tmp_path, servers=None, template=write_template(tmp_path), api_host="192.0.2.1")
    with pytest.raises(ProcessError, match=r"192\.0\.2\.1: is it an address of this machine"):
        cloud.start()
