"""How `make test` shares the tests among workers of pytest-xdist: who runs what, and how many there are."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from xdist.scheduler import LoadScopeScheduling

if TYPE_CHECKING:
    from collections.abc import Iterable

# Each has a Kafka, a MariaDB and a Redis of its own: a third finds no core that is idle, and wants a gigabyte more.
WORKERS = 2
SHARED = "FIRSTCOME_TEST_"  # names of servers that we do not start: the tests of one worker at a time can have them
# Their tests share what takes seconds to start: they stay in one worker. Of the others, each file does.
TOGETHER = ("tests/cli/", "tests/documents/", "tests/e2e/", "tests/integration/tls/")
APART = ("tests/e2e/test_local_cloud.py", "tests/e2e/test_poller.py", "tests/e2e/test_setup.py")  # share nothing


class Scheduling(LoadScopeScheduling):  # type: ignore[misc]
    """A file's tests run in one worker, one after the other, and so do those of a folder in `TOGETHER`."""

    def add_node_collection(self, node: Any, collection: list[str]) -> None:
        """Refuse ids that tests share here too: what a worker raises while it collects, nobody gets to read."""
        tell_apart(collection)
        super().add_node_collection(node, collection)

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return next((folder for folder in TOGETHER if file.startswith(folder) and file not in APART), file)


def number() -> int:
    """Return how many workers `-n auto` means; 0: no other process than pytest's own."""
    shared = any(name.startswith(SHARED) and name.endswith(("_URL", "_BOOTSTRAP")) for name in os.environ)
    cores = len(os.sched_getaffinity(0))
    return 0 if shared or cores < WORKERS else WORKERS


def scheduler(config: pytest.Config, log: Any) -> Scheduling:
    """Return who hands out the tests, in their usual order: the unit tests, whose files are short, come last."""
    config.option.loadscopereorder = False  # by number of tests: a worker would be left with a file of few long ones
    return Scheduling(config, log)


def tell_apart(nodeids: Iterable[str]) -> None:
    """Raise `UsageError` where tests share an id: of these the scheduler runs one, and says nothing of the others."""
    shared = [f"{nodeid} ({times} times)" for nodeid, times in Counter(nodeids).items() if times > 1]
    if shared:
        raise pytest.UsageError(f"each test needs an id of its own: {', '.join(shared)}")
