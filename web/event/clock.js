/**
 * The server's time, from the `now` of its answers; the device's own clock is never read.
 *
 * When an answer arrives its `now` is past: each is a lower bound, however long the way or a cache took. The greatest is
 * kept, so the clock never runs backwards, and never runs ahead of the server: who asks at their turn is not too early.
 */
export class Clock {
  #steady;
  #offset = -Infinity;

  /** `steady()`: milliseconds that only go forward, as performance.now(). */
  constructor(steady) {
    this.#steady = steady;
  }

  /** Learn from the `now` of an answer that has just come; anything but a time is ignored. */
  hear(now) {
    const at = Date.parse(now);
    if (!Number.isNaN(at)) this.#offset = Math.max(this.#offset, at - this.#steady());
  }

  /** Whether the server's time is known. */
  get known() {
    return this.#offset > -Infinity;
  }

  /** Return the server's time in milliseconds of the epoch. */
  now() {
    return this.#steady() + this.#offset;
  }
}
