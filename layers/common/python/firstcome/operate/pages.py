"""A page of a list: as many rows as were asked for, and as fit, and where the next page begins."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from firstcome.operate.bounded import ANSWER_MAX_BYTES, size

# Of the answer, for what stands around the rows.
ROWS_MAX_BYTES = ANSWER_MAX_BYTES - 10_000

_Row = TypeVar("_Row")


def page(
    found: Sequence[_Row], limit: int, show: Callable[[_Row], Any], cursor: Callable[[_Row], int | str]
) -> dict[str, Any]:
    """Return the first rows of `found`, which has one more than `limit` where there are more.

    `next` is the cursor of the last row that is shown, or None where nothing is left.
    """
    rows: list[Any] = []
    room = ROWS_MAX_BYTES
    for row in found[:limit]:
        shown = show(row)
        room -= size(shown) + len(", ")
        if room < 0:
            break
        rows.append(shown)
    return {"rows": rows, "next": cursor(found[len(rows) - 1]) if rows and len(rows) < len(found) else None}
