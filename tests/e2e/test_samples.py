"""Each sample event is answered by the function that it is for, as its name says."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.e2e.samples import CASES, FOLDER, check, invoke, spring_sale

if TYPE_CHECKING:
    import httpx

    from dev.cloud import Cloud


def test_there_is_a_case_for_each_sample() -> None:
    """Each file of events/ is played, and nothing else."""
    assert CASES.keys() == {path.stem for path in FOLDER.glob("*.json")}


@pytest.mark.parametrize("name", CASES)
def test_the_sample_is_answered_as_its_name_says(name: str, cloud: Cloud, http: httpx.Client, guarded: Cloud) -> None:
    """As on AWS, nobody but an authorizer vouches for a caller; the rows are those that the answer promised."""
    check(name, spring_sale(cloud, http), partial(invoke, guarded))
