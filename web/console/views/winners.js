/** Who has a coupon, by ticket; all of them as CSV. */
import { eventPath } from "../api.js";
import { changes } from "../actions.js";
import { useShared } from "../shared.js";
import { csv, save } from "../csv.js";
import { html, useState } from "../html.js";
import { clock } from "../times.js";
import { usePages } from "./pages.js";
import { Moment, More, Problem, number } from "./parts.js";

const SHOWN = 100;
const EXPORTED = 10_000; // rows of one request
const COLUMNS = ["ticket", "user_id", "applied_at", "issued_at", "code", "redeemed_at", "redeemed_by"];

export function Winners({ event }) {
  const { api, me, gone } = useShared();
  const { event_id: eventId } = event;
  const list = usePages((after) => api.get(`${eventPath(eventId)}/winners`, { after, limit: SHOWN }), eventId);
  const [progress, setProgress] = useState("");
  const download = async () => {
    const rows = [];
    try {
      let after = null;
      do {
        const page = await api.get(`${eventPath(eventId)}/winners`, { after, limit: EXPORTED });
        rows.push(...page.rows.map(cells));
        after = page.next;
        setProgress(`${number(rows.length)} rows …`);
      } while (after !== null);
      save(`${eventId}-winners.csv`, csv(COLUMNS, rows));
      setProgress(`${number(rows.length)} rows saved.`);
    } catch (trouble) {
      gone(trouble);
      setProgress("Nothing saved: the API did not answer to the end. Try again.");
    }
  };
  return html`
    <section aria-labelledby="winners-title">
      <div class="head small">
        <h2 id="winners-title">Winners</h2>
        ${changes(me) && html`<button type="button" onClick=${download}>Save all as CSV</button>`}
      </div>
      <p class="under">
        <${More} onMore=${list.again}>Look again<//> <span class="quiet">As of ${list.at ? clock(list.at) : "…"}.</span>
        ${" "}<span role="status">${progress}</span>
      </p>
      <${Problem} trouble=${list.trouble} />
      <div class="scroll" tabindex="0" role="region" aria-label="Winners, as a table">
        <table>
          <thead><tr><th scope="col" class="number">Ticket</th><th scope="col">Person</th><th scope="col">Asked</th>
            <th scope="col">Issued</th><th scope="col">Code</th><th scope="col">Redeemed</th></tr></thead>
          <tbody>
            ${list.rows.map((row) => html`
              <tr key=${row.ticket}>
                <td class="number">${number(row.ticket)}</td><td class="mono wrap">${row.user_id}</td>
                <td><${Moment} at=${row.applied_at} zone=${event.timezone} /></td>
                <td><${Moment} at=${row.issued_at} zone=${event.timezone} /></td>
                <td class="mono">${row.code ?? html`<span class="quiet">–</span>`}</td>
                <td>${row.redeemed ? html`<${Moment} at=${row.redeemed.at} zone=${event.timezone} />` : html`<span class="quiet">–</span>`}</td>
              </tr>`)}
          </tbody>
        </table>
        ${list.at > 0 && !list.rows.length && html`<p class="empty">Nobody has a coupon yet.</p>`}
      </div>
      ${list.next && html`<${More} onMore=${list.more}>Show more winners<//>`}
    </section>
  `;
}

function cells(row) {
  return [row.ticket, row.user_id, row.applied_at, row.issued_at, row.code, row.redeemed?.at, row.redeemed?.by];
}
