"""The guards of the promise: where each stands, how it is taken out, and the test that must go red without it."""

from __future__ import annotations

from typing import NamedTuple

LAYER = "layers/common/python/firstcome"
GATE = "tests/integration/test_gate.py"
SCRIPTS = "tests/integration/test_scripts.py"
ISSUE = "tests/integration/test_issue.py"
RETRY = "tests/integration/test_retry.py"
CONSUME = "tests/integration/test_consume.py"
WRITE = "tests/integration/test_ledger_write.py"
FAILED = "tests/integration/test_ledger_failed.py"
CONCURRENCY = "tests/integration/test_ledger_concurrency.py"
STREAM = "tests/integration/test_stream.py"
OPERATIONS = "tests/integration/test_operations.py"
ERASURE = "tests/integration/test_erasure.py"
OBSERVABILITY = "tests/integration/test_observability.py"


class Guard(NamedTuple):
    """One guard: `there` stands once in `file`, and is replaced by `instead`; `tests` must then fail."""

    name: str
    file: str
    there: str
    instead: str
    tests: str


GUARDS = [
    # --- the ledger's keys and statements ------------------------------------------------------------------------
    Guard(
        "a ticket has one row",
        f"{LAYER}/migrations/0002_coupon.sql",
        "PRIMARY KEY (event_id, ticket)",
        "KEY coupon_ticket_row (event_id, ticket)",
        "tests/integration/test_ledger_schema.py::test_the_keys_hold_the_promise_without_any_code",
    ),
    Guard(
        "a person has one row",
        f"{LAYER}/migrations/0002_coupon.sql",
        "UNIQUE KEY coupon_one_each",
        "KEY coupon_one_each",
        "tests/integration/test_ledger_schema.py::test_the_keys_hold_the_promise_without_any_code",
    ),
    Guard(
        "the insert reads the capacity",
        f"{LAYER}/ledger.sql",
        "batch.ticket BETWEEN 1 AND coupon_event.capacity AND refusal",
        "refusal",
        f"{WRITE} {CONSUME}::test_bad_records_cost_no_good_neighbour",
    ),
    Guard(
        "the insert honours a refusal",
        f"{LAYER}/ledger.sql",
        " AND refusal.user_id IS NULL\nORDER BY batch.n",
        "\nORDER BY batch.n",
        f"{ISSUE}::test_a_refused_person_gets_no_row_by_a_record_that_comes_late",
    ),
    Guard(
        "a short batch is read back",
        f"{LAYER}/coupon.py",
        "if issued == len(claims):",
        "if issued <= len(claims):",
        f"{ISSUE}",
    ),
    Guard(
        "claims skip what is locked",
        f"{LAYER}/ledger.sql",
        "FOR UPDATE SKIP LOCKED",
        "FOR UPDATE",
        f"{FAILED} {CONCURRENCY}",
    ),
    Guard(
        "a change compares the lease",
        f"{LAYER}/ledger.sql",
        "UPDATE failed_event SET status = :status, lease = NULL, updated_at = UTC_TIMESTAMP(3)\n"
        "WHERE id = :failed_id AND lease = :lease AND status",
        "UPDATE failed_event SET status = :status, lease = NULL, updated_at = UTC_TIMESTAMP(3)\n"
        "WHERE id = :failed_id AND (lease = :lease OR 1) AND status",
        f"{FAILED}",
    ),
    Guard(
        "rows of a bad neighbour are committed",
        f"{LAYER}/coupon.py",
        "if len(batch) == 1:",
        "if len(batch) >= 1:",
        f"{WRITE}::test_rows_that_the_server_rejects_fail_alone",
    ),
    # --- the gate ------------------------------------------------------------------------------------------------
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
        "if not held and count > 0 and redis.call('EXISTS', APPLIED) == 0 then",
        "if false then",
        f"{GATE}::test_a_gate_that_lost_a_key_refuses_everybody_and_learns_nothing",
    ),
    Guard(
        "no script makes half a gate look whole",
        f"{LAYER}/prelude.lua",
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
        "resting and 0 or 1",
        "1",
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
        "elseif read(held) == ticket then",
        "else",
        f"{SCRIPTS}::test_settle_of_another_ticket_changes_nothing",
    ),
    Guard(
        "settle takes the mark off",
        f"{LAYER}/settle.lua",
        "redis.call('ZREM', PENDING, user)",
        "1",
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
        "if tonumber(redis.call('HGET', EVENT, 'version')) >= tonumber(ARGV[2]) then return 'STALE' end",
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
        " or redis.call('GET', KEYS[8]) ~= ARGV[4] then",
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
    # --- the order of things, and what is unknown ------------------------------------------------------------------
    Guard(
        "the offset is committed after success only",
        "dev/poller.py",
        "if _until_done(lambda: self._lambda.invoke(self._function, payload), ended):",
        "if _until_done(lambda: None, ended):",
        "tests/e2e/test_poller.py::test_offsets_are_committed_after_success_and_a_failed_batch_comes_again",
    ),
    Guard(
        "the gate is told after the commit",
        f"{LAYER}/issue.py",
        "    written = ledger.write(claims, failures)\n",
        "    gate.settle(claims[0].ticket.event_id, [one.ticket for one in claims])\n"
        "    written = ledger.write(claims, failures)\n",
        f"{CONSUME}::test_when_the_ledger_is_away_the_batch_fails_and_nothing_is_swallowed",
    ),
    Guard(
        "a committed batch is a success without the gate",
        f"{LAYER}/issue.py",
        "    except Unavailable:\n        return Issued(written, told=False)",
        "    except Unavailable:\n        raise",
        f"{ISSUE}::test_the_ledger_goes_on_when_the_gate_is_away",
    ),
    Guard(
        "the ledger's trouble is never a failed row",
        f"{LAYER}/coupon.py",
        "        if is_transient(error):\n            raise\n        if len",
        "        if len",
        f"{WRITE}::test_the_servers_trouble_is_never_a_failed_row",
    ),
    Guard(
        "a lost answer is unknown, not refused",
        f"{LAYER}/stream.py",
        "            return Sent.UNKNOWN",
        "            return Sent.REFUSED",
        f"{STREAM}::test_a_lost_answer_is_unknown_and_the_record_may_be_there",
    ),
    Guard(
        "a failed send trips the breaker",
        f"{LAYER}/stream.py",
        "if time.monotonic() < self._quiet_until:",
        "if False:",
        f"{STREAM}::test_after_a_failure_the_next_sends_answer_at_once",
    ),
    Guard(
        "the sweep leaves the backlog to consume",
        f"{LAYER}/sweep.py",
        "EVERYTHING_READ if unread.oldest_ms is None else unread.oldest_ms",
        "EVERYTHING_READ",
        f"{RETRY}::test_a_ticket_whose_record_is_unread_is_left_to_consume",
    ),
    Guard(
        "a blind sweep asks for more age",
        f"{LAYER}/sweep.py",
        "return settings.sweep_overdue_blind_ms, EVERYTHING_READ",
        "return settings.sweep_overdue_ms, EVERYTHING_READ",
        f"{RETRY}::test_while_the_stream_cannot_be_read_only_old_tickets_are_swept",
    ),
    Guard(
        "restore waits for records in flight",
        f"{LAYER}/restore.py",
        "if lost_ms < settings.restore_wait_ms:",
        "if False:",
        f"{RETRY}::test_a_gate_stays_fenced_until_the_records_in_flight_may_have_arrived",
    ),
    Guard(
        "restore reads the coupon rows last",
        f"{LAYER}/restore.py",
        "    owed = [",
        "    early = list(ledger.coupons(event.event_id))\n    ledger.coupons = lambda _: early\n    owed = [",
        f"{RETRY}::test_the_rows_are_read_last",
    ),
    Guard(
        "restore ignores impossible tickets",
        f"{LAYER}/restore.py",
        " or not 1 <= ticket.ticket <= capacity",
        "",
        "tests/unit/test_rebuild.py",
    ),
    Guard(
        "attempts are bounded",
        f"{LAYER}/redrive.py",
        "if row.attempts >= settings.failed_attempts:",
        "if False:",
        f"{RETRY}::test_a_row_dies_with_its_last_attempt",
    ),
    Guard(
        "attempts that died are counted too",
        f"{LAYER}/leases.py",
        "if row.attempts >= ledger.settings.failed_attempts]",
        "if False]",
        f"{FAILED}::test_a_row_that_has_used_up_its_attempts_dies",
    ),
    Guard(
        "a server's trouble gives the attempt back",
        f"{LAYER}/redrive.py",
        "row.reason, str(trouble), counted=False)",
        "row.reason, str(trouble), counted=True)",
        f"{RETRY}::test_trouble_with_a_server_does_not_use_up_attempts",
    ),
    Guard(
        "a run stops in time",
        f"{LAYER}/retry.py",
        "return remaining_ms() < settings.retry_reserve_ms",
        "return False",
        f"{RETRY}::test_a_run_without_time_starts_nothing",
    ),
    Guard(
        "only a quiet event is reconciled",
        f"{LAYER}/reconcile.py",
        "if seen.pending or not tail.caught_up() or ledger.list_failed(event_id, FailedStatus.WAITING, 1):",
        "if False:",
        f"{RETRY}::test_a_busy_event_is_not_reconciled",
    ),
    Guard(
        "the operator refuses in the ledger first",
        f"{LAYER}/operations.py",
        "    refused = stores.ledger.refuse(event_id, user_id, reason)\n    if not refused.done:",
        "    if stores.ledger.coupon_of(event_id, user_id):",
        f"{ISSUE}::test_a_refused_person_gets_no_row_by_a_record_that_comes_late",
    ),
    Guard(
        "wipe is for the local cloud",
        f"{LAYER}/operations.py",
        "if not stores.settings.local_cloud:",
        "if False:",
        f"{OPERATIONS}::test_wipe_is_for_the_local_cloud_only",
    ),
    # --- erasure ---------------------------------------------------------------------------------------------------
    Guard(
        "erasure keeps the coupon",
        f"{LAYER}/ledger.sql",
        "UPDATE coupon SET user_id = :pseudonym WHERE event_id = :event_id AND user_id = :user_id",
        "DELETE FROM coupon WHERE event_id = :event_id AND user_id = :user_id AND :pseudonym <> ''",
        f"{ERASURE}::test_an_erased_person_is_nowhere_in_the_ledger",
    ),
    Guard(
        "erasure waits until the event is over",
        f"{LAYER}/ledger.sql",
        "event_id = :event_id AND state = 'ended' AND ended_at <= UTC_TIMESTAMP(3) - INTERVAL :retention_days DAY",
        "event_id = :event_id AND (state = 'ended' OR :retention_days >= 0)",
        f"{ERASURE}::test_a_live_event_keeps_its_people",
    ),
    Guard(
        "erasure waits for the gate to go",
        f"{LAYER}/forget.py",
        "    if alive:",
        "    if False:",
        f"{ERASURE}::test_a_gate_that_is_left_is_in_the_way",
    ),
    Guard(
        "erasure waits for the records to go",
        f"{LAYER}/forget.py",
        "    if in_stream:",
        "    if False:",
        f"{ERASURE}::test_a_record_in_the_stream_is_in_the_way",
    ),
    Guard(
        "erasure forgets nobody who is owed a coupon",
        f"{LAYER}/erasure.py",
        "if owed := queries.owed(connection, event_id=event_id, user_id=user_id):",
        "if owed := 0:",
        f"{ERASURE}::test_who_is_owed_a_coupon_is_not_forgotten",
    ),
    Guard(
        "erasure leaves a name that is nobody's",
        f"{LAYER}/erasure.py",
        'ERASED = "erased#"',
        'ERASED = "erased-"',
        f"{ERASURE}::test_a_pseudonym_is_nobodys_id",
    ),
    Guard(
        "erasure is one transaction",
        f"{LAYER}/erasure.py",
        "        coupons = queries.erase_coupon(connection, **row)",
        "        coupons = ledger.transact(lambda other: queries.erase_coupon(other, **row))",
        f"{ERASURE}::test_a_run_that_dies_erases_all_of_an_event_or_nothing",
    ),
    # --- what is told: metrics and logs --------------------------------------------------------------------------
    Guard(
        "an alarm asks for a metric that there is",
        "template.yaml",
        "MetricName: dead_rows",
        "MetricName: dead_row",
        f"{OBSERVABILITY}::test_the_template_looks_at_what_the_functions_emit",
    ),
    Guard(
        "the dashboard asks for a metric that there is",
        "template.yaml",
        '["firstcome", "unavailable", "service", "firstcome"]',
        '["firstcome", "unavailable", "Service", "firstcome"]',
        f"{OBSERVABILITY}::test_the_template_looks_at_what_the_functions_emit",
    ),
    Guard(
        "metrics of AWS are spelled as AWS spells them",
        "template.yaml",
        "MetricName: ApproximateNumberOfMessagesVisible",
        "MetricName: ApproximateNumberOfMessageVisible",
        "tests/unit/test_dashboard.py::test_every_metric_of_aws_is_spelled_as_aws_documents_it",
    ),
    Guard(
        "an alarm has a runbook entry",
        "docs/operations.md",
        "## Alarm: throttled invocations",
        "## Alarm: throttles",
        "tests/unit/test_dashboard.py",
    ),
    Guard(
        "a spoiled run is no run",
        f"{LAYER}/retry.py",
        "    if broken:\n        raise",
        '    count("runs")\n    if broken:\n        raise',
        f"{OBSERVABILITY}::test_a_run_that_a_fault_of_ours_spoils_is_no_run",
    ),
    Guard(
        "what is not known is no zero",
        f"{LAYER}/retry.py",
        "    if unread is None:\n        return {}",
        '    if unread is None:\n        return {"unread_records": 0, "oldest_unread_age_ms": 0}',
        f"{OBSERVABILITY}::test_what_the_retry_cannot_know_is_no_zero",
    ),
    Guard(
        "a handler that raises writes its metrics",
        f"{LAYER}/telemetry.py",
        "        finally:\n            flush()",
        "        finally:\n            pass",
        "tests/unit/test_telemetry.py::test_a_handler_that_raises_writes_its_metrics",
    ),
    Guard(
        "what waits keeps its time",
        f"{LAYER}/telemetry.py",
        "if self.values and now - self.since >= HOLD_S:",
        "if False:",
        "tests/unit/test_telemetry.py::test_what_waits_when_an_environment_is_frozen_keeps_its_time",
    ),
    Guard(
        "an error that is raised names nobody",
        f"{LAYER}/telemetry.py",
        "            conceal(error)\n",
        "",
        f"{OBSERVABILITY}::test_the_logs_name_nobody_where_they_must_not",
    ),
    Guard(
        "what a library quotes names nobody",
        f"{LAYER}/pseudonym.py",
        'return _QUOTED.sub(r"\\1…\\1", str(value))',
        "return value",
        f"{OBSERVABILITY}::test_the_logs_name_nobody_where_they_must_not",
    ),
    Guard(
        "a path names nobody",
        f"{LAYER}/problem.py",
        'return {"path": resource + named, "user_id": user_id} if named else {"path": resource}',
        'return {"path": resource + named + user_id}',
        f"{OBSERVABILITY}::test_the_logs_name_nobody_where_they_must_not",
    ),
    Guard(
        "a log line names nobody",
        f"{LAYER}/pseudonym.py",
        "        return mark(value)",
        "        return value",
        f"{OBSERVABILITY}::test_the_logs_name_nobody_where_they_must_not",
    ),
    Guard(
        "no header of another producer is logged as it is",
        f"{LAYER}/rules.py",
        'return correlation_id if _CORRELATION_ID.fullmatch(correlation_id) else ""',
        "return correlation_id",
        f"{CONSUME}::test_a_header_of_another_producer_stops_nothing_and_writes_no_log",
    ),
    Guard(
        "a column that is there already is no error",
        f"{LAYER}/migrate.py",
        "if code_of(error) != DUPLICATE_COLUMN:",
        "if True:",
        "tests/integration/test_ledger_schema.py::test_a_migration_that_died_before_its_record_is_run_again",
    ),
]
