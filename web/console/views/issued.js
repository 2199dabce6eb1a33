/** Coupons by the second in which they were issued, from the ledger: a chart, and the same as a table. */
import { eventPath } from "../api.js";
import { useShared } from "../shared.js";
import { html, useEffect, useRef } from "../html.js";
import { useLive } from "../live.js";
import { localTime, rfc3339 } from "../times.js";
import uPlot from "../vendor/uplot.js";
import { Problem, number } from "./parts.js";

const LATE_MS = 15_000; // a commit that took this long still lands in its second
const TABLE_ROWS = 300; // the newest seconds; the chart has all
const HEIGHT_PX = 260;
const SHORTEST_S = 60;
const { bars } = uPlot.paths;

export function Issued({ event }) {
  const { api, pollMs } = useShared();
  const known = useRef(new Map());
  const seen = useLive(() => renew(api, event.event_id, known.current), pollMs, event.event_id);
  const rows = seen.value ?? [];
  const total = rows.reduce((sum, [, count]) => sum + count, 0);
  const newest = rows.slice(-TABLE_ROWS).reverse();
  return html`
    <section class="issued" aria-labelledby="issued-title">
      <div class="wide">
        <h2 id="issued-title">Issued per second</h2>
        <${Chart} rows=${rows} zone=${event.timezone} />
        <p class="under quiet">${number(total)} coupons in ${number(rows.length)} seconds, by the ledger's clock.</p>
        <${Problem} trouble=${seen.trouble} />
      </div>
      <div class="scroll short" tabindex="0" role="region" aria-label="Issued per second, as a table">
        <table id="issued-table">
          <thead><tr><th scope="col">Second (${event.timezone})</th><th scope="col" class="number">Coupons</th></tr></thead>
          <tbody>
            ${newest.map(([ms, count]) => html`
              <tr key=${ms}><td><time dateTime=${rfc3339(ms)}>${localTime(ms, event.timezone).replace("T", " ")}</time></td>
                <td class="number">${number(count)}</td></tr>`)}
          </tbody>
        </table>
        ${rows.length > TABLE_ROWS && html`<p class="quiet">The newest ${TABLE_ROWS} of ${number(rows.length)} seconds.</p>`}
      </div>
    </section>
  `;
}

/** Ask for the seconds that may have changed, and return all of them in order. */
async function renew(api, eventId, known) {
  const last = Math.max(...known.keys());
  let after = known.size ? rfc3339(last - LATE_MS) : null;
  do {
    const { rows, next } = await api.get(`${eventPath(eventId)}/issued`, { after });
    for (const [second, count] of rows) known.set(Date.parse(second), count);
    after = next;
  } while (after);
  return [...known].sort(([one], [other]) => one - other);
}

function Chart({ rows, zone }) {
  const element = useRef();
  const plot = useRef(null);
  const latest = useRef(rows);
  latest.current = rows;
  useEffect(() => {
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const draw = () => {
      plot.current?.destroy();
      plot.current = new uPlot(options(element.current, zone), [[], []], element.current);
      show(plot.current, latest.current);
    };
    draw();
    const size = new ResizeObserver(() => plot.current.setSize({ width: element.current.clientWidth, height: HEIGHT_PX }));
    size.observe(element.current);
    dark.addEventListener("change", draw);
    return () => {
      size.disconnect();
      dark.removeEventListener("change", draw);
      plot.current.destroy();
    };
  }, [zone]);
  useEffect(() => show(plot.current, rows), [rows]);
  const most = rows.reduce((found, row) => (row[1] > found[1] ? row : found), [0, 0]);
  const label = rows.length
    ? `Bars: coupons per second. The most in one second: ${most[1]}, at ${localTime(most[0], zone).replace("T", " ")}.`
    : "Bars: coupons per second. None is issued yet.";
  return html`<div class="chart" role="img" aria-label=${label} ref=${element}></div>`;
}

function show(plot, rows) {
  plot.setData([rows.map(([ms]) => ms / 1000), rows.map(([, count]) => count)], false);
  const [min, max] = around(rows.at(0)?.[0], rows.at(-1)?.[0]);
  plot.setScale("x", { min, max });
}

function options(element, zone) {
  const style = getComputedStyle(element);
  const colour = (name) => style.getPropertyValue(name).trim();
  const axis = { stroke: colour("--quiet"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "11px system-ui" };
  return {
    width: element.clientWidth,
    height: HEIGHT_PX,
    legend: { show: false },
    cursor: { y: false, points: { show: false } },
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), zone),
    scales: { x: { auto: false }, y: { range: (_, low, high) => [0, Math.max(1, high) * 1.1] } },
    axes: [
      { ...axis, incrs: [1, 5, 10, 30, 60, 300, 600, 1800, 3600, 21_600, 86_400], values: (_, ticks) => ticks.map((at) => tick(at, zone)), space: 80 },
      { ...axis, size: 44, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 100_000] },
    ],
    series: [{}, { fill: colour("--accent-soft"), stroke: colour("--accent"), width: 1, points: { show: false }, paths: bars({ size: [0.8, 24, 1] }) }],
  };
}

/** From the first second to the last; at least a minute, so that one bar is not as wide as the chart. */
function around(first, last) {
  const from = (first ?? Date.now()) / 1000;
  const to = last === undefined ? from : last / 1000;
  return [from - 1, Math.max(to, from + SHORTEST_S) + 1];
}

function tick(seconds, zone) {
  const local = localTime(seconds * 1000, zone);
  return local.endsWith("T00:00:00") ? local.slice(5, 10) : local.slice(11, 19);
}
