"""EventBridge Scheduler: invokes the functions that the template schedules, at their rates.

    python -m dev.clock FUNCTIONS_JSON LAMBDA_URL

An invocation that fails is tried again as often as the template's retry policy says, until the next one is due. They
never overlap: the next one begins when the former has ended.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dev.invoke import InvocationError, Lambda

if TYPE_CHECKING:
    from collections.abc import Callable

_FIRST_PAUSE_S = 1.0


def run(name: str, schedule: dict[str, Any], lambda_url: str) -> None:
    """Invoke `name` at its rate for ever; the first time one interval from now, as after a deployment."""
    client = Lambda(lambda_url)
    due = time.monotonic()
    while True:
        due = max(due + schedule["every_s"], time.monotonic())  # what a long run missed is not made up for
        time.sleep(max(0.0, due - time.monotonic()))
        tick(client, name, schedule, due + schedule["every_s"], time.sleep)


def tick(client: Lambda, name: str, schedule: dict[str, Any], next_due: float, wait: Callable[[float], object]) -> bool:
    """Send one event, again after a growing pause where it failed; return whether one of them succeeded."""
    pause_s = _FIRST_PAUSE_S
    for attempt in range(1 + schedule["attempts"]):
        if attempt:
            if time.monotonic() + pause_s >= next_due:
                break
            wait(pause_s)
            pause_s *= 2
        try:
            print(name, json.dumps(client.invoke(name, schedule["input"].encode())))
        except InvocationError as error:
            print(error)
        else:
            return True
    return False


def main() -> None:
    """Run every schedule until killed."""
    functions, lambda_url = sys.argv[1:]
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # a killed process keeps its log
    for function in json.loads(Path(functions).read_text()):
        for schedule in function["schedules"]:
            threading.Thread(target=run, args=(function["name"], schedule, lambda_url)).start()


if __name__ == "__main__":
    main()
