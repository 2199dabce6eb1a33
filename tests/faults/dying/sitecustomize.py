"""Let an execution environment die, or freeze, at an exact point of code that knows nothing of it.

Python imports this by itself where its folder is on PYTHONPATH. A trigger is a file FIRSTCOME_FAULTS/<function>.<when>.
<call> that holds a signal's number; the first environment that comes by takes it away and sends itself that signal.
"""

from __future__ import annotations

import functools
import importlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

CALLS = {
    "firstcome.gate.gate": {
        "Gate": ["apply", "settle", "mark_failed", "reassign", "release", "overdue", "lost", "restore", "reconcile"],
    },
    "firstcome.ledger.ledger": {
        "Ledger": [
            *["write", "refuse", "open_failed", "coupons", "next_restore_epoch"],
            *["claim_failed", "resolve_failed", "move_failed", "put_off"],
            *["revoke", "upload_codes", "redeem_code", "take_back"],
        ],
    },
    "firstcome.stream.producer": {"Stream": ["send"]},
    "pymysql.connections": {"Connection": ["query", "commit"]},
}


def watch(owner: type, call: str, trigger: str) -> None:
    """Have `owner.call` look for its two triggers, before it begins and after it has answered."""
    called: Callable[..., Any] = getattr(owner, call)

    @functools.wraps(called)
    def watched(*args: Any, **kwargs: Any) -> Any:
        obey(trigger.format(when="before"))
        answer = called(*args, **kwargs)
        obey(trigger.format(when="after"))
        return answer

    setattr(owner, call, watched)


def obey(trigger: str) -> None:
    """Take the trigger, if it is there and nobody else is faster, and do as it says."""
    taken = f"{trigger}.{os.getpid()}"
    try:
        os.rename(trigger, taken)  # noqa: PTH104  called before every round trip: no object for nothing
    except FileNotFoundError:
        return
    number = int(Path(taken).read_text())
    Path(taken).rename(f"{trigger}.obeyed")
    os.kill(os.getpid(), number)


if folder := os.environ.get("FIRSTCOME_FAULTS"):
    function = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
    for module, owners in CALLS.items():
        for owner, calls in owners.items():
            for call in calls:
                found = getattr(importlib.import_module(module), owner)
                watch(found, call, f"{folder}/{function}.{{when}}.{owner}.{call}")
