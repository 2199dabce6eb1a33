/** One event while it runs: how many of what, which server is away, and the coupons of each second. */
import { html } from "../html.js";
import { duration } from "../times.js";
import { Issued } from "./issued.js";
import { number } from "./parts.js";

export function Live({ seen, event }) {
  const { gate, unread, coupons, failed, refused, codes } = seen.value;
  const counts = typeof gate === "object" ? gate : null;
  const accepted = counts && counts.coupon_count - (counts.free ?? 0);
  return html`
    <section aria-label="Figures">
      <dl class="figures ${seen.trouble ? "stale" : ""}">
        <${Figure} name="Accepted" value=${number(accepted)} hint=${`of ${number(event.capacity)}`} />
        <${Figure} name="Coupons" value=${number(coupons)} hint="in the ledger" />
        <${Figure} name="Remaining" value=${number(counts?.remaining)} hint=${event.state === "ended" ? "given to nobody" : "left to give"} />
        <${Figure} name="Pending" value=${number(counts?.pending)} hint=${pending(counts)} />
        <${Figure} name="Unread" value=${number(typeof unread === "number" ? unread : null)} hint="in the stream" />
        <${Figure} name="Failed" value=${number((failed.waiting ?? 0) + (failed.dead ?? 0))}
          hint=${`${number(failed.waiting ?? 0)} waiting, ${number(failed.dead ?? 0)} dead`} tone=${failed.dead ? "bad" : ""} />
        <${Figure} name="Refused" value=${number(refused)} hint="for good" />
        <${Figure} name="Codes" value=${codes ? number(codes.uploaded) : "–"} hint=${codes ? `of ${number(codes.of)}` : "none uploaded"} />
      </dl>
      <${Servers} seen=${seen} />
    </section>
    <${Issued} event=${event} />
  `;
}

function pending(counts) {
  const oldest = counts?.oldest_pending_age_ms;
  return oldest ? `oldest ${duration(oldest)}` : "on their way";
}

function Figure({ name, value, hint, tone = "" }) {
  return html`<div class="figure ${tone}"><dt>${name}</dt><dd><b>${value}</b><span>${hint}</span></dd></div>`;
}

/** Which server answers. Each has its place, so that none moves another. */
function Servers({ seen }) {
  const { gate, unread } = seen.value;
  const silent = Boolean(seen.trouble);
  const ledger = silent ? [seen.trouble.code === "try_again" ? "away" : "unknown", "bad"] : ["answers", "good"];
  const redis = silent
    ? ["unknown", ""]
    : typeof gate === "string" ? ["away", "bad"] : gate ? ["answers", "good"] : ["lost, or gone: see the audit", "bad"];
  const kafka = silent ? ["unknown", ""] : typeof unread === "string" ? ["away", "bad"] : ["answers", "good"];
  const servers = [["Gate (Redis)", redis], ["Stream (Kafka)", kafka], ["Ledger (MySQL)", ledger]];
  return html`
    <ul class="servers" aria-label="Servers">
      ${servers.map(([name, [word, tone]]) => html`<li key=${name} class=${tone}><span>${name}</span> <b>${word}</b></li>`)}
    </ul>
  `;
}
