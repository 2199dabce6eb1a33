/** Small parts that several views share. */
import { ACTIONS, offered } from "../actions.js";
import { useShared } from "../shared.js";
import { requestFor } from "../dialog.js";
import { html } from "../html.js";
import { clock, inNamedZone, inZone, offsetName, ownZone } from "../times.js";

const STATES = { draft: "draft", open: "open", paused: "paused", closed: "closed", ended: "ended" };
const NUMBER = new Intl.NumberFormat("en-GB");

/** A number with its thousands; a dash for what is not known. */
export function number(value) {
  return value === null || value === undefined ? "–" : NUMBER.format(value);
}

export function State({ state }) {
  return html`<span class="state ${STATES[state] ?? ""}">${state}</span>`;
}

/** A moment in the event's zone; a hint says it in the reader's own. `bare`: its zone is said beside it. */
export function Moment({ at, zone = "UTC", bare = false }) {
  if (!at) return html`<span class="quiet">–</span>`;
  const ms = Date.parse(at);
  return html`<time dateTime=${at} title=${inNamedZone(ms, ownZone())}>${inZone(ms, zone, bare)}</time>`;
}

/** From when until when, with the zone once: each moment has its own offset only where the clock is changed between. */
export function Window({ from, until, zone }) {
  const [offset, other] = [from, until].map((at) => offsetName(Date.parse(at), zone));
  const bare = offset === other;
  return html`
    <${Moment} at=${from} zone=${zone} bare=${bare} /> <span class="quiet">until</span>
    ${" "}<${Moment} at=${until} zone=${zone} bare=${bare} />
    ${" "}<span class="quiet">${!bare ? zone : zone === "UTC" ? "UTC" : `${offset} (${zone})`}</span>
  `;
}

/** A button that asks before it acts, for whom it is offered; nothing for anybody else. */
export function Act({ action, eventId, label, small = true, ...request }) {
  const { ask, me } = useShared();
  if (!offered(me, action)) return null;
  const { label: usual, danger } = ACTIONS[action];
  const classes = [small && "small", danger && "danger quiet-danger"].filter(Boolean).join(" ");
  return html`<button type="button" class=${classes} onClick=${() => ask(requestFor(action, eventId, request))}>${label ?? usual}…</button>`;
}

/** Why there is nothing newer, in a line that is always there: its coming moves nothing. */
export function Freshness({ seen, what = "The API", also = "" }) {
  const { trouble, at } = seen;
  const text = !trouble
    ? at ? `Live. Seen at ${clock(at)}. ${also}` : "Looking …"
    : `${reason(trouble, what)}${at ? ` What is shown is of ${clock(at)}.` : ""} Trying again.`;
  return html`<p class="freshness ${trouble || also ? "bad" : "good"}" role="status">${text}</p>`;
}

/** Return why there is no answer. */
export function reason(trouble, what) {
  if (trouble.kind === "unknown" && trouble.code === "try_again") return `${what} does not answer.`;
  if (trouble.kind === "unknown") return trouble.detail || "The API does not answer.";
  if (trouble.kind === "signed_out") return "You are signed out.";
  return trouble.detail || trouble.code;
}

export function Problem({ trouble, what = "The ledger (MySQL)" }) {
  return html`<p class="trouble" role="alert">${trouble && reason(trouble, what)}</p>`;
}

/** A link that looks for the next rows; it acts on nothing. */
export function More({ onMore, children }) {
  const click = (event) => {
    event.preventDefault();
    onMore();
  };
  return html`<a href="#more" class="more" onClick=${click}>${children}</a>`;
}
