/**
 * What the page does: its states and the rules of asking. No DOM, no real time, no network: all are given, so that
 * thousands of these run on a clock of a test's own.
 */
import { Alarm, CHECK_IN_FROM_MS, PAUSED_FROM_MS, PAUSED_UNTIL_MS, RETRY_CAPS_MS, STATUS_WAITS_MS, checkInAt } from "./schedule.js";

/** Each `state.name`. What else is in a state: see where it is set. */
export const STATES = [
  "loading", "missing", "before", "turn", "open", "asking", "accepted", "making", "issued",
  "soldout", "paused", "closed", "refused", "tryagain", "signedout", "offline",
];
const NEEDS_THE_NETWORK = new Set(["loading", "before", "turn", "open", "asking", "paused", "tryagain"]);
const STILL_TO_COME = new Set(["before", "turn", "open", "paused", "signedout"]);

export class Machine {
  state = { name: "loading" };
  event = null;
  #api; #clock; #alarm; #random; #newId; #memory; #isSignedIn; #changed;
  #round = 0; // an answer to what was asked in an earlier round comes too late
  #isOnline = true;

  /**
   * api: Api; clock: Clock; timers: {set(call, ms), clear(id)}; random(): [0, 1); newId(): a correlation id;
   * memory: {read(), write(known)} of this event and person; isSignedIn(inMs): whether somebody is, so long from now; changed(machine).
   */
  constructor({ api, clock, timers, random, newId, memory, isSignedIn, changed }) {
    this.#api = api;
    this.#clock = clock;
    this.#alarm = new Alarm(timers, clock);
    this.#random = random;
    this.#newId = newId;
    this.#memory = memory;
    this.#isSignedIn = isSignedIn;
    this.#changed = changed;
  }

  /** Look at the event, and go on from what is remembered. */
  start() {
    return this.#look(0, () => this.#decide());
  }

  /** Take part: the page asks by itself, at the turn. */
  join() {
    this.#know({ joined: true });
    this.#decide();
  }

  /** Ask now, because somebody pressed the button; a second press changes nothing. */
  ask() {
    if (this.state.name !== "asking") this.#ask(0);
  }

  /** Ask how far the coupon is; only who remembers a ticket does. */
  lookAgain() {
    const { ticket } = this.#memory.read();
    if (ticket) this.#status(ticket, 0, this.#begin());
  }

  /** The network is gone: nothing is asked until `online`. */
  offline() {
    this.#isOnline = false;
    if (!NEEDS_THE_NETWORK.has(this.state.name)) return;
    this.#begin();
    this.#set({ name: "offline" });
  }

  /** The network is there again: go on. */
  online() {
    this.#isOnline = true;
    if (this.state.name === "offline") this.start();
    if (this.state.name === "making") this.lookAgain();
  }

  /** The device has slept, or the page was left and come back to: look again where something is still to come. */
  wake() {
    if (STILL_TO_COME.has(this.state.name)) this.start();
  }

  /** Another tab has written to the memory: what it was told counts here, too. */
  remembered() {
    const { ticket, no } = this.#memory.read();
    if (this.event && ((ticket && !this.state.ticket) || (no && this.state.name === "asking"))) this.#decide();
  }

  // --- what comes next ---------------------------------------------------------------------------------------------

  #decide() {
    const round = this.#begin();
    const { ticket, no, joined, unsure, turn } = this.#memory.read();
    const { state, opens_at: opensAt, remaining } = this.event;
    const opens = Date.parse(opensAt);
    const now = this.#clock.now();
    if (!this.#isSignedIn(0)) {
      const isGone = state === "open" && remaining === 0;
      return this.#set(this.#isOver() ? { name: "closed" } : isGone ? { name: "soldout", signedOut: true } : { name: "signedout" });
    }
    if (ticket) {
      this.#set({ name: "accepted", ticket });
      return this.#status(ticket, 0, round);
    }
    if (no) return this.#set(no);
    if (unsure) return this.#ask(0);
    if (this.#isOver()) return this.#closed();
    if (joined && turn?.opensAt === opensAt && turn.at > now) return this.#atTurn(turn.at);
    if (now < opens) {
      this.#set({ name: "before", joined });
      if (!joined) return this.#alarm.at(opens, () => this.#decide());
      return this.#alarm.at(checkInAt(opens, now, this.#random), () => this.#checkIn(round));
    }
    if (joined) return this.#ask(0);
    if (state === "paused") return this.#paused();
    if (state === "draft") return this.#notOpen({ opens_at: opensAt });
    return this.#set({ name: remaining === 0 ? "soldout" : "open" });
  }

