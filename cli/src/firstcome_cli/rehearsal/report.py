"""The report: one HTML file without scripts, which asks for nothing from anywhere."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from firstcome_cli.rehearsal import plots
from firstcome_cli.rehearsal.crowd import Told
from firstcome_cli.rehearsal.figures import per_second
from firstcome_cli.show import text

STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
td { padding: .2rem .6rem .2rem 0; vertical-align: top; }
svg { width: 100%; height: auto; font: 12px system-ui, sans-serif; fill: currentColor; }
.ok { color: #2f6f4f; } .not { color: #b23a48; }
"""
LATENCY = (
    "From the moment at which each person came, or from their turn, to the answer that decides. Where this machine "
    "sent late, it is the limit: send from more machines."
)
HOLDS = {True: "holds", False: "broken", None: "not known"}


def html(result: Mapping[str, Any], told: Sequence[Told], audit: Mapping[str, Any], place: str) -> str:
    """Return the report of one rehearsal."""
    verdict = "The promise held." if result["ok"] else "The promise was not seen to hold:"
    asked = {name: result[name] for name in ("event_id", "people", "rate", "capacity", "spread_ms", "codes")}
    latency = {f"latency {name}": f"{ms:,} ms" for name, ms in result["latency_ms"].items()}
    lag = {f"sender late {name}": f"{ms:,} ms" for name, ms in result["sender_lag_ms"].items()}
    met = {name: result[name] for name in ("winners", "most_per_second", "seconds")}
    laws = [(law, HOLDS[said["ok"]], said["law"]) for law, said in audit["invariants"].items()]
    findings = [(one["invariant"], one["what"], one["command"]) for one in audit["findings"]]
    parts = [
        f'<h1>Rehearsal</h1><p>{escape(place)}</p><p class="{"ok" if result["ok"] else "not"}">{verdict}</p>',
        "".join(f"<p class=not>{escape(said)}</p>" for said in result["problems"]),
        "<h2>What was asked for</h2>" + _table(asked.items()),
        "<h2>What people were told</h2>" + _table(result["answers"].items()),
        plots.answers(per_second(told)),
        f"<h2>How long it took</h2><p>{LATENCY}</p>",
        _table({**met, **latency, **lag}.items()),
        plots.latency([one.latency_s for one in told]),
        "<h2>The audit</h2>" + _table(laws) + (_table(findings) if findings else "<p>No finding.</p>"),
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Rehearsal</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head>'
        f"<body>{''.join(parts)}</body></html>\n"
    )


def _table(rows: Iterable[Sequence[object]]) -> str:
    lines = ("<tr>" + "".join(f"<td>{escape(text(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table>{''.join(lines)}</table>"
