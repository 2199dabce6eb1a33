/** Failed rows: records that became no coupon. The list does not renew itself, so that what is acted on is what was seen. */
import { useShared } from "../shared.js";
import { eventPath } from "../api.js";
import { html, useState } from "../html.js";
import { REASONS, STATUSES } from "../reasons.js";
import { clock } from "../times.js";
import { usePages } from "./pages.js";
import { Act, More, Problem, number } from "./parts.js";

const OPEN = ["dead", "waiting"];
const SHOWN = 50;

export function Failed({ event, counts }) {
  const { api } = useShared();
  const [closed, setClosed] = useState(false);
  const { event_id: eventId } = event;
  const list = usePages((after) => (closed ? settled(api, eventId, after) : open(api, eventId, after)), `${eventId} ${closed}`);
  const last = list.rows.at(-1)?.id;
  return html`
    <section aria-labelledby="failed-title">
      <div class="head small">
        <h2 id="failed-title">${closed ? "Rows that are settled" : "Rows that wait, or are dead"}</h2>
        <div class="bar">
          <span>
            ${!closed && list.rows.length > 0 && html`
              <${Act} action="redrive" eventId=${eventId} small=${false} label=${`Redrive these ${list.rows.length}`}
                about=${`${list.rows.length} rows on screen, up to row ${last}`}
                words=${{ title: "Try these rows again?", says: "Those on screen, and none that came later." }}
                fields=${{ all: true, up_to_id: last }} done=${list.again} />`}
          </span>
        </div>
      </div>
      <p class="under">
        <${More} onMore=${list.again}>Look again<//> ${" "}
        <${More} onMore=${() => setClosed(!closed)}>${closed ? "Those that are open" : "Those that are settled"}<//>
        ${" "}<span class="quiet">As of ${list.at ? clock(list.at) : "…"}; now ${number(counts.waiting ?? 0)} waiting, ${number(counts.dead ?? 0)} dead.</span>
      </p>
      <${Problem} trouble=${list.trouble} />
      <div class="scroll" tabindex="0" role="region" aria-label="Failed rows">
        <table>
          <thead><tr>
            <th scope="col" class="number">Row</th><th scope="col">Person</th><th scope="col" class="number">Ticket</th>
            <th scope="col">Why</th><th scope="col">What to do</th><th scope="col">Status</th><th scope="col"><span class="unseen">Act</span></th>
          </tr></thead>
          <tbody>${list.rows.map((row) => html`<${Row} key=${row.id} row=${row} eventId=${eventId} again=${list.again} />`)}</tbody>
        </table>
        ${list.at > 0 && !list.rows.length && html`<p class="empty">There is none.</p>`}
      </div>
      ${list.next && html`<${More} onMore=${list.more}>Show more rows<//>`}
    </section>
  `;
}

function Row({ row, eventId, again }) {
  const [why, whatToDo] = REASONS[row.reason] ?? [row.reason, ""];
  const isOpen = OPEN.includes(row.status);
  const about = `row ${row.id}${row.user_id ? `, ${row.user_id}` : ""}`;
  const acts = { eventId, about, fields: { id: row.id }, done: again };
  return html`
    <tr>
      <td class="number mono">${row.id}</td>
      <td class="mono wrap">${row.user_id ?? html`<span class="quiet">hidden</span>`}</td>
      <td class="number">${number(row.ticket)}</td>
      <td class="wrap">${why}${row.detail && html`<span class="detail mono">${row.detail}</span>`}<span class="detail quiet">${row.reason}</span></td>
      <td class="wrap">${isOpen ? whatToDo : ""}</td>
      <td><span class="tag ${row.status}" title=${STATUSES[row.status]}>${row.status}</span><span class="detail quiet">${row.attempts} attempts</span></td>
      <td class="acts">
        ${isOpen && html`<${Act} action="redrive" ...${acts} /> ${row.user_id && html`<${Act} action="refuse" ...${acts} />`}`}
      </td>
    </tr>
  `;
}

/** Return every open row from the oldest on, up to where one of the two lists ends: a bulk action meets exactly these. */
async function open(api, eventId, after) {
  const pages = await Promise.all(OPEN.map((status) => api.get(`${eventPath(eventId)}/failed`, { status, after, limit: SHOWN })));
  const ends = pages.filter(({ next }) => next !== null).map(({ next }) => next);
  const upTo = ends.length ? Math.min(...ends) : Infinity;
  const rows = pages.flatMap((page) => page.rows).filter(({ id }) => id <= upTo).sort((one, other) => one.id - other.id);
  return { rows, next: ends.length ? upTo : null };
}

async function settled(api, eventId, after) {
  const { rows, next } = await api.get(`${eventPath(eventId)}/failed`, { after, limit: SHOWN });
  return { rows: rows.filter(({ status }) => !OPEN.includes(status)), next };
}
