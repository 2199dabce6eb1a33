"""`sam local invoke` answers each sample event as the local cloud does, in a container, over the same servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.samples import CASES, check, spring_sale

if TYPE_CHECKING:
    import httpx

    from dev.cloud import Cloud
    from tests.sam.containers.local import Invocations

# The template cannot say that this is a local cloud, so nothing is wiped.
ELSEWHERE = {"operate-wipe": {"errorType": "BadInput"}}


@pytest.mark.parametrize("name", CASES)
def test_the_sample_is_answered_as_its_name_says(
    name: str, cloud: Cloud, http: httpx.Client, invocations: Invocations
) -> None:
    """With the rows in MySQL that the answer promised."""
    check(name, spring_sale(cloud, http), invocations.invoke, ELSEWHERE.get(name))
