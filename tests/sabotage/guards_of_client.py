"""The guards of the client: what it may take for a no, and for a win."""

from __future__ import annotations

from tests.sabotage.guard import Guard

CLIENT = "tests/cli/test_client.py"

GUARDS = [
    Guard(
        "the client takes no look for the answer of who may have won",
        "if over is not None and not undecided:",
        "if over is not None:",
        f"{CLIENT}::test_who_may_have_won_asks_though_it_is_sold_out",
    ),
    Guard(
        "the client takes nothing but a ticket for a win",
        'if body is not None and isinstance(body.get("ticket"), int):',
        "if body is not None:",
        f"{CLIENT}::test_what_says_nothing_is_asked_again_after_a_look",
    ),
]
