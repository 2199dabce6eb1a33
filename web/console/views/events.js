/** Every event, with its state, its window and how far it is. */
import { offered } from "../actions.js";
import { to, useShared } from "../shared.js";
import { html, useEffect, useState } from "../html.js";
import { useLive } from "../live.js";
import { Freshness, Moment, More, State, number } from "./parts.js";

const SHOWN = 100;
const LIST_POLLS = 2; // the list is looked at half as often as one event

export function Events() {
  const { api, me, pollMs, gone } = useShared();
  const [limit, setLimit] = useState(SHOWN);
  const seen = useLive(() => api.get("/events", { limit }), pollMs * LIST_POLLS, limit);
  useEffect(() => gone(seen.trouble), [seen.trouble]);
  const rows = seen.value?.rows ?? [];
  return html`
    <div class="head">
      <h1>Events</h1>
      ${offered(me, "create") && html`<a class="button primary" href=${to("new")}>New event</a>`}
    </div>
    <${Freshness} seen=${seen} what="The ledger (MySQL)" />
    <p class="notice" role="status">${seen.value?.gate && `The gate (Redis) does not answer: what remains is not known.`}</p>
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
              <td class="number">${number(event.gate?.remaining)}</td>
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
