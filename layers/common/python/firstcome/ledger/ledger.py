"""The ledger: coupon rows, codes, redemptions, refusals, failed rows and events in MySQL, whose keys hold the promise.

Each method lives beside the table that it works on, and is one statement or one transaction that may be repeated.
"""

from firstcome.ledger import (
    codes,
    coupons,
    erasure,
    events,
    failed_events,
    leases,
    long_operations,
    operations,
    pages,
    redemptions,
    refusals,
    views,
)
from firstcome.ledger.database import Database


class Ledger(Database):
    """Everything that the others ask of the ledger, through one connection. See `Database` for what may go wrong."""

    write = coupons.write
    has_row = coupons.has_row
    standing = coupons.standing
    audit_counts = coupons.audit_counts
    coupons = coupons.coupons  # last: from here on the name is the method's

    upload_codes = codes.upload_codes
    count_codes = codes.count_codes
    issued_without_code = codes.issued_without_code

    redeem_code = redemptions.redeem_code
    redeem_person = redemptions.redeem_person
    take_back = redemptions.take_back

    refuse = refusals.refuse
    revoke = refusals.revoke
    refusals = refusals.refusals

    claim_failed = leases.claim_failed
    resolve_failed = leases.resolve_failed
    move_failed = leases.move_failed
    put_off = leases.put_off
    redrive = leases.redrive

    outcomes = failed_events.outcomes
    failed_row = failed_events.failed_row
    list_failed = failed_events.list_failed
    open_failed = failed_events.open_failed
    count_failed = failed_events.count_failed
    count_open = failed_events.count_open

    coupons_below = pages.coupons_below
    people = pages.people
    refusals_after = pages.refusals_after
    failed_between = pages.failed_between

    begin_long_operation = long_operations.begin_long_operation
    claim_operation = long_operations.claim_operation
    keep_operation = long_operations.keep_operation
    put_off_operation = long_operations.put_off_operation
    end_operation = long_operations.end_operation

    create_event = events.create_event
    event = events.event
    gated_events = events.gated_events
    is_gated = events.is_gated
    set_state = events.set_state
    raise_capacity = events.raise_capacity
    edit = events.edit
    reschedule = events.reschedule
    next_restore_epoch = events.next_restore_epoch
    wipe = events.wipe

    erase_person = erasure.erase_person
    erase_everybody = erasure.erase_everybody
    erase_strays = erasure.erase_strays
    strays = erasure.strays
    events_naming = erasure.events_naming
    events_kept_too_long = erasure.events_kept_too_long

    begin_operation = operations.begin_operation
    decide_operation = operations.decide_operation
    finish_operation = operations.finish_operation
    operation = operations.operation
    operation_of_id = operations.operation_of_id
    version_locked = operations.version_locked
    operations = operations.operations  # last: from here on the name is the method's

    list_events = views.list_events
    winners = views.winners
    issued_per_second = views.issued_per_second
    winner = views.winner
    refusal = views.refusal
    failed_of = views.failed_of
