"""What all plots of the report share."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import matplotlib as mpl

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from matplotlib.axes import Axes

STYLE = {"svg.hashsalt": "firstcome", "svg.fonttype": "none", "font.size": 9}  # the same data, the same bytes


@contextmanager
def figure(path: Path, title: str) -> Iterator[Axes]:
    """Lend the axes of a plot, which is then written to `path`."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415  after the backend was chosen

    with mpl.rc_context(STYLE):  # type: ignore[arg-type]
        drawn, axes = plt.subplots(figsize=(8, 4), layout="constrained")
        try:
            axes.set_title(title)
            axes.grid(visible=True, alpha=0.3)
            yield axes
            drawn.savefig(path, metadata={"Date": None})
        finally:
            plt.close(drawn)
