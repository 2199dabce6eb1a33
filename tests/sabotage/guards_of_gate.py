"""The guards of the gate: its scripts."""

from __future__ import annotations

from tests.sabotage.guard import Guard

LOSS = "tests/integration/test_partial_loss.py"
GATE = "tests/integration/test_gate.py"
SERVER = "tests/integration/test_redis_server.py"
SCRIPTS = "tests/integration/test_scripts.py"

GUARDS = [
    Guard(
        "a person has one ticket",
        "if held then\n",
        "if false then\n",
        f"{GATE}::test_a_person_who_asks_again_gets_the_same_ticket",
    ),
    Guard(
        "a repeated call gets the same answer",
        "accepted_call == call and",
        "false and",
        f"{GATE}::test_a_repetition_of_the_same_call_gets_the_same_answer",
    ),
    Guard(
        "only the accepted call is told so again",
        "accepted_call == call and",
        "true and",
        f"{GATE}::test_a_person_who_asks_again_gets_the_same_ticket",
    ),
    Guard(
        "an application compares the applicants",
        "if people ~= applied then return lose() end",
        "",
        f"{GATE}::test_a_gate_that_lost_a_key_refuses_all_and_learns_nothing",
    ),
    Guard(
        "no mark is a row only where marks are whole",
        "if redis.call('ZCARD', PENDING) ~= marks then return lose() end",
        "",
        f"{LOSS}::test_a_missing_mark_says_row_only_while_all_marks_are_there",
    ),
    Guard(
        "an application heeds a loss that was found",
        "if not event[5] or is_lost(sizes) then",
        "if not event[5] then",
        f"{LOSS}::test_a_loss_that_was_found_once_holds_for_everybody",
    ),
    Guard(
        "a script heeds a loss that was found",
        "  if is_lost(text) then return nil end\n",
        "  text = text and string.gsub(text, 'lost ', '')\n",
        f"{SCRIPTS}::test_a_loss_holds_until_restore_whatever_comes_back",
    ),
    Guard(
        "a script compares the applicants",
        "redis.call('HLEN', APPLIED) ~= applied or",
        "",
        f"{LOSS}::test_a_lost_key_is_seen_by_each_script",
    ),
    Guard(
        "a script compares the marks",
        "redis.call('ZCARD', PENDING) ~= pending",
        "false",
        f"{LOSS}::test_a_lost_key_is_seen_by_each_script",
    ),
    Guard(
        "a script compares the free tickets",
        "or redis.call('ZCARD', RELEASED) ~= released then",
        "then",
        f"{LOSS}::test_a_lost_key_is_seen_by_each_script",
    ),
    Guard(
        "the first difference is written down",
        "    write_lost(event[3])\n",
        "",
        f"{LOSS}::test_a_loss_that_was_found_once_holds_for_everybody",
    ),
    Guard(
        "sizes are counted by what has changed",
        "pending = pending + redis.call('ZADD', PENDING, at, user)",
        "redis.call('ZADD', PENDING, at, user)\n  pending = redis.call('ZCARD', PENDING)",
        f"{LOSS}::test_marks_that_were_begun_anew_are_not_whole",
    ),
    Guard(
        "a ticket is marked as it is given",
        "  pending = pending + redis.call('ZADD', PENDING, at, user)\n",
        "",
        "tests/integration/test_retry.py::test_a_ticket_whose_record_was_never_sent_is_issued",
    ),
    Guard(
        "what older scripts wrote is adopted",
        "if at == write_seq then",
        "if at then",
        f"{LOSS}::test_what_older_scripts_wrote_is_adopted",
    ),
    Guard(
        "a new event takes nothing over",
        "redis.call('DEL', PENDING, RELEASED, WINNERS)",
        "redis.call('DEL', WINNERS)",
        f"{LOSS}::test_a_new_event_takes_nothing_over",
    ),
    Guard(
        "an event is made without what its id has left behind",
        "or_away(lambda: stores.gate.delete(event_id))",
        "or_away(lambda: None)",
        "tests/integration/test_drafts.py::test_create_deletes_what_an_id_has_left_behind",
    ),
    Guard(
        "restore keeps who was only reserved",
        "survivors = gate.survivors(event.event_id)",
        "survivors: dict[str, str] = {}",
        f"{LOSS}::test_restore_keeps_who_was_only_reserved",
    ),
    Guard(
        "restore takes no part of the applicants",
        "if at == write_seq and counted == str(found) else None",
        "if at == write_seq else None",
        f"{LOSS}::test_restore_takes_no_part_of_the_applicants",
    ),
    Guard(
        "accepted is said as long as it was said once",
        'word = "accepted" if decision.delivered else "reserved"',
        'word = "reserved"',
        "tests/integration/test_apply.py::test_a_winner_who_asks_again_reads_the_same_ticket",
    ),
    Guard(
        "only what the gate has noted is said",
        'if sent is Sent.DELIVERED and self._noted(ticket) else "reserved"',
        'if sent is Sent.DELIVERED and (self._noted(ticket) or True) else "reserved"',
        "tests/integration/test_apply.py::test_only_a_delivery_that_the_gate_has_noted_is_accepted",
    ),
    Guard(
        "the capacity bounds the numbers",
        "local is_left = fresh and count < tonumber(event[1])",
        "local is_left = fresh",
        f"{GATE}::test_tickets_are_numbered_in_the_order_of_the_applications",
    ),
    Guard(
        "a free ticket is looked for where there is one",
        "  if free > 0 then\n",
        "  if false then\n",
        f"{GATE}::test_the_lowest_rested_ticket_goes_to_whoever_asks_next",
    ),
    Guard(
        "nobody is turned away unheard while a ticket is free",
        "' %d+ 0$'",
        "' %d+ %d+$'",
        f"{GATE}::test_the_lowest_rested_ticket_goes_to_whoever_asks_next",
    ),
    Guard(
        "an answer that was not read is read by nobody else",
        "            connection.disconnect()\n            self.connection_pool.release(connection)\n",
        "            self._kept.append(connection)\n",
        "tests/integration/test_kept.py::test_an_interrupted_call_leaves_no_answer_to_the_next",
    ),
    Guard(
        "a free ticket rests",
        "if tonumber(free_from) <= by then",
        "if true then",
        f"{GATE}::test_the_lowest_rested_ticket_goes_to_whoever_asks_next",
    ),
    Guard(
        "sold out is not remembered while a ticket is free",
        "local known = bits and fresh and not resting",
        "local known = bits and fresh",
        f"{GATE}::test_sold_out_may_be_remembered_only_while_no_ticket_is_free",
    ),
    Guard(
        "an evicting Redis is refused",
        'if policy.startswith("allkeys"):',
        "if False:",
        f"{GATE}::test_a_policy_that_evicts_gates_is_refused",
    ),
    Guard(
        "a Redis that was not tested is refused",
        "< OLDEST:",
        "< (1, 0):",
        f"{SERVER}::test_a_redis_that_is_too_old_is_refused_by_name",
    ),
    Guard(
        "not now is recognised in the middle of an error",
        "(?:^|-)(OOM",
        "^(OOM",
        f"{SERVER}::test_not_now_is_recognised_wherever_it_stands",
    ),
    Guard(
        "the first write is one that is refused without memory",
        "put(user, instead)\nunmark(user)",
        "unmark(user)\nput(user, instead)",
        f"{GATE}::test_out_of_memory_is_unavailable_and_changes_nothing",
    ),
    Guard(
        "settle compares the ticket",
        "elseif held[n] and string.find(held[n], tickets[n] .. ' ', 1, true) == 1 then",
        "else",
        f"{SCRIPTS}::test_settle_of_another_ticket_changes_nothing",
    ),
    Guard(
        "settle takes the mark off",
        "unmark(unpack(settled))",
        "#settled",
        f"{SCRIPTS}::test_settle_takes_the_mark_off",
    ),
    Guard(
        "mark failed compares the ticket",
        "if read(redis.call('HGET', APPLIED, user)) == ticket then",
        "if true then",
        f"{SCRIPTS}::test_mark_failed_takes_the_mark_off_the_ticket_that_it_names",
    ),
    Guard(
        "release compares the ticket",
        "if held and read(held) ~= ticket then return 'STALE' end",
        "",
        f"{SCRIPTS}::test_release_frees_the_ticket_of_its_holder_only",
    ),
    Guard(
        "reassign gives one ticket, however often",
        "if ticket and ticket ~= old then return {'HELD', ticket, applied_at} end",
        "",
        f"{SCRIPTS}::test_reassign_gives_another_ticket_once",
    ),
    Guard(
        "the capacity bounds what reassign gives",
        "count < tonumber(event[2]), released)",
        "true, released)",
        f"{SCRIPTS}::test_reassign_takes_a_resting_ticket_before_it_says_sold_out",
    ),
    Guard(
        "configure follows newer versions only",
        "if tonumber(was[1]) >= tonumber(ARGV[2]) then return 'STALE' end",
        "",
        f"{SCRIPTS}::test_configure_makes_a_gate_once_then_follows_versions",
    ),
    Guard(
        "restore leaves a living gate alone",
        "if not lost() or redis.call",
        "if redis.call",
        f"{SCRIPTS}::test_restore_leaves_a_gate_alone_that_was_made_meanwhile",
    ),
    Guard(
        "restore is of the loss whose sources it read",
        " or redis.call('GET', KEYS[9]) ~= ARGV[4] then",
        " then",
        f"{SCRIPTS}::test_restore_puts_the_rebuilt_gate_in_place_once_and_whole",
    ),
    Guard(
        "restored keys do not expire",
        "    redis.call('PERSIST', KEYS[i + 1])",
        "    ",
        f"{SCRIPTS}::test_restore_puts_the_rebuilt_gate_in_place_once_and_whole",
    ),
    Guard(
        "reconcile compares write_seq",
        "if write_seq ~= ARGV[1] then return 'MOVED' end",
        "",
        f"{SCRIPTS}::test_reconcile_does_nothing_once_the_gate_has_moved",
    ),
    Guard(
        "a pending gate does not expire",
        "if redis.call('EXISTS', PENDING) == 1 then return 'PENDING' end",
        "",
        f"{SCRIPTS}::test_a_gate_expires_whole_once_it_has_ended_and_settled",
    ),
]
