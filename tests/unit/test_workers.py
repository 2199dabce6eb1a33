"""Every test that is collected runs, whoever hands them out."""

from __future__ import annotations

import pytest

from tests import workers


def test_tests_that_share_an_id_are_refused() -> None:
    """By name: pytest-xdist would run one of them, and nobody would hear of the others."""
    with pytest.raises(pytest.UsageError, match=r"a\.py::shared \(3 times\)$"):
        workers.tell_apart(["a.py::shared", "a.py::alone", "a.py::shared", "a.py::shared"])


def test_tests_with_ids_of_their_own_are_taken() -> None:
    """The same name may stand in two files."""
    workers.tell_apart(["a.py::test", "b.py::test", "a.py::test[1]", "a.py::test[2]"])
