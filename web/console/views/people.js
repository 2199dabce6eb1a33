/** One person of an event: all that is known, what they would be told, and what may be done for them. */
import { eventPath } from "../api.js";
import { useShared } from "../shared.js";
import { html, useState } from "../html.js";
import { Act, Moment, Problem, number } from "./parts.js";

const STATUSES = {
  issued: "They have a coupon.",
  pending: "They have a ticket; the coupon is on its way.",
  failed: "They have a ticket, and a failed row holds it: see below.",
  refused: "They were refused for good.",
  no_application: "They have no ticket. Whoever got nothing leaves no trace, so whether they asked is not known.",
  try_again: "Not known: the gate is lost or away.",
};
const TOLD = {
  accepted: "the ticket they have",
  refused: "refused",
  not_open: "not open yet, or not their turn yet",
  paused: "paused",
  closed: "closed",
  sold_out: "sold out",
  would_win: "accepted: a ticket is left",
  try_again: "try again",
};

export function People({ event }) {
  const { api, gone } = useShared();
  const [userId, setUserId] = useState("");
  const [found, setFound] = useState(null);
  const [trouble, setTrouble] = useState(null);
  const { event_id: eventId } = event;
  const look = async (wanted) => {
    setTrouble(null);
    try {
      setFound(await api.get(`${eventPath(eventId)}/people/${encodeURIComponent(wanted)}`));
    } catch (problem) {
      gone(problem);
      setFound(null);
      setTrouble(problem);
    }
  };
  const submit = (event_) => {
    event_.preventDefault();
    if (userId.trim()) look(userId.trim());
  };
  return html`
    <section aria-labelledby="people-title">
      <h2 id="people-title">Look up a person</h2>
      <form class="search" onSubmit=${submit} role="search">
        <label class="field"><span class="unseen">The person's id</span>
          <input name="user_id" class="mono" maxlength="255" placeholder="the id that your back end or token names" value=${userId}
            autocomplete="off" spellcheck=${false} onInput=${(typed) => setUserId(typed.target.value)} /></label>
        <button type="submit" class="primary">Look up</button>
      </form>
      <${Problem} trouble=${trouble} />
      ${found && html`<${Person} found=${found} event=${event} again=${() => look(found.user_id)} />`}
    </section>
  `;
}

/** The code of a coupon, which an admin alone is told. */
function Code({ row }) {
  if (!row.has_code) return html`<span class="quiet">none uploaded</span>`;
  return row.code === null ? html`<span class="quiet">hidden: for admins</span>` : html`<span class="mono">${row.code}</span>`;
}

function Person({ found, event, again }) {
  const { row, refusal, failed, gate, told } = found;
  const zone = event.timezone;
  const acts = { eventId: event.event_id, about: found.user_id, fields: { user_id: found.user_id }, done: again };
  const inGate = typeof gate === "string" ? "does not answer" : !gate ? "lost" : gate.refused ? "refused" : gate.ticket ? `ticket ${number(gate.ticket)}${gate.pending ? ", pending" : ""}` : "nothing";
  return html`
    <article class="card" aria-label="What is known">
      <h3 class="mono">${found.user_id}</h3>
      <p class="verdict">${STATUSES[told.status] ?? told.status}</p>
      <dl class="facts">
        <dt>Asking now, they are told</dt><dd>${TOLD[told.application] ?? told.application}</dd>
        ${told.sold_out_at && html`<dt>Last ticket given</dt><dd><${Moment} at=${told.sold_out_at} zone=${zone} /></dd>
          <dt>Asked</dt><dd class="quiet">not stored for whoever got nothing: their own page shows when, with a reference</dd>`}
        ${told.turn_at && html`<dt>Turn</dt><dd><${Moment} at=${told.turn_at} zone=${zone} /></dd>`}
        <dt>Gate</dt><dd>${inGate}</dd>
        ${!row && gate?.applied_at && html`<dt>Asked</dt><dd><${Moment} at=${gate.applied_at} zone=${zone} /></dd>`}
        <dt>Coupon</dt><dd>${row ? `ticket ${number(row.ticket)}` : "none"}</dd>
        ${row && html`
          <dt>Asked</dt><dd><${Moment} at=${row.applied_at} zone=${zone} /></dd>
          <dt>Issued</dt><dd><${Moment} at=${row.issued_at} zone=${zone} /></dd>
          <dt>Code</dt><dd><${Code} row=${row} /></dd>`}
        ${row?.redeemed && html`<dt>Redeemed</dt><dd><${Moment} at=${row.redeemed.at} zone=${zone} /> ${row.redeemed.by}</dd>`}
        ${refusal && html`<dt>Refused</dt><dd><${Moment} at=${refusal.refused_at} zone=${zone} />: ${refusal.reason}</dd>`}
        ${failed.map((one) => html`<dt>Failed row ${one.id}</dt><dd>${one.status}: ${one.reason}</dd>`)}
      </dl>
      <div class="answers left">
        ${event.state !== "ended" && !row && !refusal && html`<${Act} action="refuse" ...${acts} small=${false} />`}
        ${row && !row.redeemed && html`<${Act} action="revoke" ...${acts} small=${false} />`}
        ${event.state === "ended" && html`<${Act} action="erase" ...${acts} small=${false} />`}
      </div>
    </article>
  `;
}
