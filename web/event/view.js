/** What the page shows: one sentence, one next step, and the facts behind them. It reads the machine, and decides nothing. */
import { LANGUAGES } from "./words.js";

const AT_RANDOM_UNTIL = { before: "opens", signedout: "opens", turn: "turn" };
const WITH_OPENING = new Set(["before", "turn", "signedout", "open"]);
const TO_THE_S = { dateStyle: "long", timeStyle: "long" };
// Most who come too late do so within the second in which the last one is given.
const TO_THE_MS = {
  year: "numeric", month: "long", day: "numeric", hour: "numeric", minute: "2-digit", second: "2-digit",
  fractionalSecondDigits: 3, timeZoneName: "short",
};
const ANNOUNCED_S = [600, 60, 10]; // what the timer says to a screen reader; all else of it is silent
const SAID_MS = 4000; // then it is no longer true: whoever reads the page on does not meet it

export class View {
  #page; #language = "en"; #step = () => {}; #copied = false; #left = Infinity; #saidAt = Infinity;

  constructor(document) {
    this.#page = document;
    this.#at("step").addEventListener("click", () => this.#step());
  }

  /** Speak this language from now on. */
  set language(tag) {
    this.#language = tag;
    this.#page.documentElement.lang = tag;
    for (const link of this.#page.querySelectorAll("[data-language]")) {
      if (link.dataset.language === tag) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  }

  /** Show the state; `step` is what its button does. */
  show(state, { event, person, now, step }) {
    const words = this.#words[state.name];
    const facts = this.#facts(state, event, now);
    this.#step = () => step(state);
    if (this.#page.body.dataset.state !== state.name) {
      this.#copied = false;
      this.#text("said", "");
    }
    this.#page.body.dataset.state = state.name;
    this.#text("event", event?.name ?? "");
    this.#page.title = [words.sentence(facts), event?.name].filter(Boolean).join(" – ");
    this.#text("sentence", words.sentence(facts));
    this.#text("detail", words.detail?.(facts) ?? "");
    this.#button(words, facts);
    this.#coupon(state);
    this.#list(this.#rows(state, event));
    this.#text("sign-out", person ? this.#words.signOut(person.name) : "");
    this.#at("sign-out").hidden = !person;
    this.tick(state, event, now);
  }

  /** Show the time that is left, and the wait before the next try. */
  tick(state, event, now) {
    const kind = AT_RANDOM_UNTIL[state.name];
    const at = kind === "turn" ? state.turnAt : kind && Date.parse(event?.opens_at ?? "");
    const left = at && now !== null ? Math.max(0, Math.ceil((at - now) / 1000)) : null;
    const shown = left !== null && left > 0;
    this.#at("countdown").hidden = !shown;
    if (shown) {
      this.#text("until", this.#words.until[state.name]);
      this.#text("timer", this.#clock(left));
    }
    if (now - this.#saidAt >= SAID_MS) this.#text("said", "");
    if (left !== null) this.#announce(left, now);
    if (state.name === "tryagain" && now !== null) this.#text("detail", this.#words.tryagain.detail(this.#facts(state, event, now)));
  }

  /** Say that the code is in the clipboard. */
  copied() {
    this.#copied = true;
    this.#text("step", this.#words.issued.done);
    this.#text("said", this.#words.issued.done);
    this.#saidAt = Infinity;
  }

  get #words() {
    return LANGUAGES[this.#language];
  }

  #facts(state, event, now) {
    const wait = state.againAt && now !== null ? Math.max(1, Math.ceil((state.againAt - now) / 1000)) : 1;
    return {
      ...state,
      ticket: state.ticket?.number,
      turn: state.turnAt && this.#time(state.turnAt, null, { timeStyle: "medium" }),
      isDrawn: event?.spread_ms > 0,
      asked: state.askedAt !== undefined,
      again: state.againAt === undefined ? "" : this.#words.seconds(wait),
    };
  }

  #rows(state, event) {
    const { facts } = this.#words;
    const rows = [];
    const when = (label, at, how) => at && rows.push([label, this.#moment(at, event, how)]);
    if (event && WITH_OPENING.has(state.name)) {
      when(facts.opens, event.opens_at);
      if (state.turnAt) rows.push([facts.turn, this.#moment(state.turnAt, null)]);
      else if (event.timezone && !this.#isOwnZone(event)) rows.push([facts.yours, this.#moment(event.opens_at, null)]);
      rows.push([facts.capacity, event.capacity.toLocaleString(this.#language)]);
    }
    if (state.ticket && state.name !== "issued") when(facts.applied, state.ticket.appliedAt);
    const { first = state } = state;
    const receipt = ({ askedAt, soldOutAt, correlationId }, asked, reference) => {
      if (state.name !== "asking") when(asked, askedAt, soldOutAt ? TO_THE_MS : undefined);
      if (correlationId) rows.push([reference, correlationId]);
    };
    when(facts.soldOut, first.soldOutAt, TO_THE_MS);
    receipt(first, facts.asked, facts.reference);
    if (first === state) return rows;
    if (state.soldOutAt !== first.soldOutAt) when(facts.soldOut, state.soldOutAt, TO_THE_MS);
    receipt(state, facts.askedAgain, facts.referenceAgain);
    return rows;
  }

  #button(words, facts) {
    const button = this.#at("step");
    const label = this.#copied ? words.done : words.step?.(facts);
    const hadFocus = this.#page.activeElement === button;
    button.hidden = !label;
    button.textContent = label || "";
    if (hadFocus && !label) this.#at("sentence").focus(); // whoever pressed it reads on where the answer comes
  }

  #coupon(state) {
    const isIssued = state.name === "issued";
    this.#at("coupon").hidden = !isIssued;
    if (!isIssued) return;
    this.#text("coupon-kind", this.#words.coupon);
    const number = `№ ${state.ticket.number}`;
    this.#text("coupon-ticket", state.code ? number : "");
    this.#text("coupon-code", state.code ?? number);
  }

  #list(rows) {
    const items = rows.map(([label, value]) => {
      const row = this.#page.createElement("div");
      for (const [tag, text] of [["dt", label], ["dd", value]]) {
        row.appendChild(this.#page.createElement(tag)).textContent = text;
      }
      return row;
    });
    this.#at("facts").replaceChildren(...items);
    this.#at("facts").hidden = !rows.length;
  }

  /** Speak at the moments that count, and at no other: a timer that speaks each second drowns everything else. */
  #announce(left, now) {
    const passed = ANNOUNCED_S.filter((mark) => left <= mark && mark < this.#left);
    const isNew = this.#left < Infinity && this.#left > left;
    const said = isNew && (left === 0 ? this.#words.opened : this.#words.said[passed.at(-1)]);
    if (said) {
      this.#text("said", said);
      this.#saidAt = now;
    }
    this.#left = left;
  }

  #clock(seconds) {
    const two = (n) => String(n).padStart(2, "0");
    const days = Math.floor(seconds / 86_400);
    const clock = [Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60, seconds % 60].map(two).join(":");
    return days ? `${this.#words.days(days)} ${clock}` : clock;
  }

  #moment(at, event, how = TO_THE_S) {
    const text = this.#time(at, event, how);
    const zone = event ? event.timezone : Intl.DateTimeFormat().resolvedOptions().timeZone;
    return !zone || text.endsWith(` ${zone}`) ? text : `${text} (${zone})`; // "UTC" is its own short name
  }

  #time(at, event, how) {
    const options = { ...how, timeZone: event?.timezone };
    return new Intl.DateTimeFormat(this.#language, options).format(new Date(at));
  }

  #isOwnZone({ timezone, opens_at: at }) {
    const clock = (zone) => new Intl.DateTimeFormat("en", { dateStyle: "full", timeStyle: "full", timeZone: zone }).format(Date.parse(at));
    return clock(timezone) === clock(undefined);
  }

  #at(id) {
    return this.#page.getElementById(id);
  }

  #text(id, text) {
    const element = this.#at(id);
    if (element.textContent !== text) element.textContent = text; // what has not changed is not read out again
  }
}
