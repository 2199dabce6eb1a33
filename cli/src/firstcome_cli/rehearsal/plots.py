"""The report's two plots as SVG, which needs no script."""

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape

from firstcome_cli.rehearsal.figures import quantile

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 720, 240, 64, 36, 20
BARS = 120  # of one plot: of a longer rehearsal, several seconds share one
COLOURS = ("#2f6f4f", "#c08a2b", "#7a7f87", "#b23a48", "#4a6fa5", "#8d5a97")
STEPS = 100  # of the line of quantiles


def answers(by_second: Mapping[int, Counter[str]]) -> str:
    """Return the answers of each second as stacked bars, one colour an outcome."""
    last = max(by_second, default=0) + 1
    width = -(-last // BARS)
    bars: list[Counter[str]] = [Counter() for _ in range(-(-last // width))]
    for second, counts in by_second.items():
        bars[second // width].update(counts)
    most = max((sum(bar.values()) for bar in bars), default=1) / width
    names = list(dict.fromkeys(name for bar in bars for name in bar))
    each = (WIDTH - LEFT) / max(len(bars), 1)
    shapes = []
    for number, bar in enumerate(bars):
        top = float(HEIGHT - BOTTOM)
        for name in names:
            height = bar[name] / width / most * (HEIGHT - BOTTOM - TOP)
            top -= height
            fill = COLOURS[names.index(name) % len(COLOURS)]
            if height:
                shapes.append(_bar(LEFT + number * each, top, max(each - 1, 1), height, fill))
    legend = [
        f'<rect x="{LEFT + 8 + 110 * at}" y="2" width="9" height="9" fill="{COLOURS[at % len(COLOURS)]}"/>'
        f'<text x="{LEFT + 21 + 110 * at}" y="11">{escape(name)}</text>'
        for at, name in enumerate(names)
    ]
    return _svg("Answers per second", [*shapes, *legend], f"{most:,.0f}", "0 s", f"{last:,} s")


def latency(seconds: Sequence[float]) -> str:
    """Return the latency that each share of the people did not exceed, as a line."""
    ordered = sorted(seconds)
    most = max(ordered, default=0.0) or 1.0
    points = [
        f"{LEFT + (WIDTH - LEFT) * step / STEPS:.1f},"
        f"{HEIGHT - BOTTOM - quantile(ordered, step / STEPS) / most * (HEIGHT - BOTTOM - TOP):.1f}"
        for step in range(STEPS + 1)
    ]
    line = f'<polyline points="{" ".join(points)}" fill="none" stroke="{COLOURS[0]}" stroke-width="2"/>'
    return _svg("Latency by share of the people", [line], f"{1000 * most:,.0f} ms", "0 %", "100 %")


def _bar(x: float, y: float, width: float, height: float, fill: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{fill}"/>'


def _svg(title: str, shapes: Sequence[str], top: str, first: str, last: str) -> str:
    axis = f'<path d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{WIDTH}" fill="none" stroke="currentColor"/>'
    labels = (
        f'<text x="{LEFT - 6}" y="{TOP + 10}" text-anchor="end">{escape(top)}</text>'
        f'<text x="{LEFT - 6}" y="{HEIGHT - BOTTOM}" text-anchor="end">0</text>'
        f'<text x="{LEFT}" y="{HEIGHT - 14}">{escape(first)}</text>'
        f'<text x="{WIDTH}" y="{HEIGHT - 14}" text-anchor="end">{escape(last)}</text>'
    )
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">'
        f"{''.join(shapes)}{axis}{labels}</svg>"
    )