  #isOver() {
    const { state, closes_at: closesAt } = this.event;
    return state === "ended" || state === "closed" || this.#clock.now() >= Date.parse(closesAt);
  }

  /** An application before the opening: it is told the turn, and changes nothing. */
  async #checkIn(round) {
    if (!this.#isSignedIn(CHECK_IN_FROM_MS)) return this.#set({ name: "signedout", expired: true });
    const answer = await this.#api.apply(this.#newId());
    if (round !== this.#round) return;
    if (answer.kind !== "unknown" && answer.kind !== "later") return this.#told(answer, 0);
    // No turn was told: a moment of one's own, so that not everybody asks at the opening.
    const { opens_at: opensAt, spread_ms: spreadMs = 0 } = this.event;
    this.#alarm.at(Date.parse(opensAt) + this.#random() * spreadMs, () => this.#ask(0));
  }

  // --- asking ------------------------------------------------------------------------------------------------------

  async #ask(tries) {
    if (this.#memory.read().ticket) return this.#decide(); // another tab was quicker
    const round = this.#begin();
    const askedAt = this.#clock.now();
    const { unsure } = this.#memory.read();
    this.#know({ joined: true, unsure: true, no: null }); // before it is sent: the page may be closed meanwhile
    this.#set({ name: "asking", askedAt });
    const answer = await this.#api.apply(this.#newId());
    if (round !== this.#round) return;
    if (answer.kind === "later" || answer.kind === "signed_out") this.#know({ unsure });
    this.#told({ ...answer, askedAt }, tries);
  }

  #told(answer, tries) {
    if (answer.kind === "won") return this.#won(answer);
    if (answer.kind === "signed_out") return this.#set({ name: "signedout", expired: true });
    if (answer.kind !== "no") return this.#retry(answer, tries);
    this.#know({ unsure: false });
    switch (answer.code) {
      case "sold_out": return this.#no("soldout", answer);
      case "refused": return this.#no("refused", answer);
      case "closed": return this.#closed();
      case "paused": return this.#paused(answer.retryAfterMs);
      case "not_open": return this.#notOpen(answer);
      case "unknown_event": return this.#set({ name: "missing" });
      default: return this.#retry(answer, RETRY_CAPS_MS.length); // a fault of ours, which asking again does not mend
    }
  }

  #no(name, { now, askedAt, sold_out_at: soldOutAt, correlation_id: correlationId }) {
    // When the gate read it, where it says so: the page's own clock may be behind, and "before the last one" would be wrong.
    const receipt = { askedAt: Date.parse(now) || askedAt, soldOutAt, correlationId };
    // The first one is a loser's only evidence: whoever asks again adds to it, and replaces nothing.
    const { first } = this.#memory.read();
    const no = { name, ...receipt, ...(name === "soldout" && first && { first }) };
    this.#know({ no, unsure: false, ...(name === "soldout" && !first && { first: receipt }) });
    this.#set(no);
  }

  /** It is over; whoever was told "sold out" before keeps that. */
  #closed() {
    this.#set({ name: "closed", ...this.#memory.read().first });
  }

  #notOpen({ opens_at: opensAt, turn_at: turnAt }) {
    if (opensAt) this.event = { ...this.event, opens_at: opensAt };
    const at = Date.parse(turnAt ?? opensAt);
    if (turnAt && at > this.#clock.now()) {
      this.#know({ turn: { at, opensAt } });
      return this.#atTurn(at);
    }
    this.#set({ name: "before", joined: this.#memory.read().joined });
    // A draft tells nobody a turn, and may be one still when its time has come.
    const next = Math.max(at || 0, this.#clock.now() + this.#between(PAUSED_FROM_MS, PAUSED_UNTIL_MS));
    this.#alarm.at(next, () => this.start());
  }

  #atTurn(at) {
    if (!this.#isSignedIn(at - this.#clock.now())) return this.#set({ name: "signedout", expired: true });
    this.#set({ name: "turn", turnAt: at });
    this.#alarm.at(at, () => this.#ask(0));
  }

  /** Look at the event, which a cache answers, until it goes on; then ask at a moment of one's own. */
  #paused(retryAfterMs = 0) {
    this.#begin();
    this.#set({ name: "paused" });
    this.#alarm.after(Math.max(retryAfterMs, this.#between(PAUSED_FROM_MS, PAUSED_UNTIL_MS)), () =>
      this.#look(0, () => {
        if (this.event.state === "paused") return this.#paused();
        if (this.event.state !== "open" || !this.#memory.read().joined) return this.#decide();
        this.#alarm.after(this.#random() * (this.event.spread_ms ?? 0), () => this.#ask(0));
      }),
    );
  }

  /** Try again after full jitter, and look at the event before: where that answers, nobody else is asked. */
  #retry({ retryAfterMs = 0, correlation_id: correlationId, askedAt, isMute }, tries) {
    const next = this.#again(tries, retryAfterMs, { correlationId, askedAt, isMute });
    next?.(() => {
      // What may have been decided is known from asking only: a winner is told the same again.
      if (!this.#memory.read().unsure && this.#isOver()) return this.#closed();
      if (!this.#memory.read().unsure && this.event.remaining === 0) {
        return this.#no("soldout", { askedAt, correlation_id: correlationId });
      }
      this.#ask(tries + 1);
    });
  }

  /** Look at the event, then go on; where there is no answer, try again as for an application. */
  async #look(tries, then) {
    const round = this.#begin();
    const answer = await this.#api.event();
    if (round !== this.#round) return;
    if (answer.kind === "no") return this.#set({ name: "missing" });
    if (answer.kind !== "event") return this.#again(tries, answer.retryAfterMs ?? 0, {})?.(then);
    this.event = answer;
    then();
  }

  /** Set the state for the next try; return what waits for it and looks, or null where a button is next. */
  #again(tries, retryAfterMs, more) {
    if (!this.#isOnline) return this.#set({ name: "offline" }), null;
    if (tries >= RETRY_CAPS_MS.length) return this.#set({ name: "tryagain", ...more }), null;
    const waitMs = retryAfterMs + this.#random() * RETRY_CAPS_MS[tries];
    this.#set({ name: "tryagain", againAt: this.#clock.known ? this.#clock.now() + waitMs : null, ...more });
    return (then) => this.#alarm.after(waitMs, () => this.#look(tries + 1, then));
  }

  // --- a winner ----------------------------------------------------------------------------------------------------

  #won({ ticket: number, user_id: userId, applied_at: appliedAt }) {
    const round = this.#begin();
    const ticket = { number, userId, appliedAt };
    this.#know({ joined: true, unsure: false, no: null, first: null, ticket });
    this.#set({ name: "accepted", ticket });
    this.#alarm.after(STATUS_WAITS_MS[0], () => this.#status(ticket, 1, round));
  }

  async #status(ticket, asked, round) {
    const answer = await this.#api.status(ticket.userId);
    if (round !== this.#round) return;
    if (answer.kind === "signed_out") return this.#set({ name: "signedout", expired: true });
    if (answer.code === "no_application") { // it was only reserved when Redis lost everything
      this.#know({ ticket: null });
      return this.#ask(0);
    }
    const { kind, status, ticket: number, code, issued_at: issuedAt } = answer;
    if (kind === "status" && status === "refused") {
      this.#know({ ticket: null });
      return this.#no("refused", { askedAt: Date.parse(ticket.appliedAt) });
    }
    if (kind === "status" && status === "issued") {
      return this.#set({ name: "issued", ticket: { ...ticket, number }, code, issuedAt });
    }
    const done = asked >= STATUS_WAITS_MS.length;
    this.#set({ name: kind === "status" ? "making" : this.state.name, ticket, done });
    if (!done) this.#alarm.after(STATUS_WAITS_MS[asked], () => this.#status(ticket, asked + 1, round));
  }

  // -----------------------------------------------------------------------------------------------------------------

  #know(more) {
    this.#memory.write({ ...this.#memory.read(), ...more });
  }

  #between(from, until) {
    return from + this.#random() * (until - from);
  }

  #begin() {
    this.#alarm.cancel();
    return ++this.#round;
  }

  #set(state) {
    this.state = state;
    this.#changed(this);
  }
}
