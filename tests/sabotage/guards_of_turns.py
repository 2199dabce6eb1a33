"""The guards of turns and receipts."""

from __future__ import annotations

from tests.sabotage.guard import Guard

TURNS = "tests/integration/test_turns.py"
TOLD = "tests/integration/test_turns_told.py"
RESTORED = f"{TURNS}::test_a_restored_gate_has_the_same_turns"

GUARDS = [
    Guard(
        "nobody is served before their turn",
        "if now < turn_at then return",
        "if now < opens_at then return",
        f"{TURNS}::test_an_application_before_its_turn_changes_nothing",
    ),
    Guard(
        "the turn comes after sold out",
        "local function sold_out(resting)\n",
        "local function sold_out(resting)\n"
        "  if now < tonumber(event[2]) + (tonumber(event[13]) or 0) then return 'NOT_OPEN' .. said .. ' 1 1 1' end\n",
        f"{TURNS}::test_every_other_word_comes_before_the_turn",
    ),
    Guard(
        "a turn is its person's own",
        "'{(.+)}') .. ':' .. user)",
        "'{(.+)}') .. ':')",
        f"{TURNS}::test_gate_and_code_compute_the_same_turn",
    ),
    Guard(
        "without its secret a gate serves nobody early",
        "local turn_at, told = opens_at + spread, 0",
        "local turn_at, told = opens_at, 0",
        f"{TURNS}::test_without_the_secret_everybody_waits_for_the_last_turn",
    ),
    Guard(
        "a restored gate has the secret",
        "take_secret(KEYS[10])\n",
        "",
        RESTORED,
    ),
    Guard(
        "the secret is made once",
        "and was.spread_ms and was.turn_secret is None:",
        "and was.spread_ms:",
        f"{TURNS}::test_a_draft_has_no_secret_and_an_opening_makes_one_once",
    ),
    Guard(
        "the secret is no argument of configure",
        'if name not in {"capacity", SECRET}}',
        'if name != "capacity"}',
        f"{TURNS}::test_no_argument_of_a_script_is_the_secret",
    ),
    Guard(
        "the secret is no argument of restore",
        "for name, value in event.items() if name != SECRET}",
        "for name, value in event.items()}",
        f"{TURNS}::test_no_argument_of_a_script_is_the_secret",
    ),
    Guard(
        "a gate is not opened without its secret",
        "then return 'STALE' end\nif secret_is_gone(KEYS[6]) then return 'INCOMPLETE' end\n",
        "then return 'STALE' end\nif secret_is_gone(KEYS[6]) then KEYS[6] = nil end\n",
        f"{TURNS}::test_a_gate_is_told_all_or_nothing",
    ),
    Guard(
        "the secret is told once the event has ended",
        '({"turn_secret": secret.hex()} if state is EventState.ENDED else {})',
        '({"turn_secret": secret.hex()} if state in {EventState.ENDED, EventState.CLOSED} else {})',
        f"{TOLD}::test_the_secret_is_committed_to_at_once_and_told_at_the_end",
    ),
    Guard(
        "a turn is told to its person alone",
        "        if self.headers or self.fields:\n",
        "        if not self.fields and self.headers:\n",
        f"{TOLD}::test_a_person_is_told_their_own_turn_at_the_same_path",
    ),
    Guard(
        "the time of the last ticket is a maximum",
        "if applied_at > (tonumber(event[2]) or 0) then redis.call",
        "if true then redis.call",
        f"{TURNS}::test_what_is_learned_raises_the_time_and_never_lowers_it",
    ),
    Guard(
        "a clock that is behind lowers no time",
        "if now >= (tonumber(given) or 0) then given = at end",
        "given = at",
        f"{TURNS}::test_what_is_learned_raises_the_time_and_never_lowers_it",
    ),
]
