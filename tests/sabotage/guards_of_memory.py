"""The guards of what is told from memory, once an event is sold out."""

from __future__ import annotations

from tests.sabotage.guard import Guard

SOLD_OUT = "tests/integration/test_sold_out.py"
LIVES = f"{SOLD_OUT}::test_a_memory_lives_from_before_its_request_by_two_clocks"
NEXT_VERSION = f"{SOLD_OUT}::test_whoever_comes_to_be_known_later_is_in_the_next_version"
LOST_FILTER = f"{SOLD_OUT}::test_a_filter_that_was_lost_is_not_believed"

GUARDS = [
    Guard(
        "a winner is asked about",
        "if winners is None or winners.may_have(user_id):",
        "if winners is None:",
        f"{SOLD_OUT}::test_a_loser_is_answered_from_memory_as_by_the_gate",
    ),
    Guard(
        "every winner is in the filter",
        "  put_into_filter(user, bits)\n",
        "",
        f"{SOLD_OUT}::test_no_winner_is_ever_taken_for_a_loser",
    ),
    Guard(
        "who was forgotten is in the filter",
        "string.format(ENTRY, ticket, applied_at, NO_CALL))\n  note(user)\n",
        "string.format(ENTRY, ticket, applied_at, NO_CALL))\n",
        NEXT_VERSION,
    ),
    Guard(
        "who was refused is in the filter",
        "if not held then note(user) end\n",
        "",
        NEXT_VERSION,
    ),
    Guard(
        "a filter that was lost is not believed",
        " if len(bitmap) == bits // 8 + 1 else None",
        "",
        LOST_FILTER,
    ),
    Guard(
        "a filter that was begun anew is shorter",
        "redis.call('SETBIT', WINNERS, bits, 1)",
        "redis.call('SETBIT', WINNERS, 0, 0)",
        f"{SOLD_OUT}::test_no_winner_is_ever_taken_for_a_loser",
    ),
    Guard(
        "a restored gate does not trust an older filter",
        "  redis.call('DEL', WINNERS)\n  redis.call('HDEL', EVENT, 'filter_bits', 'fresh_from_ms')\n",
        "",
        f"{SOLD_OUT}::test_a_restored_gate_is_asked_each_time",
    ),
    Guard(
        "a memory ends while an environment is frozen",
        "0 <= time.time() - self.wall_s < seconds and ",
        "",
        LIVES,
    ),
    Guard(
        "a memory ends when the clock is set",
        " and 0 <= time.monotonic() - self.monotonic_s < seconds",
        "",
        LIVES,
    ),
    Guard(
        "numbers that are added rest",
        "local fresh = now >= tonumber(event[10] or 0)",
        "local fresh = true",
        f"{SOLD_OUT}::test_numbers_that_are_added_to_a_sold_out_event_rest_as_well",
    ),
    Guard(
        "sold out is not remembered while a number is resting",
        "local known = bits and fresh and not resting",
        "local known = bits and not resting",
        f"{SOLD_OUT}::test_numbers_that_are_added_to_a_sold_out_event_rest_as_well",
    ),
    Guard(
        "a memory ends before a ticket has rested",
        "    yield memory_ms >= rest_ms and memory_ms > 0, ",
        "    yield False, ",
        "tests/unit/test_settings.py::test_a_contradiction_is_named",
    ),
]
