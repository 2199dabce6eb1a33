"""The guards of what is told and kept: erasure, metrics and logs."""

from __future__ import annotations

from tests.sabotage.guard import Guard

CONSUME = "tests/integration/test_consume.py"
ERASURE = "tests/integration/test_erasure.py"
OBSERVABILITY = "tests/integration/test_observability.py"

GUARDS = [
    # --- erasure ---------------------------------------------------------------------------------------------------
    Guard(
        "erasure keeps the coupon",
        "UPDATE coupon SET user_id = :erased_id WHERE event_id = :event_id AND user_id = :user_id",
        "DELETE FROM coupon WHERE event_id = :event_id AND user_id = :user_id AND :erased_id <> ''",
        f"{ERASURE}::test_an_erased_person_is_nowhere_in_the_ledger",
    ),
    Guard(
        "erasure waits until the event is over",
        "event_id = :event_id AND state = 'ended' AND ended_at <= UTC_TIMESTAMP(3) - INTERVAL :retention_days DAY",
        "event_id = :event_id AND (state = 'ended' OR :retention_days >= 0)",
        f"{ERASURE}::test_a_live_event_keeps_its_people",
    ),
    Guard(
        "erasure waits for the gate to go",
        "    if stores.gate.exists(event_id):",
        "    if False:",
        f"{ERASURE}::test_a_gate_that_is_left_is_in_the_way",
    ),
    Guard(
        "erasure waits for the records to go",
        "    if in_stream:",
        "    if False:",
        f"{ERASURE}::test_a_record_in_the_stream_is_in_the_way",
    ),
    Guard(
        "erasure forgets nobody who is owed a coupon",
        "if owed := statements.owed(connection, event_id=event_id, user_id=user_id):",
        "if owed := 0:",
        f"{ERASURE}::test_who_is_owed_a_coupon_is_not_forgotten",
    ),
    Guard(
        "erasure leaves a name that is nobody's",
        'ERASED = "erased#"',
        'ERASED = "erased-"',
        f"{ERASURE}::test_an_erased_id_is_nobodys",
    ),
    Guard(
        "erasure is one transaction",
        "        coupons = statements.erase_coupon(connection, **row)",
        "        coupons = statements.erase_coupon(connection, **row)\n        connection.commit()",
        f"{ERASURE}::test_a_run_that_dies_erases_all_of_an_event_or_nothing",
    ),
    # --- what is told: metrics and logs --------------------------------------------------------------------------
    Guard(
        "an alarm asks for a metric that there is",
        "MetricName: dead_rows",
        "MetricName: dead_row",
        f"{OBSERVABILITY}::test_the_template_looks_at_what_the_functions_emit",
    ),
    Guard(
        "the dashboard asks for a metric that there is",
        '["firstcome", "unavailable", "service", "firstcome"]',
        '["firstcome", "unavailable", "Service", "firstcome"]',
        f"{OBSERVABILITY}::test_the_template_looks_at_what_the_functions_emit",
    ),
    Guard(
        "metrics of AWS are spelled as AWS spells them",
        "MetricName: ApproximateNumberOfMessagesVisible",
        "MetricName: ApproximateNumberOfMessageVisible",
        "tests/unit/test_dashboard.py::test_every_metric_of_aws_is_spelled_as_aws_documents_it",
    ),
    Guard(
        "an alarm has a runbook entry",
        "## Alarm: people are turned away",
        "## Alarm: people are sent away",
        "tests/unit/test_dashboard.py",
    ),
    Guard(
        "the count of reserved waits for no later line",
        " and answer.counted != RINGS",
        "",
        f"{OBSERVABILITY}::test_what_rings_an_alarm_never_waits",
    ),
    Guard(
        "a spoiled run is no run",
        "    if this.broken:\n        raise",
        '    count("runs")\n    if this.broken:\n        raise',
        f"{OBSERVABILITY}::test_a_run_that_a_fault_of_ours_spoils_is_no_run",
    ),
    Guard(
        "what is not known is no zero",
        "    if unread is None:\n        return {}",
        '    if unread is None:\n        return {"unread_records": 0, "oldest_unread_age_ms": 0}',
        f"{OBSERVABILITY}::test_what_the_retry_cannot_know_is_left_out",
    ),
    Guard(
        "a handler that raises writes its metrics",
        "        finally:\n            _line.flush()",
        "        finally:\n            pass",
        "tests/unit/test_telemetry.py::test_a_handler_that_raises_writes_its_metrics",
    ),
    Guard(
        "what waits keeps its time",
        "if self.values and now - self.since >= HOLD_S:",
        "if False:",
        "tests/unit/test_telemetry.py::test_what_waits_when_an_environment_is_frozen_keeps_its_time",
    ),
    Guard(
        "what rings an alarm waits for no later line",
        "may_wait = answer.status < HTTPStatus.INTERNAL_SERVER_ERROR and",
        "may_wait = True and",
        f"{OBSERVABILITY}::test_what_rings_an_alarm_never_waits",
    ),
    Guard(
        "a winner's line names nobody",
        "return self.serialize({name",
        "return super().serialize({name",
        "tests/unit/test_log_line.py::test_a_cheap_line_is_the_loggers_line",
    ),
    Guard(
        "an error that is raised names nobody",
        "            conceal(error)\n",
        "",
        f"{OBSERVABILITY}::test_the_logs_name_people_only_if_they_are_told_to",
    ),
    Guard(
        "what a library quotes names nobody",
        'return _QUOTED.sub(r"\\1…\\1", str(value))',
        "return value",
        f"{OBSERVABILITY}::test_the_logs_name_people_only_if_they_are_told_to",
    ),
    Guard(
        "a path names nobody",
        'return {"path": resource + named, "user_id": user_id} if named else {"path": resource}',
        'return {"path": resource + named + user_id}',
        f"{OBSERVABILITY}::test_the_logs_name_people_only_if_they_are_told_to",
    ),
    Guard(
        "a log line names nobody",
        "        return mark(value)",
        "        return value",
        f"{OBSERVABILITY}::test_the_logs_name_people_only_if_they_are_told_to",
    ),
    Guard(
        "no header of another producer is logged as it is",
        'return correlation_id if _CORRELATION_ID.fullmatch(correlation_id) else ""',
        "return correlation_id",
        f"{CONSUME}::test_a_strange_header_is_kept_out_of_the_log",
    ),
    Guard(
        "a column that is there already is no error",
        "if code_of(error) != DUPLICATE_COLUMN:",
        "if True:",
        "tests/integration/test_migrations.py::test_a_migration_that_died_before_its_record_is_run_again",
    ),
]
