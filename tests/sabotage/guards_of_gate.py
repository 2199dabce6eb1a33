"""The guards of the gate: its scripts."""

from __future__ import annotations

from tests.sabotage.guard import LAYER, Guard

GATE = "tests/integration/test_gate.py"
SCRIPTS = "tests/integration/test_scripts.py"

GUARDS = [
    Guard(
        "a person has one ticket",
        f"{LAYER}/gate.lua",
        "if held then\n",
        "if false then\n",
        f"{GATE}::test_a_person_who_asks_again_gets_the_same_ticket",
    ),
    Guard(
        "a repeated call gets the same answer",
        f"{LAYER}/gate.lua",
        "accepted_call == call and",
        "false and",
        f"{GATE}::test_a_repetition_of_the_same_call_gets_the_same_answer",
    ),
    Guard(
        "only the accepted call is told so again",
        f"{LAYER}/gate.lua",
        "accepted_call == call and",
        "true and",
        f"{GATE}::test_a_person_who_asks_again_gets_the_same_ticket",
    ),
    Guard(
        "a gate that lost its winners refuses",
        f"{LAYER}/gate.lua",
        "if not held and count > 0 and people == 0 then",
        "if false then",
        f"{GATE}::test_a_gate_that_lost_a_key_refuses_everybody_and_learns_nothing",
    ),
    Guard(
        "no script makes half a gate look whole",
        f"{LAYER}/repairs.lua",
        "return not count or (tonumber(count) > 0 and redis.call('EXISTS', APPLIED) == 0)",
        "return not count",
        f"{GATE}::test_a_gate_that_lost_a_key_refuses_everybody_and_learns_nothing",
    ),
    Guard(
        "the capacity bounds the numbers",
        f"{LAYER}/prelude.lua",
        "if count < capacity then",
        "if true then",
        f"{GATE}::test_tickets_are_numbered_in_the_order_of_the_applications",
    ),
    Guard(
        "a free ticket rests",
        f"{LAYER}/prelude.lua",
        "if tonumber(free_from) <= by then",
        "if true then",
        f"{GATE}::test_the_lowest_rested_ticket_goes_to_whoever_asks_next",
    ),
    Guard(
        "sold out is not remembered while a ticket is free",
        f"{LAYER}/gate.lua",
        "local known = bits and fresh and not resting",
        "local known = bits and fresh",
        f"{GATE}::test_sold_out_may_be_remembered_only_while_no_ticket_is_free",
    ),
    Guard(
        "an evicting Redis is refused",
        f"{LAYER}/gate.py",
        'if policy.startswith("allkeys"):',
        "if False:",
        f"{GATE}::test_a_policy_that_evicts_gates_is_refused",
    ),
    Guard(
        "the first write is one that is refused without memory",
        f"{LAYER}/release.lua",
        "redis.call('HSET', APPLIED, user, instead)\nredis.call('ZREM', PENDING, user)",
        "redis.call('ZREM', PENDING, user)\nredis.call('HSET', APPLIED, user, instead)",
        f"{GATE}::test_out_of_memory_is_unavailable_and_changes_nothing",
    ),
    Guard(
        "settle compares the ticket",
        f"{LAYER}/settle.lua",
        "elseif held[i] and read(held[i]) == ticket then",
        "else",
        f"{SCRIPTS}::test_settle_of_another_ticket_changes_nothing",
    ),
    Guard(
        "settle takes the mark off",
        f"{LAYER}/settle.lua",
        "redis.call('ZREM', PENDING, unpack(settled))",
        "#settled",
        f"{SCRIPTS}::test_settle_takes_the_mark_off",
    ),
    Guard(
        "own compares the ticket",
        f"{LAYER}/own.lua",
        "if read(redis.call('HGET', APPLIED, user)) == ticket then",
        "if true then",
        f"{SCRIPTS}::test_own_takes_the_mark_off_the_ticket_that_it_names",
    ),
    Guard(
        "release compares the ticket",
        f"{LAYER}/release.lua",
        "if held and read(held) ~= ticket then return 'STALE' end",
        "",
        f"{SCRIPTS}::test_release_frees_the_ticket_of_its_holder_only",
    ),
    Guard(
        "reassign gives one ticket, however often",
        f"{LAYER}/reassign.lua",
        "if ticket and ticket ~= old then return {'HELD', ticket, applied_at} end",
        "",
        f"{SCRIPTS}::test_reassign_gives_another_ticket_once",
    ),
    Guard(
        "configure follows newer versions only",
        f"{LAYER}/configure.lua",
        "if tonumber(was[1]) >= tonumber(ARGV[2]) then return 'STALE' end",
        "",
        f"{SCRIPTS}::test_configure_makes_a_gate_once_and_follows_newer_versions_only",
    ),
    Guard(
        "restore leaves a living gate alone",
        f"{LAYER}/restore.lua",
        "if not fenced() or redis.call",
        "if redis.call",
        f"{SCRIPTS}::test_restore_leaves_a_gate_alone_that_was_made_meanwhile",
    ),
    Guard(
        "restore is of the loss whose sources it read",
        f"{LAYER}/restore.lua",
        " or redis.call('GET', KEYS[9]) ~= ARGV[4] then",
        " then",
        f"{SCRIPTS}::test_restore_puts_the_rebuilt_gate_in_place_once_and_whole",
    ),
    Guard(
        "restored keys do not expire",
        f"{LAYER}/restore.lua",
        "    redis.call('PERSIST', KEYS[i + 1])",
        "    ",
        f"{SCRIPTS}::test_restore_puts_the_rebuilt_gate_in_place_once_and_whole",
    ),
    Guard(
        "reconcile compares rev",
        f"{LAYER}/reconcile.lua",
        "if redis.call('HGET', EVENT, 'rev') ~= ARGV[1] then return 'MOVED' end",
        "",
        f"{SCRIPTS}::test_reconcile_does_nothing_once_the_gate_has_moved",
    ),
    Guard(
        "a pending gate does not expire",
        f"{LAYER}/expire.lua",
        "if redis.call('EXISTS', PENDING) == 1 then return 'PENDING' end",
        "",
        f"{SCRIPTS}::test_a_gate_expires_whole_and_only_when_it_has_ended_and_settled",
    ),
]
