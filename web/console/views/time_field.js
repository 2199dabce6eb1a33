/** A moment as an operator writes it: a clock's time in a zone, with the moment spelled out below it. */
import { html, useEffect, useState } from "../html.js";
import { inNamedZone, localTime, moments, offsetName, ownZone, rfc3339, weekday } from "../times.js";

/**
 * `onMoment(ms)` is called with the moment, or null while there is none. `initial` is a moment: as long as neither time
 * nor zone is touched it is exactly this one.
 */
export function TimeField({ label, name, zone, initial = null, onMoment }) {
  const [first] = useState({ zone, local: initial === null ? "" : localTime(initial, zone) });
  const [local, setLocal] = useState(first.local);
  const [choice, setChoice] = useState(0);
  const untouched = initial !== null && local === first.local && zone === first.zone;
  const found = untouched ? [initial] : moments(local, zone);
  const moment = found[Math.min(choice, found.length - 1)] ?? null;
  useEffect(() => onMoment(moment), [moment]);
  const withMs = first.local.includes(".") ? "0.001" : "1";
  return html`
    <div class="field">
      <label for=${name}>${label} <span class="quiet">in ${zone}</span></label>
      <input id=${name} name=${name} type="datetime-local" step=${withMs} required value=${local}
        aria-describedby="${name}-told" onInput=${(event) => setLocal(event.target.value)} />
      ${found.length > 1 && html`
        <label class="inline"><span>The clock shows this twice.</span>
          <select value=${choice} onChange=${(event) => setChoice(Number(event.target.value))}>
            ${found.map((ms, index) => html`<option value=${index}>${index ? "the second time" : "the first time"}, ${offsetName(ms, zone)}</option>`)}
          </select>
        </label>`}
      <p class="told" id="${name}-told">${told(local, moment, zone)}</p>
    </div>
  `;
}

function told(local, moment, zone) {
  if (!local) return "Year, month, day, hour, minute, second.";
  if (moment === null) return html`<span class="bad">A clock in ${zone} never shows this: it is put forward then.</span>`;
  const own = ownZone();
  return html`
    ${weekday(moment, zone)} ${inNamedZone(moment, zone)}<br />
    <b class="mono">${rfc3339(moment)}</b>${own !== zone ? html` · here ${inNamedZone(moment, own)}` : null}
  `;
}
