/** The frame: who is signed in, which view is shown, the one dialog, and the line that says what became of a request. */
import { changes } from "./actions.js";
import { Dialog } from "./dialog.js";
import { html, useCallback, useEffect, useState } from "./html.js";
import { useLive } from "./live.js";
import { Shared, to } from "./shared.js";
import { Create, Edit } from "./views/form.js";
import { EventView } from "./views/event.js";
import { Events } from "./views/events.js";
import { History } from "./views/history.js";

export function App({ api, person, pollMs }) {
  const place = usePlace();
  const [signedOut, setSignedOut] = useState(!person.current);
  const me = useLive(() => api.get("/me"), 0, signedOut);
  const [asked, setAsked] = useState(null);
  const [said, setSaid] = useState(null);
  const say = useCallback((text, tone = "good") => setSaid({ text, tone, key: Date.now(), hash: location.hash }), []);
  const ask = useCallback((request) => setAsked(request), []);
  const close = useCallback(() => setAsked(null), []);
  const gone = useCallback((trouble) => trouble?.kind === "signed_out" && setSignedOut(true), []);
  useEffect(() => gone(me.trouble), [me.trouble]);
  // What was said is about the view in which it was said; the next one is not covered by it.
  useEffect(() => setSaid((before) => (before?.hash === location.hash ? before : null)), [place.join("/")]);
  if (signedOut && !asked) return html`<${SignedOut} person=${person} />`;
  if (!me.value) return html`<${Waiting} me=${me} person=${person} />`;
  const shared = { api, me: me.value, pollMs, ask, say, gone, mayChange: changes(me.value) };
  return html`
    <${Shared.Provider} value=${shared}>
      <a class="skip" href="#main" onClick=${toMain}>To the content</a>
      <header class="top">
        <a class="brand" href=${to("events")}><img src="icon.svg" alt="" width="18" height="18" />firstcome</a>
        <nav aria-label="Console">
          <a href=${to("events")} aria-current=${place[0] !== "history" ? "true" : null}>Events</a>
          <a href=${to("history")} aria-current=${place[0] === "history" ? "true" : null}>History</a>
        </nav>
        <p class="who">
          <span title="the subject of your token">${me.value.actor}</span>
          <span class="group">${me.value.groups.at(-1) ?? "no group"}</span>
          <a href="#/sign-out" onClick=${(event) => leave(event, person)}>Sign out</a>
        </p>
      </header>
      <main id="main" tabindex="-1"><${View} place=${place} /></main>
      <${Said} said=${said} onDone=${() => setSaid(null)} />
      ${asked && html`<${Dialog} key=${asked.id} request=${asked} onClose=${close} />`}
    <//>
  `;
}

function View({ place }) {
  const [room, id, tab] = place;
  if (room === "new") return html`<${Create} />`;
  if (room === "history") return html`<${History} />`;
  if (room === "events" && id && tab === "edit") return html`<${Edit} key=${id} eventId=${id} />`;
  if (room === "events" && id) return html`<${EventView} key=${id} eventId=${id} tab=${tab ?? "live"} />`;
  return html`<${Events} />`;
}

function SignedOut({ person }) {
  return html`
    <main class="alone" id="main">
      <h1><img src="icon.svg" alt="" width="28" height="28" /> firstcome console</h1>
      <p>For operators. Your identity provider says who you are, and your groups what you may do.</p>
      <a class="button primary" href="#/sign-in" onClick=${(event) => enter(event, person)}>Sign in</a>
    </main>
  `;
}

function Waiting({ me, person }) {
  const { trouble } = me;
  const text = !trouble
    ? "One moment …"
    : trouble.status === 403
      ? "You have no group that may look at events. Ask for viewer, operator or admin."
      : `${trouble.detail || "The API does not answer."} Reload to try again.`;
  return html`
    <main class="alone" id="main">
      <h1><img src="icon.svg" alt="" width="28" height="28" /> firstcome console</h1>
      <p role="status">${text}</p>
      ${trouble && html`<a href="#/sign-out" onClick=${(event) => leave(event, person)}>Sign out</a>`}
    </main>
  `;
}

function Said({ said, onDone }) {
  useEffect(() => {
    if (!said || said.tone === "bad") return undefined;
    const timer = setTimeout(onDone, 10_000);
    return () => clearTimeout(timer);
  }, [said?.key]);
  return html`<div class="said ${said ? said.tone : ""}" role="status">${said?.text}</div>`;
}

function usePlace() {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const changed = () => setHash(location.hash);
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
}

function enter(event, person) {
  event.preventDefault();
  person.begin();
}

function leave(event, person) {
  event.preventDefault();
  person.end();
}

function toMain(event) {
  event.preventDefault();
  document.getElementById("main").focus();
}
