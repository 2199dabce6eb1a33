/** One event: its name, what may be done with it, and its tabs. The head has one height in every state. */
import { ACTIONS, PLACES, inPlace, offered, versionOf } from "../actions.js";
import { to, useShared } from "../shared.js";
import { requestFor } from "../dialog.js";
import { html, useEffect } from "../html.js";
import { useLive } from "../live.js";
import { Audit } from "./audit.js";
import { Codes } from "./codes.js";
import { Failed } from "./failed.js";
import { History } from "./history.js";
import { Live } from "./live.js";
import { CapacityForm, RescheduleForm } from "./later.js";
import { Freshness, State, Window } from "./parts.js";
import { People } from "./people.js";
import { Winners } from "./winners.js";

const TABS = [
  ["live", "Live", () => true],
  ["failed", "Failed rows", () => true],
  ["people", "Look up", (me) => me.may.includes("lookup")],
  ["winners", "Winners", (me) => me.may.includes("winners")],
  ["codes", "Codes", (me) => offered(me, "upload_codes")],
  ["audit", "Audit", () => true],
  ["history", "History", () => true],
];
const FORMS = { raise_capacity: CapacityForm, reschedule: RescheduleForm };

export function EventView({ eventId, tab }) {
  const { api, me, pollMs, gone } = useShared();
  const seen = useLive(() => api.get(`/events/${encodeURIComponent(eventId)}`), pollMs, eventId);
  useEffect(() => gone(seen.trouble), [seen.trouble]);
  const event = seen.value?.event;
  if (!event) {
    const missing = seen.trouble?.code === "unknown_event";
    return html`
      <div class="head"><h1>${eventId}</h1></div>
      ${missing ? html`<p class="empty">There is no event ${eventId}.</p>` : html`<${Freshness} seen=${seen} what="The ledger (MySQL)" />`}
    `;
  }
  return html`
    <div class="head">
      <div>
        <h1>${event.name}</h1>
        <p class="under"><span class="mono">${event.event_id}</span> <${State} state=${event.state} /></p>
      </div>
      <${Bar} event=${event} look=${seen.look} />
    </div>
    <p class="window">
      <${Window} from=${event.opens_at} until=${event.closes_at} zone=${event.timezone} />
      ${event.spread_ms ? html` <span class="quiet">turns over ${event.spread_ms / 1000} s</span>` : null}
    </p>
    <${Freshness} seen=${seen} what="The ledger (MySQL)" />
    <nav class="tabs" aria-label="Of this event">
      ${TABS.filter(([, , may]) => may(me)).map(([name, label]) => html`
        <a key=${name} href=${to("events", eventId, name)} aria-current=${name === tab ? "page" : null}>${label}</a>`)}
    </nav>
    <${Tab} tab=${tab} seen=${seen} event=${event} />
  `;
}

function Bar({ event, look }) {
  const { ask, me, mayChange } = useShared();
  if (!mayChange) return null;
  return html`
    <div class="bar" role="group" aria-label="What may be done">
      ${PLACES.map((place) => {
        const action = inPlace(me, event, place);
        if (!action) return html`<span key=${place} class="place"></span>`;
        const { label, danger } = ACTIONS[action];
        if (action === "edit") {
          return html`<span key=${place} class="place"><a class="button" href=${to("events", event.event_id, "edit")}>${label}</a></span>`;
        }
        const form = FORMS[action] && ((props) => html`<${FORMS[action]} event=${event} ...${props} />`);
        const done = action === "delete" ? () => { location.hash = to("events"); } : look;
        const request = () => requestFor(action, event.event_id, { fields: versionOf(action, event), form, done });
        return html`
          <span key=${place} class="place">
            <button type="button" class=${danger ? "danger quiet-danger" : ""} onClick=${() => ask(request())}>${label}…</button>
          </span>`;
      })}
    </div>
  `;
}

function Tab({ tab, seen, event }) {
  const { me } = useShared();
  const { event_id: eventId } = event;
  const views = {
    live: () => html`<${Live} seen=${seen} event=${event} />`,
    failed: () => html`<${Failed} event=${event} counts=${seen.value.failed} />`,
    people: () => html`<${People} event=${event} />`,
    winners: () => html`<${Winners} event=${event} />`,
    codes: () => html`<${Codes} event=${event} codes=${seen.value.codes} look=${seen.look} />`,
    audit: () => html`<${Audit} event=${event} />`,
    history: () => html`<${History} eventId=${eventId} zone=${event.timezone} />`,
  };
  const allowed = TABS.some(([name, , may]) => name === tab && may(me));
  return (allowed ? views[tab] : views.live)();
}
