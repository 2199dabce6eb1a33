/** The one dialog. It asks before anything changes, and stays until it is answered, whatever is updated meanwhile. */
import { ACTIONS } from "./actions.js";
import { newRequestId } from "./api.js";
import { useShared } from "./shared.js";
import { html, useEffect, useRef, useState } from "./html.js";

/**
 * `request`: {id, action, eventId, about, fields, form, done}. `about` names what is acted on; `fields` go with the
 * action; `form` is a view that is given {set} and calls set(fields) or set(null) while something is missing.
 */
export function Dialog({ request, onClose }) {
  const { api, pollMs, say, gone } = useShared();
  const { action, eventId } = request;
  const { title, says, label, typed, danger } = { ...ACTIONS[action], ...request.words };
  const element = useRef();
  const requestId = useRef(newRequestId());
  const [word, setWord] = useState("");
  const [more, setMore] = useState(request.form ? null : {});
  const [state, setState] = useState("asked");
  const [trouble, setTrouble] = useState(null);
  useEffect(() => {
    element.current.showModal();
    return () => element.current?.close();
  }, []);
  const closed = useRef(false);
  const close = () => {
    if (!closed.current) onClose();
    closed.current = true;
  };
  const ready = state === "asked" && more !== null && (!typed || word === eventId);
  const carryOut = async (event) => {
    event.preventDefault();
    if (!ready) return;
    setState("asking");
    try {
      const answer = await api.act(action, eventId, { ...request.fields, ...more }, requestId.current);
      if (answer.operation) setState("working");
      const { operation } = await api.finished(answer, pollMs);
      request.done?.(answer); // before it is said: it may lead to another view
      const on = request.about ? ` (${request.about})` : "";
      if (operation && operation.status !== "done") say(`${label}: ${operation.status}${on}. The history says why.`, "bad");
      else say(`${label}: done${on}.`);
      close();
    } catch (problem) {
      gone(problem);
      setTrouble(problem);
      setState("asked");
      // Only what is not known is asked again as the same request.
      if (problem.kind !== "unknown") requestId.current = newRequestId();
    }
  };
  const set = (fields) => setMore(fields);
  return html`
    <dialog ref=${element} aria-labelledby="dialog-title" onCancel=${(event) => state === "asking" ? event.preventDefault() : close()}>
      <form onSubmit=${carryOut}>
        <h2 id="dialog-title">${title}</h2>
        <p>${says}</p>
        <dl class="facts">
          <dt>Event</dt><dd class="mono">${eventId}</dd>
          ${request.about && html`<dt>On</dt><dd class="mono">${request.about}</dd>`}
        </dl>
        ${request.form && html`<${request.form} set=${set} />`}
        ${typed && html`
          <label class="field">
            <span>Type the event's id to go on</span>
            <input name="confirmation" class="mono" autocomplete="off" spellcheck=${false} value=${word}
              onInput=${(event) => setWord(event.target.value)} />
          </label>`}
        <div class="trouble" role="alert">${trouble && told(trouble)}</div>
        <p class="quiet" role="status">${state === "working" ? "Begun. It goes on when this is closed." : ""}</p>
        <div class="answers">
          <button type="button" onClick=${close} disabled=${state === "asking"}>${state === "working" ? "Close" : "Cancel"}</button>
          <button type="submit" class=${danger ? "danger" : "primary"} disabled=${!ready}>
            ${trouble?.kind === "unknown" ? "Ask again" : label}
          </button>
        </div>
      </form>
    </dialog>
  `;
}

/** Return what a trouble means to whoever asked for a change. */
export function told(trouble) {
  const reference = trouble.correlationId ? ` Reference ${trouble.correlationId}` : "";
  if (trouble.kind === "signed_out") return "You are signed out. Sign in again, then ask again.";
  if (trouble.kind === "unknown") return `Not known whether it was done: a server is away. Asking again does nothing twice.${reference}`;
  if (trouble.code === "changed") return `Not done: ${trouble.detail}. Cancel, look again, then decide.`;
  return `Not done: ${trouble.detail || trouble.code}.${reference}`;
}

/** Return what `ask` is given: each has an id of its own, so that no update replaces a dialog. */
export function requestFor(action, eventId, more = {}) {
  return { id: newRequestId(), action, eventId, ...more };
}
