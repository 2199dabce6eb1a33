/** Every event, with its state, its window and how far it is. */
import { offered } from "../actions.js";
import { to, useShared } from "../shared.js";
import { html, useEffect, useRef, useState } from "../html.js";
import { useLive } from "../live.js";
import { Freshness, Moment, More, State, number } from "./parts.js";

const SHOWN = 100;
const LIST_POLLS = 2; // the list is looked at half as often as one event

export function Events() {
  const { api, me, pollMs, gone } = useShared();
  const [limit, setLimit] = useState(SHOWN);
  const seen = useLive(() => api.get("/events", { limit }), pollMs * LIST_POLLS, limit);
  useEffect(() => gone(seen.trouble), [seen.trouble]);
  const known = useRef(new Map());
  const rows = inOrder(known.current, seen.value);
  return html`
    <div class="head">
      <h1>Events</h1>
      ${offered(me, "create") && html`<a class="button primary" href=${to("new")}>New event</a>`}
    </div>
    <${Freshness} seen=${seen} what="The ledger (MySQL)"
      also=${seen.value?.gate ? "The gate (Redis) does not answer: what remains is not known." : ""} />
    <div class="scroll" tabindex="0" role="region" aria-label="Events">
      <table>
        <thead>
          <tr>
            <th scope="col">Event</th><th scope="col">State</th><th scope="col">Opens</th><th scope="col">Closes</th>
            <th scope="col" class="number">Capacity</th><th scope="col" class="number">Remaining</th>
            <th scope="col" class="number">Pending</th><th scope="col" class="number">Waiting</th><th scope="col" class="number">Dead</th>
          </tr>
        </thead>
        <tbody>
          ${rows.map((event) => html`
            <tr key=${event.event_id}>
              <th scope="row"><a href=${to("events", event.event_id)}>${event.name}</a><span class="id">${event.event_id}</span></th>
              <td><${State} state=${event.state} /></td>
              <td><${Moment} at=${event.opens_at} zone=${event.timezone} /></td>
              <td><${Moment} at=${event.closes_at} zone=${event.timezone} /></td>
              <td class="number">${number(event.capacity)}</td>
              <td class="number ${event.state === "ended" ? "quiet" : ""}">${number(event.gate?.remaining)}</td>
              <td class="number">${number(event.gate?.pending)}</td>
              <td class="number">${number(event.failed?.waiting)}</td>
              <td class="number ${event.failed?.dead ? "bad" : ""}">${number(event.failed?.dead)}</td>
            </tr>`)}
        </tbody>
      </table>
      ${seen.value && !rows.length && html`<p class="empty">There is no event yet.</p>`}
    </div>
    ${seen.value?.next && html`<${More} onMore=${() => setLimit(Math.min(limit + SHOWN, 1000))}>Show more events<//>`}
  `;
}

/** Return the events in the order in which they were first seen here, so that none moves; one that is gone stays, as deleted. */
function inOrder(known, seen) {
  if (seen) {
    const ids = new Set(seen.rows.map((event) => event.event_id));
    const last = seen.next === null ? null : seen.rows.at(-1)?.event_id;
    for (const [id, event] of known) {
      if (!ids.has(id) && (last === null || id < last)) known.set(id, { ...event, state: "deleted", gate: null });
    }
    for (const event of seen.rows) known.set(event.event_id, event);
  }
  return [...known.values()];
}
