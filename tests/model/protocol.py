"""The protocol as a model: every interleaving of half-steps in a small world, each state held against the promise.

A step reads or writes one of gate, stream and ledger. What it learnt there it carries to its next half-step, so every
caller may be stale, and may die in between. Records arrive twice and in any order. From every state that is reached,
the faults stop, everything drains, everybody asks again, and the end is held against the promise.

People are alike: states that differ in names only are one state, and are told apart again in the trace of a fault.

    python -m tests.model.protocol 3 2 --losses 1 --two-callers
"""

from __future__ import annotations

import argparse
import sys
from collections import deque
from dataclasses import dataclass
from itertools import pairwise

from tests.model.state import Broken, Person, State, World
from tests.model.steps import Protocol


@dataclass(frozen=True, slots=True)
class Explored:
    """What was found: how many states, whether these are all, and the shortest way to each fault."""

    states: int
    complete: bool
    faults: dict[str, list[str]]


def explore(world: World, *, until_fault: bool = False) -> Explored:
    """Visit every state of the world; with `until_fault`, only until a fault is found."""
    protocol = Protocol(world)
    start = State((Person(early=world.turns),) * world.people)
    came: dict[State, State | None] = {start: None}
    todo = deque([start])
    faults: dict[str, list[str]] = {}
    while todo and len(came) < world.limit:
        w = todo.popleft()
        wrong = protocol.wrong(w)
        if wrong and wrong not in faults:
            faults[wrong] = _trace(protocol, came, w)
            if until_fault:
                break
        for _, _, after in protocol.steps(w):
            unnamed = _unnamed(after)
            if unnamed not in came:
                came[unnamed] = w
                todo.append(unnamed)
    return Explored(len(came), not todo, faults)


def _unnamed(w: State) -> State:
    people = w.people
    return w if list(people) == (ordered := sorted(people)) else w._replace(people=tuple(ordered))


def _trace(protocol: Protocol, came: dict[State, State | None], w: State) -> list[str]:
    """Return the steps that led there, with a name for each person that stays theirs."""
    path: list[State] = [w]
    while (before := came[path[-1]]) is not None:
        path.append(before)
    path.reverse()
    names, said = "abcdef"[: len(w.people)], []
    for before, after in pairwise(path):
        what, i, raw = next(step for step in protocol.steps(before) if _unnamed(step[2]) == after)
        said.append(f"{names[i]}: {what}" if i >= 0 else what)
        order = sorted(range(len(names)), key=raw.people.__getitem__)
        names = "".join(names[k] for k in order)
    return said


def main() -> int:
    """Explore the world that the command line describes."""
    parser = argparse.ArgumentParser(prog="python -m tests.model.protocol", description=__doc__.splitlines()[0])
    parser.add_argument("people", type=int)
    parser.add_argument("tickets", type=int)
    parser.add_argument("--losses", type=int, default=0, help="how often Redis may lose everything")
    parser.add_argument("--key-losses", type=int, default=0, help="how often it may lose some of a gate's keys")
    parser.add_argument("--old-scripts", type=int, default=0, help="tickets that an older version of the scripts gives")
    parser.add_argument("--failovers", type=int, default=0, help="how often an older replica may take over")
    parser.add_argument("--turns", action="store_true", help="people ask before their turn, too")
    parser.add_argument("--late", action="store_true", help="one send that was given up arrives later")
    parser.add_argument("--two-callers", action="store_true", help="two callers between their half-steps at a time")
    parser.add_argument("--poison", action="store_true", help="records that fail, rows that die, an operator")
    parser.add_argument("--broken", type=Broken, choices=list(Broken), help="break one rule of the design")
    parser.add_argument("--limit", type=int, default=World.limit, help="stop after so many states")
    found = explore(World(**vars(parser.parse_args())))
    for fault, steps in found.faults.items():
        print(f"BROKEN: {fault}\n    {' ; '.join(steps)}")
    print(f"{found.states:,} states, {'complete' if found.complete else 'cut'}, {len(found.faults)} laws broken")
    return bool(found.faults)


if __name__ == "__main__":
    sys.exit(main())
