/** Make an event, or change a draft: its times on the clock of its own zone. */
import { offered } from "../actions.js";
import { eventPath, newRequestId } from "../api.js";
import { to, useShared } from "../shared.js";
import { told } from "../dialog.js";
import { html, useEffect, useRef, useState } from "../html.js";
import { useLive } from "../live.js";
import { isZone, ownZone, rfc3339 } from "../times.js";
import { Problem } from "./parts.js";
import { TimeField } from "./time_field.js";

const ID_PATTERN = "[A-Za-z0-9_\\-]{1,64}";
const CAPACITY_MAX = 10_000_000;
const SPREAD_MAX_S = 3_600;
const ZONES = Intl.supportedValuesOf("timeZone");

export function Create() {
  const { me } = useShared();
  if (!offered(me, "create")) return html`<p class="empty">Your groups may not make events.</p>`;
  return html`<div class="head"><h1>New event</h1></div><${Form} />`;
}

export function Edit({ eventId }) {
  const { api, me } = useShared();
  const seen = useLive(() => api.get(eventPath(eventId)), 0, eventId);
  const event = seen.value?.event;
  if (!event) return html`<${Problem} trouble=${seen.trouble} />`;
  if (!offered(me, "edit") || event.state !== "draft") {
    return html`<p class="empty"><a href=${to("events", eventId)}>${event.name}</a> is ${event.state}: only a draft is edited.</p>`;
  }
  return html`<div class="head"><h1>Edit ${event.name}</h1></div><${Form} event=${event} />`;
}

function Form({ event = null }) {
  const { api, say } = useShared();
  const [given, setGiven] = useState({
    event_id: event?.event_id ?? "",
    name: event?.name ?? "",
    capacity: event?.capacity ?? "",
    timezone: event?.timezone ?? ownZone(),
    spread_s: event ? event.spread_ms / 1000 : 0,
  });
  const [times, setTimes] = useState({ opens_at: null, closes_at: null });
  const [trouble, setTrouble] = useState(null);
  const [asking, setAsking] = useState(false);
  const requestId = useRef(newRequestId());
  const set = (name) => (change) => {
    setGiven((before) => ({ ...before, [name]: change.target.value }));
    requestId.current = newRequestId();
  };
  const setTime = (name) => (ms) => {
    setTimes((before) => ({ ...before, [name]: ms }));
    requestId.current = newRequestId();
  };
  const zone = isZone(given.timezone) ? given.timezone : "UTC";
  const absent = missing(given, times);
  const problem = wrong(given, times);
  const save = async (submitted) => {
    submitted.preventDefault();
    if (problem || asking) return;
    setAsking(true);
    setTrouble(null);
    try {
      const fields = { ...written(given, times), ...(event && { expect_version: event.config_version }) };
      await api.act(event ? "edit" : "create", given.event_id, fields, requestId.current);
      location.hash = to("events", given.event_id);
      say(event ? "Saved." : "Made, as a draft. Nobody can ask for a coupon before it is opened.");
    } catch (found) {
      setTrouble(found);
      setAsking(false);
      if (found.kind !== "unknown") requestId.current = newRequestId();
    }
  };
  useEffect(() => document.querySelector("form.sheet input:not([readonly])").focus(), []);
  const at = (name) => (event ? Date.parse(event[name]) : null);
  return html`
    <form class="sheet" onSubmit=${save}>
      <label class="field"><span>Name <span class="quiet">what people read</span></span>
        <input name="name" required maxlength="255" value=${given.name} onInput=${set("name")} /></label>
      <label class="field"><span>Id <span class="quiet">in addresses; never used again</span></span>
        <input name="event_id" class="mono" required pattern=${ID_PATTERN} readonly=${Boolean(event)} value=${given.event_id}
          title="1 to 64 letters, digits, _ and -" autocomplete="off" spellcheck=${false} onInput=${set("event_id")} /></label>
      <label class="field"><span>Coupons <span class="quiet">raised later, never lowered</span></span>
        <input name="capacity" type="number" required min="1" max=${CAPACITY_MAX} value=${given.capacity} onInput=${set("capacity")} /></label>
      <label class="field"><span>Turns over <span class="quiet">seconds; 0: no turns</span></span>
        <input name="spread_s" type="number" required min="0" max=${SPREAD_MAX_S} step="any" value=${given.spread_s} onInput=${set("spread_s")} /></label>
      <label class="field whole"><span>Time zone <span class="quiet">in which people are told the times</span></span>
        <input name="timezone" list="zones" required value=${given.timezone} autocomplete="off" spellcheck=${false} onInput=${set("timezone")} /></label>
      <datalist id="zones">${ZONES.map((each) => html`<option value=${each} />`)}</datalist>
      <${TimeField} label="Opens" name="opens_at" zone=${zone} initial=${at("opens_at")} onMoment=${setTime("opens_at")} />
      <${TimeField} label="Closes" name="closes_at" zone=${zone} initial=${at("closes_at")} onMoment=${setTime("closes_at")} />
      <p class="trouble whole" role="alert">${trouble ? told(trouble) : absent.length ? "" : problem}</p>
      <p class="still whole quiet" id="still" role="status">${absent.length ? `Still missing: ${absent.join(", ")}.` : ""}</p>
      <div class="answers whole">
        <a class="button" href=${event ? to("events", event.event_id) : to("events")}>Cancel</a>
        <button type="submit" class="primary" aria-describedby="still" disabled=${asking || Boolean(problem)}>${event ? "Save" : "Make the draft"}</button>
      </div>
    </form>
  `;
}

/** Return the labels of the fields that are needed and empty, or have no moment yet. */
function missing(given, times) {
  const needed = { Name: given.name, Id: given.event_id, Coupons: given.capacity, Opens: times.opens_at, Closes: times.closes_at };
  return Object.keys(needed).filter((label) => needed[label] === "" || needed[label] === null);
}

/** Return what is wrong, or ""; while something is missing, that. */
function wrong(given, times) {
  const { opens_at: opens, closes_at: closes } = times;
  const spreadMs = Number(given.spread_s) * 1000;
  if (missing(given, times).length) return "Something is missing.";
  if (!isZone(given.timezone)) return `There is no time zone ${given.timezone}.`;
  if (closes <= opens + spreadMs) return "It must close later than it opens, and than the last turn.";
  return "";
}

function written(given, times) {
  return {
    name: given.name,
    capacity: Number(given.capacity),
    opens_at: rfc3339(times.opens_at),
    closes_at: rfc3339(times.closes_at),
    timezone: given.timezone,
    spread_ms: Math.round(Number(given.spread_s) * 1000),
  };
}
