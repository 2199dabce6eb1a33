/** What operators are offered: which action in which state, and how it is asked for. What the promise forbids is not here. */

/**
 * Each action: `label` of its button, `title` and `says` of its dialog, `typed` where the event's id must be typed
 * because it cannot be undone, and `place`, the one of the event's bar in which its button stands. Two actions of one
 * place are never offered together, so nothing moves when the state changes.
 */
export const ACTIONS = {
  open: {
    label: "Open", place: 1, states: ["draft", "paused", "closed"], title: "Open this event?",
    says: "From now on its window decides who may ask. Name and turns are fixed for good.",
  },
  pause: {
    label: "Pause", place: 1, states: ["open"], title: "Pause this event?",
    says: "Nobody is given a coupon until it is opened again. Whoever has a ticket keeps it.",
  },
  close: {
    label: "Close", place: 2, states: ["open", "paused"], title: "Close this event?",
    says: "Nobody is given a coupon any more. It may be opened again.",
  },
  edit: { label: "Edit draft", place: 2, states: ["draft"] },
  raise_capacity: {
    label: "Raise capacity", place: 3, states: ["open", "paused", "closed"], typed: true, title: "Raise the capacity?",
    says: "The number of coupons is never lowered again.",
  },
  reschedule: {
    label: "Reschedule", place: 4, states: ["open", "paused", "closed"], title: "Let it open or close later?",
    says: "To later times only. In the last two minutes before the opening, pause it instead.",
  },
  delete: {
    label: "Delete draft", place: 3, states: ["draft"], typed: true, danger: true, title: "Delete this draft?",
    says: "Its id is never used again.",
  },
  end: {
    label: "End", place: 5, states: ["open", "paused", "closed"], typed: true, danger: true, title: "End this event for good?",
    says: "It cannot be opened again. Tickets on their way still become coupons.",
  },
  purge: {
    label: "Erase everybody", place: 5, states: ["ended"], typed: true, danger: true, title: "Erase everybody of this event?",
    says: "Every person's id is removed from the ledger. It cannot be undone.",
  },
  redrive: { label: "Redrive", title: "Try again?", says: "The scheduled retry takes it up, with all its attempts." },
  refuse: {
    label: "Refuse", typed: true, danger: true, title: "Refuse this person for good?",
    says: "They get no coupon of this event, whatever they do. Their ticket goes to the next person who asks.",
  },
  revoke: {
    label: "Revoke", typed: true, danger: true, title: "Take this coupon back for good?",
    says: "The coupon is deleted, its code is spent, the person is refused. The ticket goes to the next person who asks.",
  },
  erase: {
    label: "Erase", typed: true, danger: true, title: "Erase this person?",
    says: "Their id is removed from this event in the ledger. It cannot be undone.",
  },
  restore: { label: "Restore", title: "Rebuild the gate?", says: "Meanwhile everybody is told to try again." },
  reconcile: { label: "Reconcile", title: "Compare gate and ledger?", says: "Whatever differs is repaired from the ledger." },
  audit: { label: "Audit now" },
  create: { label: "New event" },
  upload_codes: { label: "Upload codes" },
};

export const PLACES = [1, 2, 3, 4, 5];
const CHANGED_BY_VERSION = new Set(["open", "pause", "close", "end", "raise_capacity", "edit", "delete", "reschedule"]);

/** Return whether somebody sees any button: whoever only looks sees none. */
export function changes(me) {
  return me.groups.some((group) => group === "operator" || group === "admin");
}

/** Return whether somebody is offered an action. */
export function offered(me, action) {
  return changes(me) && me.may.includes(action);
}

/** Return the action that stands in a place of the bar, or undefined. */
export function inPlace(me, event, place) {
  const found = Object.entries(ACTIONS).find(([, each]) => each.place === place && each.states.includes(event.state));
  return found && offered(me, found[0]) ? found[0] : undefined;
}

/** Return the fields that say which version of the event was seen. */
export function versionOf(action, event) {
  return CHANGED_BY_VERSION.has(action) ? { expect_version: event.config_version } : {};
}
