"""What coverage leaves out is there, and what runs functions alone is none of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests import measured

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", measured.NOT_COUNTED)
def test_what_is_not_counted_exists(name: str) -> None:
    """A folder ends in a slash: another name that begins so is another folder."""
    assert (ROOT / name).is_dir() == name.endswith("/")
    assert (ROOT / name).exists()


def test_a_process_is_told_of_coverage_by_a_fixture_alone(child_environment: dict[str, str]) -> None:
    """Whatever a test starts has no tracer, unless it is handed what the fixture took."""
    assert not [name for name in os.environ if name.startswith("COVERAGE_")]
    assert measured.take() == child_environment
