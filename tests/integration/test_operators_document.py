"""The operator's API keeps the promise of its own document: requests made from it, the right ones and the wrong."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import ignored_auth, negative_data_rejection, positive_data_acceptance

from dev.openapi_operators import FILE
from tests.operators import Door, served, token

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from tests.world import World

# Of each operation, besides those that cover each constraint of the schema once: few, as the whole suite has minutes.
# `make fuzz` sends more.
EXAMPLES = int(os.environ.get("FIRSTCOME_DOCUMENT_EXAMPLES", "5"))

schema = schemathesis.openapi.from_path(FILE)


@pytest.fixture
def url(
    world: World,
    load_handler: Callable[..., ModuleType],
    monkeypatch: pytest.MonkeyPatch,
    group: str,
) -> Iterator[str]:
    """Serve an execution environment over the world's servers, to somebody of the group."""
    for name in ("redis_url", "kafka_bootstrap", "kafka_topic", "kafka_group", "mysql_url"):
        monkeypatch.setenv(f"FIRSTCOME_{name.upper()}", str(getattr(world.stores.settings, name)))
    monkeypatch.setenv("FIRSTCOME_RESTORE_WAIT_MS", "0")
    with served(Door(load_handler("operate", "web"), token("ada", group))) as url:
        yield url


# What others than an admin get is in the unit tests. Without a parameter of pytest's, schemathesis's tests share an id.
@pytest.mark.parametrize("group", ["admin"])
@schema.parametrize()
@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_asked_the_answer_is_documented(case: schemathesis.Case[Any], url: str, world: World) -> None:
    """Never a 5xx, never a status, a header or a body that the document does not know, never a wrong request obeyed."""
    assert case.meta is not None
    # Which token is a good one is API Gateway's business. Whether a window ends after it begins, or whether there is
    # such a row, no schema says.
    excluded = [ignored_auth, positive_data_acceptance]
    if "event_id" in case.path_parameters and case.meta.generation.mode is schemathesis.GenerationMode.POSITIVE:
        # What is replaced is judged anew, by a validator that does not know each pattern: it takes right ids for wrong.
        case.path_parameters["event_id"] = world.event_id
        excluded.append(negative_data_rejection)
    if "Authorization" not in str(case.meta.phase.data):  # unless the lack of one, or a wrong one, is what is tried
        case.headers["Authorization"] = "Bearer of-ada"
    case.call_and_validate(base_url=url, excluded_checks=excluded)
