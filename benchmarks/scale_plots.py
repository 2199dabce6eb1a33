"""The plots of the benchmark `scale`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.measure import Row


def draw(folder: Path, rows: list[Row]) -> None:
    """Draw the campaign as it was and as it is simulated, and the openings that are so many times as large."""
    from benchmarks.plots import figure  # noqa: PLC0415  matplotlib: half a second

    for row in rows:
        if row.name == "scale-campaign":
            with figure(folder / "scale-campaign.svg", row.what) as axes:
                for name, style in (("measured", "-"), ("simulated", "--")):
                    axes.plot(
                        *zip(*row.data["answered"][name], strict=True), style, color="C0", label=f"answers, {name}"
                    )
                others = axes.twinx()
                for name, style in (("measured", "-"), ("simulated", "--")):
                    others.plot(*zip(*row.data["lag"][name], strict=True), style, color="C3", label=f"unread, {name}")
                axes.set_xlabel("s since the opening")
                axes.set_ylabel("people with an answer")
                others.set_ylabel("records that consume has not read")
                lines = [*axes.get_lines(), *others.get_lines()]
                axes.legend(lines, [str(line.get_label()) for line in lines], loc="center right")
        elif "lines" in row.data:
            with figure(folder / f"{row.name}.svg", row.what) as axes:
                for number, (scenario, lines) in enumerate(row.data["lines"].items()):
                    for (what, line), style in zip(lines.items(), ("-", "--", ":"), strict=True):
                        axes.plot(*zip(*line, strict=True), style, color=f"C{number}", label=f"{scenario}: {what}")
                axes.set_xscale("log")
                axes.set_yscale("log")
                axes.set_xlabel("s since the opening")
                axes.set_ylabel("people, coupons, rows")
                axes.legend(fontsize=7)
