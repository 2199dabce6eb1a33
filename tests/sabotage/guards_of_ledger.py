"""The guards of the ledger: its keys and its statements."""

from __future__ import annotations

from tests.sabotage.guard import Guard

ISSUE = "tests/integration/test_issue.py"
CONSUME = "tests/integration/test_consume.py"
WRITE = "tests/integration/test_ledger_write.py"
REJECTED = "tests/integration/test_ledger_rejected.py"
FAILED = "tests/integration/test_ledger_failed.py"
CONCURRENCY = "tests/integration/test_ledger_concurrency.py"
SIZE = "tests/integration/test_ledger_size.py"
SERVER = "tests/integration/test_mysql_server.py"
GRANTS = "tests/integration/test_grants.py"
TOPIC = "tests/integration/test_topic.py"

GUARDS = [
    Guard(
        "a ticket has one row",
        "PRIMARY KEY (event_id, ticket)",
        "KEY coupon_ticket_row (event_id, ticket)",
        "tests/integration/test_ledger_schema.py::test_the_keys_hold_the_promise_without_any_code",
    ),
    Guard(
        "a person has one row",
        "UNIQUE KEY coupon_one_each",
        "KEY coupon_one_each",
        "tests/integration/test_ledger_schema.py::test_the_keys_hold_the_promise_without_any_code",
    ),
    Guard(
        "the insert reads the capacity",
        "batch.ticket BETWEEN 1 AND coupon_event.capacity AND refusal",
        "refusal",
        f"{WRITE} {CONSUME}::test_bad_records_cost_no_good_neighbour",
    ),
    Guard(
        "the insert honours a refusal",
        " AND refusal.user_id IS NULL\nORDER BY batch.n",
        "\nORDER BY batch.n",
        f"{ISSUE}::test_a_late_record_gives_a_refused_person_no_row",
    ),
    Guard(
        "a short batch is read back",
        "if issued == len(claims):",
        "if issued <= len(claims):",
        f"{ISSUE}",
    ),
    Guard(
        "a batch that is too large is written in parts",
        "if code_of(error) in TOO_LARGE:",
        "if False:",
        SIZE,
    ),
    Guard(
        "a large statement is measured before it is sent",
        "if len(statement) > LARGE_BYTES:",
        "if False:",
        f"{SIZE}::test_a_record_that_is_too_large_costs_no_neighbour",
    ),
    Guard(
        "a committed row survives a crash",
        '("innodb_flush_log_at_trx_commit", {"0", "2"}',
        '("innodb_flush_log_at_trx_commit", set()',
        SERVER,
    ),
    Guard(
        "a session looks at its keys",
        ", unique_checks = 1",
        "",
        f"{SERVER}::test_a_session_is_its_own",
    ),
    Guard(
        "claims skip what is locked",
        "ORDER BY next_attempt_at LIMIT :page\nFOR UPDATE SKIP LOCKED",
        "ORDER BY next_attempt_at LIMIT :page\nFOR UPDATE",
        f"{FAILED} {CONCURRENCY}",
    ),
    Guard(
        "a change compares the lease",
        "UPDATE failed_event SET status = :status, lease = NULL, updated_at = UTC_TIMESTAMP(3)\n"
        "WHERE id = :failed_id AND lease = :lease AND status",
        "UPDATE failed_event SET status = :status, lease = NULL, updated_at = UTC_TIMESTAMP(3)\n"
        "WHERE id = :failed_id AND (lease = :lease OR 1) AND status",
        f"{FAILED}",
    ),
    Guard(
        "rows of a bad neighbour are committed",
        "if len(batch) == 1:",
        "if len(batch) >= 1:",
        f"{REJECTED}::test_rows_that_the_server_rejects_fail_alone",
    ),
    Guard(
        "coupon rows and failed rows are one transaction",
        "        stored = store_failed(connection, lost)\n",
        "        connection.commit()\n        stored = store_failed(connection, lost)\n",
        f"{REJECTED}::test_a_batch_is_rolled_back_if_its_failed_row_cannot_be_kept",
    ),
    Guard(
        "what faces the internet makes no coupon",
        "GRANT SELECT, UPDATE (issued_at) ON coupon TO apply",
        "GRANT SELECT, INSERT, UPDATE (issued_at) ON coupon TO apply",
        f"{GRANTS}::test_they_allow_nothing_more",
    ),
    Guard(
        "migrate sets what the topic lacks",
        "checked = check_topic(settings, partitions, replication)",
        "from firstcome.stream.topic import Checked; checked = Checked([], [])",
        f"{TOPIC}::test_migrate_mends_the_topic_once",
    ),
]
