"""`python -m dev token`: a token of the running cloud for scripts and tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dev import identity, token
from dev.authorizer import Authorizer, Refused
from dev.identity import AUDIENCE, Identity

if TYPE_CHECKING:
    from pathlib import Path

ISSUER = "http://127.0.0.1:8084"


@pytest.fixture
def authorizer(tmp_path: Path) -> Authorizer:
    """Of the cloud whose `run` folder `tmp_path` is."""
    identity.make(tmp_path, ISSUER)
    return Authorizer(ISSUER, [AUDIENCE], Identity(tmp_path).keys)


def test_a_token_names_its_owner_and_groups(
    tmp_path: Path, authorizer: Authorizer, capsys: pytest.CaptureFixture[str]
) -> None:
    """It verifies at the issuer of the cloud that runs."""
    token.main(tmp_path, ["olga", "--group", "viewer", "--group", "operator"])
    said = authorizer.claims(capsys.readouterr().out.strip())
    assert (said["sub"], said["groups"]) == ("olga", ["viewer", "operator"])


def test_a_token_may_have_expired(tmp_path: Path, authorizer: Authorizer, capsys: pytest.CaptureFixture[str]) -> None:
    """For trying what a page does then."""
    token.main(tmp_path, ["alice", "--expires-in", "-60"])
    with pytest.raises(Refused, match="expired"):
        authorizer.claims(capsys.readouterr().out.strip())


def test_a_token_needs_a_cloud(tmp_path: Path) -> None:
    """The error says how to start one."""
    with pytest.raises(SystemExit, match="make up"):
        token.main(tmp_path, ["alice"])
