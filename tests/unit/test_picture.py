"""The README's picture shows what the demonstration prints."""

from __future__ import annotations

import pytest

from dev.demo import contrast
from dev.picture import PICTURE, draw

PRINTED = """applicants 2000/2000
      The proof, read from MySQL and the audit
│ coupon rows │ 100 │ holds │
│ I1 <N       │   1 │ BROKEN │
"""


def test_each_promise_is_drawn_with_its_figure() -> None:
    """The picture has every cell of the proof, and nothing of what was printed before it."""
    picture = draw(PRINTED)
    assert "applicants" not in picture
    for cell in (">coupon rows</text>", ">100</text>", ">holds</text>", ">I1 &lt;N</text>", ">BROKEN</text>"):
        assert cell in picture


def test_only_a_run_with_a_proof_is_drawn() -> None:
    """A demonstration that ended before its proof gives one clear line."""
    with pytest.raises(SystemExit, match="make demo"):
        draw("Address in use")


def test_the_picture_shows_a_promise_that_holds() -> None:
    """It is that of a run in which all seven held."""
    picture = PICTURE.read_text()
    assert all(f">I{n} " in picture for n in range(1, 8))
    assert "BROKEN" not in picture


@pytest.mark.parametrize(
    ("rows", "people", "told"),
    [
        (114, 58, "114 rows for 100 coupons, [red]14 too many[/]. Of all 114, [red]56[/] went to"),
        (90, 80, "90 rows for 100 coupons, [red]0 too many[/]. Of all 90, [red]10[/] went to"),
    ],
)
def test_second_coupons_are_counted_among_all_rows(rows: int, people: int, told: str) -> None:
    """They are no part of those beyond the cap: a person may have two of the first hundred."""
    assert told in contrast(rows, people)
