/** Why a record became no coupon, and what to do. */
const BROKEN = "Nobody is named in it that could be given a coupon. Look who has a ticket without a row (audit), then refuse the row.";

export const REASONS = {
  no_value: ["The record is empty.", BROKEN],
  not_base64: ["The record is not what the stream carries.", BROKEN],
  not_json: ["The record is no JSON.", BROKEN],
  unknown_version: ["The record is of a version that this release does not know.", "Finish the deployment, then redrive."],
  bad_field: ["A field of the record is missing or wrong.", BROKEN],
  wrong_topic: ["The record came by another topic.", "See who writes there. Then redrive, or refuse."],
  unknown_event: ["The ledger does not know the event.", "If the event is missing after a restore of the database, bring it back, then redrive. Else refuse."],
  ticket_out_of_range: ["The ticket's number is above the capacity.", "Raise the capacity, then redrive. Or refuse."],
  ticket_taken: ["Somebody else has a coupon with this ticket.", "Look both up. Redrive gives nothing here: reconcile, or refuse."],
  ledger_rejected: ["The ledger rejected the row.", "Read what the database said, mend it, then redrive."],
};

export const STATUSES = {
  waiting: "is tried again by the schedule",
  dead: "all attempts are used up: it waits for you",
  resolved: "became a coupon",
  refused: "was refused",
};
