"""The apply handler in one execution environment, called in process with real events, beside the bare round trips."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from benchmarks.environment import WARM_UP
from benchmarks.measure import Bar, Row
from dev.cloud import ROOT
from firstcome.operate.actions import act
from firstcome.stores import Stores

if TYPE_CHECKING:
    from benchmarks.bench import Bench

# Of the losers whose answer comes from memory: a filter of winners takes a few of them for one.
ASKED_MAX = 0.05
WINNERS = 100
TOPIC = "apply"


def run(bench: Bench) -> list[Row]:
    """Measure accepting, and refusing what is sold out, from memory and by asking Redis."""
    rounds, calls = bench.pick(9, 1), bench.pick(400, 50)
    # A topic of its own: nobody reads these records, and a drain would meet them.
    with closing(Stores.of(replace(bench.settings, kafka_topic=TOPIC))) as stores:
        act(stores, {"action": "migrate"})
        open_event = bench.open_event(stores, 10**6, "accept")
        sold_out = bench.open_event(stores, WINNERS, "sold-out")
        for number in range(WINNERS):
            stores.gate.apply(sold_out, f"winner-{number}", "call")
        bench.say(f"{rounds} rounds of {calls} calls")
        values, asked = _environment(bench, open_event, sold_out, rounds, calls)
        view = stores.gate.show(open_event)
        expected = 2 * (rounds * calls + WARM_UP)  # those of the handler, and those of the bare round trips
        bench.forget(stores, open_event, sold_out)
        wrong = [] if view and view.coupon_count == expected else [f"{view} for {expected} people"]
        if asked > ASKED_MAX:
            wrong.append(f"{asked:.1%} of the losers were asked about in Redis")
    us = "µs a call"
    return [
        Row(
            "apply-accepted",
            "apply handler, accepted, one environment",
            us,
            {"handler": values["accepted"], "EVALSHA + produce": values["EVALSHA + produce"]},
            [Bar("handler", "EVALSHA + produce", 1.5, at_most=True)],
            wrong,
        ),
        Row(
            "apply-memory",
            "apply handler, sold out, from memory",
            us,
            {"handler": values["from memory"], "empty Powertools handler": values["empty Powertools handler"]},
            [Bar("handler", "empty Powertools handler", 1.5, at_most=True)],
            notes=[f"{asked:.1%} of these losers look like a winner and are asked about in Redis; 1.4 % are expected"],
        ),
        Row(
            "apply-sold-out",
            "apply handler, sold out, via Redis",
            us,
            {"handler": values["via Redis"], "EVALSHA": values["EVALSHA"]},
            [Bar("handler", "EVALSHA", 2, at_most=True)],
        ),
    ]


def _environment(
    bench: Bench, open_event: str, sold_out: str, rounds: int, calls: int
) -> tuple[dict[str, list[float]], float]:
    """Run an environment of its own, whose standard output is a log that nobody reads; return what it measured."""
    ours, theirs = os.pipe()
    arguments = json.dumps([open_event, sold_out, rounds, calls])
    command = [sys.executable, "-m", "benchmarks.environment", str(theirs), arguments]
    environ = {
        **os.environ,
        **bench.environ,
        "FIRSTCOME_KAFKA_TOPIC": TOPIC,
        "PYTHONPATH": f"{ROOT}:{ROOT / 'layers/common/python'}",
    }
    with (bench.folder / "environment.log").open("w") as log:
        subprocess.run(command, env=environ, stdout=log, pass_fds=[theirs], check=True)
    os.close(theirs)
    with os.fdopen(ours) as pipe:
        values, asked = json.load(pipe)
    return values, asked
