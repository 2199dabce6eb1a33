"""The console after `make down` and `make up`: the commands themselves, with a folder and servers of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from playwright.sync_api import expect

from dev.__main__ import UP_WITHIN_S
from tests.patience import PATIENCE_S
from tests.web.console import sit_down

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.web.conftest import Visit

ROOT = Path(__file__).parents[2]
EVENT = "spring-sale"
WINNERS = 12
SIZE = {"width": 1280, "height": 900}
# What is drawn, once it stands: a chart is drawn in an animation frame.
PIXELS = """canvas => new Promise(resolve =>
  requestAnimationFrame(() => requestAnimationFrame(() => resolve(canvas.toDataURL()))))"""


class Clone:
    """A copy of the commands with a data folder of its own."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._folder = folder
        self._environ = {name: value for name, value in os.environ.items() if not name.startswith("FIRSTCOME_")}
        self._environ |= environment
        shutil.copytree(ROOT / "dev", folder / "dev", ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("functions", "layers", "web", "template.yaml"):
            (folder / name).symlink_to(ROOT / name)

    def run(self, *words: str) -> str:
        """Run a command of `python -m dev` to its end; return what it said."""
        done = subprocess.run(
            [sys.executable, "-m", "dev", *words],
            cwd=self._folder,
            env=self._environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=UP_WITHIN_S,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def addresses(self) -> dict[str, str]:
        """Return what `cloud.env` says."""
        lines = (self._folder / ".local" / "cloud.env").read_text().splitlines()
        return {name: value for name, _, value in (line.partition("=") for line in lines)}


@pytest.fixture
def clone(tmp_path: Path, child_environment: dict[str, str]) -> Iterator[Clone]:
    clone = Clone(tmp_path, child_environment)
    clone.run("up")
    yield clone
    clone.run("down")


def test_the_chart_is_the_same_after_down_and_up(clone: Clone, visit: Visit) -> None:
    """It is drawn from the ledger, which keeps its data."""
    window = ["opens_at=2026-01-01T00:00:00Z", "closes_at=2036-01-01T00:00:00Z"]
    clone.run("operate", "create", f"event_id={EVENT}", "name=Spring", "capacity=30", *window)
    clone.run("operate", "open", f"event_id={EVENT}")
    before = clone.addresses()
    with httpx.Client(base_url=before["FIRSTCOME_API_URL"], timeout=PATIENCE_S) as people:
        for number in range(WINNERS):
            asked = people.post(f"/events/{EVENT}/applications", json={"user_id": f"person-{number}"})
            assert asked.status_code == httpx.codes.ACCEPTED
    seen = chart(visit, before)
    assert clone.run("down").startswith("stopped: cloud, ")
    clone.run("up")
    after = clone.addresses()
    assert after["MARIADB_PID"] != before["MARIADB_PID"]
    assert chart(visit, after) == seen


def chart(visit: Visit, addresses: dict[str, str]) -> tuple[str, str]:
    """Return the chart's table and its pixels, once all coupons are in it."""
    at = sit_down(visit, addresses, EVENT, "ada", "admin", viewport=SIZE)
    at.show()
    expect(at.page.locator(".issued")).to_contain_text(f"{WINNERS} coupons")
    seen = at.page.locator("#issued-table").inner_text(), at.page.locator(".chart canvas").evaluate(PIXELS)
    at.page.context.close()  # it would complain of what `down` ends
    return seen
