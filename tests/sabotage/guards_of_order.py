"""The guards of the order of things: what comes first, what is unknown, what is bounded."""

from __future__ import annotations

from tests.sabotage.guard import Guard

ISSUE = "tests/integration/test_issue.py"
RETRY = "tests/integration/test_retry.py"
RESTORE = "tests/integration/test_restore.py"
CONSUME = "tests/integration/test_consume.py"
TRANSACTIONS = "tests/integration/test_reader_transactions.py"
EXPIRED = "tests/integration/test_offsets_expired.py"
BURST = "tests/integration/test_burst_of_bad_records.py"
REJECTED = "tests/integration/test_ledger_rejected.py"
FAILED = "tests/integration/test_ledger_failed.py"
STREAM = "tests/integration/test_stream.py"
WIRE = "tests/unit/test_wire.py"
OPERATIONS = "tests/integration/test_operations.py"
AUDIT = "tests/integration/test_audit.py"
PIECES = "tests/integration/test_audit_pieces.py"
LONG = "tests/integration/test_operations_long.py"
SIZE = "tests/integration/test_answer_size.py"

GUARDS = [
    Guard(
        "the offset is committed after success only",
        "if not _until_done(lambda: self._lambda.invoke(self._function, payload), ended):",
        "if not _until_done(lambda: None, ended):",
        "tests/e2e/test_poller.py::test_offsets_are_committed_after_success_only",
    ),
    Guard(
        "the gate is told after the commit",
        "    written = ledger.write(claims, failures)\n",
        "    gate.settle(claims[0].ticket.event_id, [one.ticket for one in claims])\n"
        "    written = ledger.write(claims, failures)\n",
        f"{CONSUME}::test_a_batch_fails_whole_while_the_ledger_is_away",
    ),
    Guard(
        "a committed batch is a success without the gate",
        "    except Unavailable:\n        return Issued(written, gate_updated=False)",
        "    except Unavailable:\n        raise",
        f"{ISSUE}::test_the_ledger_goes_on_when_the_gate_is_away",
    ),
    Guard(
        "the ledger's trouble is never a failed row",
        "        if is_indefinite(error):\n            raise\n        if len",
        "        if len",
        f"{REJECTED}::test_the_servers_trouble_is_never_a_failed_row",
    ),
    Guard(
        "a lost answer is unknown, not refused",
        "            return Sent.UNKNOWN",
        "            return Sent.REFUSED",
        f"{STREAM}::test_a_lost_answer_is_unknown_and_the_record_may_be_there",
    ),
    Guard(
        "every replica in sync has what is delivered",
        "ACKS_ALL = -1",
        "ACKS_ALL = 1",
        f"{WIRE}::test_a_request_is_what_the_library_builds",
    ),
    Guard(
        "an error of the broker is no delivery",
        'and answer[at : at + 2] == b"\\0\\0":',
        "and answer[at : at + 2]:",
        f"{WIRE}::test_every_error_of_a_broker_is_raised",
    ),
    Guard(
        "a delivery is that of this record",
        "if int.from_bytes(answer[4:8], signed=True) != correlation_id:",
        "if False:",
        f"{WIRE}::test_the_answer_to_another_request_is_none",
    ),
    Guard(
        "a failed send trips the breaker",
        "if self._breaker.quiet:",
        "if False:",
        f"{STREAM}::test_after_a_failure_the_next_sends_answer_at_once",
    ),
    Guard(
        "the sweep issues what is overdue",
        "overdue = stores.gate.overdue(event_id, overdue_ms, not_after_ms, stores.settings.sweep_batch)",
        "overdue: list[object] = []",
        f"{RETRY}::test_a_ticket_whose_record_was_never_sent_is_issued",
    ),
    Guard(
        "a taken ticket is reassigned",
        "return _reassign(ledger, gate, row, ticket)",
        'raise _Failed(Reason.TICKET_TAKEN, "taken")',
        f"{RETRY}::test_a_taken_ticket_is_reassigned",
    ),
    Guard(
        "the sweep leaves the backlog to consume",
        "EVERYTHING_READ if unread.oldest_ms is None else unread.oldest_ms",
        "EVERYTHING_READ",
        f"{RETRY}::test_a_ticket_whose_record_is_unread_is_left_to_consume",
    ),
    Guard(
        "a blind sweep asks for more age",
        "return settings.sweep_overdue_blind_ms, EVERYTHING_READ",
        "return settings.sweep_overdue_ms, EVERYTHING_READ",
        f"{RETRY}::test_without_the_stream_only_old_tickets_are_swept",
    ),
    Guard(
        "restore waits for records in flight",
        "if lost_ms < settings.restore_wait_ms:",
        "if False:",
        f"{RESTORE}::test_a_gate_stays_lost_until_records_in_flight_are_there",
    ),
    Guard(
        "restore reads the coupon rows last",
        "    owed = [",
        "    early = list(ledger.coupons(event.event_id))\n    ledger.coupons = lambda _: early\n    owed = [",
        f"{RESTORE}::test_the_rows_are_read_last",
    ),
    Guard(
        "restore ignores impossible tickets",
        " or not 1 <= ticket.number <= capacity",
        "",
        "tests/unit/test_rebuild.py",
    ),
    Guard(
        "attempts are bounded",
        "if row.attempts >= settings.failed_attempts:",
        "if False:",
        f"{RETRY}::test_a_row_dies_with_its_last_attempt",
    ),
    Guard(
        "attempts that died are counted too",
        "if row.attempts >= ledger.settings.failed_attempts]",
        "if False]",
        f"{FAILED}::test_a_row_that_has_used_up_its_attempts_dies",
    ),
    Guard(
        "a server's trouble gives the attempt back",
        "row.reason, str(trouble), counted=False)",
        "row.reason, str(trouble), counted=True)",
        f"{RETRY}::test_trouble_with_a_server_does_not_use_up_attempts",
    ),
    Guard(
        "a run stops in time",
        "return self.remaining_ms() < self.stores.settings.retry_reserve_ms",
        "return False",
        f"{RETRY}::test_a_run_that_is_out_of_time_starts_nothing",
    ),
    Guard(
        "only a quiet event is reconciled",
        "if seen.pending or not stores.reader.caught_up() or ledger.list_failed(event_id, FailedStatus.WAITING, 1):",
        "if False:",
        f"{RESTORE}::test_a_busy_event_is_not_reconciled",
    ),
    Guard(
        "the operator refuses in the ledger first",
        '    if not stores.ledger.refuse(event_id, user_id, given.get("reason", REASON)).done:',
        "    if stores.ledger.standing(event_id, user_id).row:",
        f"{ISSUE}::test_a_late_record_gives_a_refused_person_no_row",
    ),
    Guard(
        "wipe is for the local cloud",
        "if not stores.settings.local_cloud:",
        "if False:",
        f"{OPERATIONS}::test_wipe_is_for_the_local_cloud_only",
    ),
    Guard(
        "a typing error never widens an action",
        'if name not in known and name != "action"]',
        "if not name]",
        f"{OPERATIONS}::test_a_field_that_an_action_does_not_know_is_refused",
    ),
    Guard(
        "what reaches every event asks for it",
        "((EVENT_ID,), (ALL_EVENTS,)),",
        "((),), may=(EVENT_ID, ALL_EVENTS),",
        f"{OPERATIONS}::test_what_reaches_every_event_asks_for_all_events",
    ),
    Guard(
        "an audit that could not compare is not content",
        "return False if found else True if known else None",
        "return not found",
        f"{AUDIT}::test_a_gate_that_is_lost_meanwhile_is_not_called_whole",
    ),
    Guard(
        "an audit asks again before a finding counts",
        "for number in range(LOOKS):\n        seen = look",
        "for number in range(1):\n        seen = look",
        f"{PIECES}::test_who_moves_meanwhile_is_not_found",
    ),
    Guard(
        "a number is nobody's once everybody was asked",
        "range(LOOKS if any(wrong) else 0)",
        "range(0)",
        f"{PIECES}::test_it_finds_what_an_audit_of_one_moment_finds",
    ),
    Guard(
        "a worker whose lease is over keeps nothing",
        "INTERVAL :lease_ms * 1000 MICROSECOND\nWHERE id = :operation_id AND lease = :lease AND",
        "INTERVAL :lease_ms * 1000 MICROSECOND\nWHERE id = :operation_id AND (:lease IS NOT NULL) AND",
        f"{LONG}::test_two_workers_do_not_work_on_one_operation",
    ),
    Guard(
        "a list of failed rows ends where the answer is full",
        "        if room < 0:",
        "        if False:",
        f"{SIZE}::test_failed_rows_can_be_listed_whatever_they_hold",
    ),
    Guard(
        "a marker is nothing to read",
        'COMMITTED, UNCOMMITTED = "read_committed", "read_uncommitted"',
        'COMMITTED, UNCOMMITTED = "read_uncommitted", "read_uncommitted"',
        f"{TRANSACTIONS}::test_a_marker_is_nothing_to_read",
    ),
    Guard(
        "records behind a transaction under way are owed",
        "        yield from self._read(UNCOMMITTED, _open(spans))\n",
        "",
        f"{TRANSACTIONS}::test_records_behind_a_transaction_under_way_are_unread",
    ),
    Guard(
        "what is owed behind an expired offset is left to consume",
        "                if not known:",
        "                if False:",
        f"{EXPIRED}::test_what_is_behind_an_expired_offset_is_left_to_consume",
    ),
    Guard(
        "an expired offset is no backlog",
        "if self._outcomes is None:",
        "if True:",
        f"{EXPIRED}::test_an_expired_offset_keeps_nobody_from_the_sweep",
    ),
    Guard(
        "records that nobody may have read are not guessed about",
        "    if log.begin > start:",
        "    if False:",
        f"{EXPIRED}::test_nothing_is_guessed_of_deleted_records",
    ),
    Guard(
        "bad rows leave time for a lost gate",
        "self.stop() or self.remaining_ms() < halfway_ms",
        "self.stop()",
        f"{BURST}::test_no_burst_of_bad_rows_keeps_a_gate_lost",
    ),
    Guard(
        "a damaged record fails alone",
        "            if isinstance(record, dict):",
        "            if True:",
        f"{CONSUME}::test_a_damaged_record_is_one_failed_row",
    ),
]
