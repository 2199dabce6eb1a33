"""The guards of codes, redemptions and revocation."""

from __future__ import annotations

from tests.sabotage.guard import Guard

CODES = "tests/integration/test_codes.py"
REDEMPTION = "tests/integration/test_redemption.py"
REVOKE = "tests/integration/test_revoke.py"

GUARDS = [
    Guard(
        "a code is one ticket's",
        "  PRIMARY KEY (event_id, code),",
        "  KEY coupon_code_code (event_id, code),",
        f"{CODES}::test_what_the_server_says_of_a_code_is_told_to_nobody",
    ),
    Guard(
        "what a server says of a code is not told",
        'silent = type(error)(code_of(error), "its words are left out: they may quote a code")',
        "silent = error",
        f"{CODES}::test_what_the_server_says_of_a_code_is_told_to_nobody",
    ),
    Guard(
        "an upload stays within the capacity",
        "if first_ticket + len(codes) - 1 > capacity:",
        "if False:",
        f"{CODES}::test_a_bad_chunk_uploads_nothing",
    ),
    Guard(
        "a revoked code is spent",
        "spent = statements.spend_code(connection, event_id=event_id, ticket=ticket)",
        "spent = 1",
        f"{REVOKE}::test_a_revoked_code_is_spent_for_ever",
    ),
    Guard(
        "a redeemed coupon is not revoked",
        "            return Revoked(done=False, ticket=ticket)",
        "            pass",
        f"{REVOKE}::test_a_redeemed_coupon_is_not_revoked",
    ),
    Guard(
        "restore asks for refusals after the rows",
        "    rows, refused = ledger.coupons(event.event_id), partial(ledger.refusals, event.event_id)",
        "    early = ledger.refusals(event.event_id)\n"
        "    rows, refused = ledger.coupons(event.event_id), lambda: early",
        f"{REVOKE}::test_a_revocation_while_restore_reads_is_honoured",
    ),
    Guard(
        "a coupon is redeemed once",
        "            return Redemption(Redeeming.REDEEMED, ticket)",
        "            pass",
        f"{REDEMPTION}::test_a_coupon_is_redeemed_once",
    ),
    Guard(
        "one redemption stands per coupon",
        "UNIQUE KEY redemption_live (event_id, ticket, is_live)",
        "KEY redemption_live (event_id, ticket, is_live)",
        "tests/integration/test_ledger_schema.py::test_the_keys_of_codes_and_redemptions_hold_without_any_code",
    ),
    Guard(
        "one code per ticket",
        "UNIQUE KEY coupon_code_unspent (event_id, ticket, is_unspent)",
        "KEY coupon_code_unspent (event_id, ticket, is_unspent)",
        "tests/integration/test_ledger_schema.py::test_the_keys_of_codes_and_redemptions_hold_without_any_code",
    ),
    Guard(
        "a key that is taken back redeems nothing",
        "        return Redemption(Redeeming.TAKEN_BACK)",
        "        pass",
        f"{REDEMPTION}::test_a_late_request_of_a_key_that_was_taken_back_is_refused",
    ),
    Guard(
        "a key stands for one coupon",
        "if asked != ticket and not (by_person and asked is None and erased):",
        "if False:",
        f"{REDEMPTION}::test_a_key_stands_for_one_code_and_one_caller",
    ),
    Guard(
        "a revocation closes open failed rows",
        "        _refuse(connection, event_id, user_id, reason)\n        spent",
        "        statements.insert_refusal(connection, event_id=event_id, user_id=user_id, reason=reason)\n"
        "        spent",
        f"{REVOKE}::test_a_revocation_closes_open_failed_rows",
    ),
    Guard(
        "a refusal frees no ticket that has a row",
        "has_row = bool(ticket) and ledger.has_row(event_id, ticket)",
        "has_row = False",
        "tests/integration/test_operations.py::test_refuse_frees_no_ticket_that_has_a_row",
    ),
]
