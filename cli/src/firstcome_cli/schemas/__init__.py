"""The JSON schemas of what --json prints: one a kind of answer. A new release adds fields and takes none away."""

import json
from collections.abc import Sequence
from importlib.resources import files
from itertools import pairwise
from typing import Any

EVENT, DONE = "event", "done"
ERROR = "error"  # what every command prints in place of its answer where it is no success

# The commands, and the schema of the document that each prints; of `watch`, of each line.
OF = {
    "event list": "event-list",
    "event show": "event-show",
    **{
        f"event {word}": EVENT
        for word in ("create", "open", "pause", "close", "end", "reschedule", "raise", "edit", "delete")
    },
    "apply": "application",
    "apply --wait": "standing",
    "status": "standing",
    "lookup": "lookup",
    "winners": "winners",
    "history": "history",
    "failed list": "failed-list",
    "failed redrive": "redrive",
    "failed refuse": DONE,
    "revoke": DONE,
    "codes upload": "codes-upload",
    "redeem": "redemption",
    "redeem --take-back": "taken-back",
    "audit": "audit",
    "verify-turn": "turn",
    "watch": "watch",
    "rehearse": "rehearsal",
    "crowd": "crowd",
}


def load(name: str) -> dict[str, Any]:
    """Return one schema; raise `FileNotFoundError` where there is none of that name."""
    schema: dict[str, Any] = json.loads(files(__name__).joinpath(f"{name}.json").read_text(encoding="utf-8"))
    return schema


def of(words: Sequence[str]) -> str:
    """Return the name of the schema of a command line; raise `KeyError` where no command begins so."""
    pairs = [*(" ".join(pair) for pair in pairwise(words)), *words]
    command = next((name for name in pairs if name in OF), "")
    flagged = [f"{command} {word}" for word in words if f"{command} {word}" in OF and word.startswith("--")]
    return OF[flagged[0] if flagged else command]
