/** When the page asks: every wait of it, with its reason. */
const SECOND = 1000;
const MINUTE = 60 * SECOND;

/** One check-in at a random moment of these nine minutes: it finds a token that has expired, and learns the turn. */
export const CHECK_IN_FROM_MS = 10 * MINUTE;
export const CHECK_IN_UNTIL_MS = MINUTE;
const LATE_CHECK_IN_MS = 10 * SECOND; // who comes in the last minute checks in within this
/** Full jitter: the longest wait before each further try. After the last there is a button. */
export const RETRY_CAPS_MS = [1, 2, 4, 8, 16, 30].map((seconds) => seconds * SECOND);
/** A winner asks for the status after each of these, until the coupon is there. */
export const STATUS_WAITS_MS = [2, 4, 8, 16].map((seconds) => seconds * SECOND);
/** While the event is paused the page looks at it after a random time between these. */
export const PAUSED_FROM_MS = 20 * SECOND;
export const PAUSED_UNTIL_MS = 60 * SECOND;
const LONGEST_TIMER_MS = 60 * MINUTE; // a browser's timer overflows after 24 days

/** Return the moment of the check-in of somebody who is there at `now`. */
export function checkInAt(opens, now, random) {
  const until = opens - CHECK_IN_UNTIL_MS;
  if (now >= until) return now + random() * Math.min(LATE_CHECK_IN_MS, (opens - now) / 2);
  const from = Math.max(now, opens - CHECK_IN_FROM_MS);
  return from + random() * (until - from);
}

/** One timer, in the server's time; a new one takes the place of the former. */
export class Alarm {
  #timers; #clock; #id = null;

  constructor(timers, clock) {
    this.#timers = timers;
    this.#clock = clock;
  }

  /** Call `then` after `ms`. */
  after(ms, then) {
    this.cancel();
    this.#id = this.#timers.set(then, ms);
  }

  /** Call `then` when the server's clock reads `at`; never earlier, however inexact the browser's timers are. */
  at(at, then) {
    const left = Math.max(0, at - this.#clock.now());
    this.after(Math.min(left, LONGEST_TIMER_MS), () => (this.#clock.now() < at ? this.at(at, then) : then()));
  }

  cancel() {
    this.#timers.clear(this.#id);
    this.#id = null;
  }
}
