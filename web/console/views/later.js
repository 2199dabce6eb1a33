/** What the dialogs of an opened event ask for besides: a higher capacity, later times. */
import { html, useEffect, useState } from "../html.js";
import { rfc3339 } from "../times.js";
import { number } from "./parts.js";
import { TimeField } from "./time_field.js";

export function CapacityForm({ event, set }) {
  const [capacity, setCapacity] = useState("");
  const change = ({ target }) => {
    setCapacity(target.value);
    const wanted = Number(target.value);
    set(Number.isInteger(wanted) && wanted > event.capacity ? { capacity: wanted } : null);
  };
  return html`
    <label class="field"><span>Coupons <span class="quiet">now ${number(event.capacity)}</span></span>
      <input name="capacity" type="number" min=${event.capacity + 1} value=${capacity} onInput=${change} /></label>
  `;
}

export function RescheduleForm({ event, set }) {
  const now = { opens_at: Date.parse(event.opens_at), closes_at: Date.parse(event.closes_at) };
  const [times, setTimes] = useState(now);
  const take = (name) => (ms) => setTimes((before) => ({ ...before, [name]: ms }));
  useEffect(() => {
    const changed = Object.keys(now).filter((name) => times[name] !== now[name]);
    const later = changed.every((name) => times[name] > now[name]);
    const fields = Object.fromEntries(changed.map((name) => [name, times[name] && rfc3339(times[name])]));
    set(changed.length && later && times.closes_at > times.opens_at ? fields : null);
  }, [times]);
  return html`
    ${now.opens_at > Date.now() && html`
      <${TimeField} label="Opens" name="later-opens" zone=${event.timezone} initial=${now.opens_at} onMoment=${take("opens_at")} />`}
    <${TimeField} label="Closes" name="later-closes" zone=${event.timezone} initial=${now.closes_at} onMoment=${take("closes_at")} />
  `;
}
