/** The promise, held against all three servers; each finding stands beside the action that mends it. */
import { ACTIONS, offered } from "../actions.js";
import { eventPath } from "../api.js";
import { to, useShared } from "../shared.js";
import { told } from "../dialog.js";
import { html, useEffect, useRef, useState } from "../html.js";
import { clock } from "../times.js";
import { Act } from "./parts.js";

const SEEN_OPERATIONS = 100; // of the history, in which the last audit is sought
const ON_EVENT = ["restore", "reconcile"];
const ON_PERSON = ["redrive", "refuse"];

export function Audit({ event }) {
  const { api, me, pollMs, gone } = useShared();
  const { event_id: eventId } = event;
  const [seen, setSeen] = useState({ report: null, working: false, trouble: null, at: 0 });
  const over = useRef(false);
  const show = (more) => over.current || setSeen((before) => ({ ...before, ...more }));
  const take = async (answer) => {
    show({ working: true });
    const { operation, ...rest } = await api.finished(answer, pollMs, () => over.current);
    const report = [operation?.answer, rest.answer, rest].find((each) => each?.invariants) ?? null;
    show({ working: false, report, at: Date.parse(operation?.at) || Date.now() });
  };
  const run = async (work) => {
    show({ trouble: null });
    try {
      await work();
    } catch (trouble) {
      gone(trouble);
      show({ trouble, working: false });
    }
  };
  const latest = async () => {
    const { rows } = await api.get(`${eventPath(eventId)}/history`, { limit: SEEN_OPERATIONS });
    const last = rows.find(({ action }) => action === "audit");
    if (last) await take(await api.get(`/operations/${last.id}`));
  };
  const audit = async () => {
    show({ working: true });
    await take(await api.act("audit", eventId, {}));
  };
  useEffect(() => {
    over.current = false;
    run(latest);
    return () => { over.current = true; };
  }, [eventId]);
  const { report, working, trouble, at } = seen;
  return html`
    <section aria-labelledby="audit-title">
      <div class="head small">
        <h2 id="audit-title">Audit</h2>
        ${offered(me, "audit") && html`<button type="button" class="primary" disabled=${working} onClick=${() => run(audit)}>Audit now</button>`}
      </div>
      <p class="under" role="status">${working ? "Being checked …" : said(seen)}</p>
      <p class="trouble" role="alert">${trouble && told(trouble)}</p>
      ${report && html`<${Findings} report=${report} event=${event} again=${() => run(audit)} /><${Laws} laws=${report.invariants} />`}
    </section>
  `;
}

function said({ report, at }) {
  if (report) return `${verdict(report)} As of ${clock(at)}.`;
  return at ? `The last audit, asked for at ${clock(at)}, came to nothing.` : "No audit of this event is known.";
}

function verdict({ ok, quiet, findings }) {
  if (ok === null) return "Not known: the gate moved while it was read. Ask again when it is quieter.";
  if (!ok) return `${findings.length} ${findings.length === 1 ? "finding" : "findings"}.`;
  return quiet ? "Everything holds, and nothing is on its way." : "Everything holds; something is on its way.";
}

function Findings({ report, event, again }) {
  const codes = report.codes?.issued_without_code ? [{ invariant: "codes", what: `${report.codes.issued_without_code} coupons without a code`, who: (report.codes.tickets ?? []).join(", "), command: "upload_codes" }] : [];
  const rows = [...report.findings, ...codes];
  if (!rows.length) return null;
  return html`
    <div class="scroll" tabindex="0" role="region" aria-label="Findings">
      <table>
        <thead><tr><th scope="col">Law</th><th scope="col">Finding</th><th scope="col">Who or what</th><th scope="col">What mends it</th></tr></thead>
        <tbody>${rows.map((row, index) => html`
          <tr key=${index}><td class="mono">${row.invariant}</td><td class="wrap">${row.what}</td>
            <td class="mono wrap">${named(row.who)}</td><td class="wrap"><${Mends} finding=${row} event=${event} again=${again} /></td></tr>`)}
        </tbody>
      </table>
    </div>
  `;
}

/** The actions that a finding's command names; words alone where there is none. */
function Mends({ finding, event, again }) {
  const { event_id: eventId } = event;
  const { command, who } = finding;
  const words = command.split(/[^a-z_]+/).filter((word) => word in ACTIONS);
  if (command.startsWith("none") || !words.length) return html`<span class="quiet">${command.replace(/^none: /, "")}</span>`;
  const about = named(who);
  return words.map((action) => {
    if (action === "upload_codes") return html`<a href=${to("events", eventId, "codes")}>Upload codes</a> `;
    if (ON_EVENT.includes(action)) return html`<${Act} action=${action} eventId=${eventId} done=${again} /> `;
    const fields = who && typeof who === "object" ? { id: who.id } : { user_id: who };
    return ON_PERSON.includes(action) && who !== null
      ? html`<${Act} action=${action} eventId=${eventId} about=${about} fields=${fields} done=${again} /> `
      : html`<span class="quiet">${action}</span> `;
  });
}

function named(who) {
  if (who === null || who === undefined) return "hidden";
  if (Array.isArray(who)) return who.join(", ");
  return typeof who === "object" ? `row ${who.id}, ${who.user_id ?? "hidden"}, ${who.reason}` : String(who);
}

function Laws({ laws }) {
  return html`
    <div class="scroll" tabindex="0" role="region" aria-label="Laws">
      <table>
        <thead><tr><th scope="col">Law</th><th scope="col">What it says</th><th scope="col">Holds</th><th scope="col">Figures</th></tr></thead>
        <tbody>${Object.entries(laws).map(([name, { ok, law, figures }]) => html`
          <tr key=${name}><td class="mono">${name}</td><td class="wrap">${law}</td>
            <td><span class="tag ${ok ? "done" : ok === null ? "begun" : "dead"}">${ok ? "yes" : ok === null ? "not known" : "no"}</span></td>
            <td class="mono wrap quiet">${Object.entries(figures).map(([key, value]) => `${key.replaceAll("_", " ")} ${typeof value === "object" ? JSON.stringify(value) : value}`).join(" · ")}</td></tr>`)}
        </tbody>
      </table>
    </div>
  `;
}
