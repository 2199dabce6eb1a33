/** Who asked for what, and what it came to: of one event, or of all. */
import { changes } from "../actions.js";
import { eventPath } from "../api.js";
import { to, useShared } from "../shared.js";
import { csv, save } from "../csv.js";
import { html } from "../html.js";
import { clock } from "../times.js";
import { usePages } from "./pages.js";
import { Moment, More, Problem } from "./parts.js";

const SHOWN = 100;
const COLUMNS = ["id", "at", "actor", "actor_kind", "action", "event_id", "user_id", "status", "code", "version_before", "version_after", "what", "request_id"];

export function History({ eventId = null, zone = "UTC" }) {
  const { api, me } = useShared();
  const path = eventId ? `${eventPath(eventId)}/history` : "/history";
  const list = usePages((after) => api.get(path, { after, limit: SHOWN }), path);
  const download = () => save(`${eventId ?? "all"}-history.csv`, csv(COLUMNS, list.rows.map((row) => COLUMNS.map((name) => row[name]))));
  const Heading = eventId ? "h2" : "h1";
  return html`
    <section aria-labelledby="history-title">
      <div class="head small">
        <${Heading} id="history-title">History<//>
        ${changes(me) && html`<button type="button" onClick=${download}>Save these as CSV</button>`}
      </div>
      <p class="under"><${More} onMore=${list.again}>Look again<//> <span class="quiet">As of ${list.at ? clock(list.at) : "…"}.</span></p>
      <${Problem} trouble=${list.trouble} />
      <div class="scroll" tabindex="0" role="region" aria-label="History, as a table">
        <table>
          <thead><tr><th scope="col">At</th><th scope="col">Who</th><th scope="col">Action</th>
            ${!eventId && html`<th scope="col">Event</th>`}<th scope="col">On</th><th scope="col">Outcome</th><th scope="col">Version</th></tr></thead>
          <tbody>
            ${list.rows.map((row) => html`
              <tr key=${row.id}>
                <td><${Moment} at=${row.at} zone=${zone} /></td>
                <td class="wrap">${row.actor} ${row.actor_kind === "claimed" && html`<span class="quiet" title="a direct invoke: it names itself">claimed</span>`}</td>
                <td class="mono">${row.action}</td>
                ${!eventId && html`<td>${row.event_id && html`<a href=${to("events", row.event_id)}>${row.event_id}</a>`}</td>`}
                <td class="mono wrap">${about(row)}</td>
                <td><span class="tag ${row.status}">${row.status}</span> ${row.code && html`<span class="detail mono">${row.code}</span>`}</td>
                <td class="mono quiet">${versions(row)}</td>
              </tr>`)}
          </tbody>
        </table>
        ${list.at > 0 && !list.rows.length && html`<p class="empty">Nobody has asked for anything yet.</p>`}
      </div>
      ${list.next && html`<${More} onMore=${list.more}>Show older ones<//>`}
    </section>
  `;
}

function about({ user_id: userId, what }) {
  const rest = Object.entries(what ?? {}).filter(([name, value]) => !["event_id", "expect_version", "user_id"].includes(name) && value !== null);
  return [userId, ...rest.map(([name, value]) => `${name} ${typeof value === "object" ? JSON.stringify(value) : value}`)].filter(Boolean).join(", ");
}

function versions({ version_before: before, version_after: after }) {
  if (before === null) return after ?? "";
  return after === null || after === before ? before : `${before} → ${after}`;
}
