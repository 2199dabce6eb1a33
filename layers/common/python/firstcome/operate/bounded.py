"""How large an answer of the operator may be: Lambda answers 6 MB at most, and an error in place of more."""

import json
from collections.abc import Collection, Mapping
from itertools import islice
from typing import Any

# Lambda's limit is 6,291,556 bytes. The rest is for what surrounds the answer, and for a runtime that writes it longer.
ANSWER_MAX_BYTES = 5_000_000
# Events that one answer lists: some 200 bytes each, and more than anybody reads.
EVENTS_SHOWN = 1_000
# Characters of what a server said: enough to know it, whatever it quotes.
SAID_MAX_LENGTH = 500


def size(value: object) -> int:
    """Return how many bytes the value has as JSON in its longest form, in which only ASCII stands for itself."""
    return len(json.dumps(value))


def bounded(answer: dict[str, Any]) -> dict[str, Any]:
    """Return the answer if it is below the limit; otherwise without its largest parts, which `left_out` names.

    What the action has done is done: an error would say the contrary. Each action bounds what it lists by itself; this
    is for what nobody has thought of.
    """
    left_out: list[str] = []
    while size(answer) > ANSWER_MAX_BYTES:
        largest = max(answer.keys() - {"action", "left_out"}, key=lambda name: size(answer[name]))
        left_out.append(largest)
        answer = {name: part for name, part in answer.items() if name != largest} | {"left_out": left_out}
    return answer


def masked(value: Any, names: Collection[str]) -> Any:
    """Return the answer with None in the place of every field of these names, however deep it is."""
    if isinstance(value, dict):
        return {name: None if name in names else masked(part, names) for name, part in value.items()}
    return [masked(part, names) for part in value] if isinstance(value, list) else value


def counted(erased: Mapping[str, int], kept: list[dict[str, str]]) -> dict[str, Any]:
    """Return both as an answer shows them: of more than `EVENTS_SHOWN`, how many it does not show."""
    answer: dict[str, Any] = {"erased": dict(islice(erased.items(), EVENTS_SHOWN)), "kept": kept[:EVENTS_SHOWN]}
    sizes = {"erased": len(erased), "kept": len(kept)}
    if more := {name: found - EVENTS_SHOWN for name, found in sizes.items() if found > EVENTS_SHOWN}:
        answer["not_shown"] = more
    return answer
