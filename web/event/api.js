/**
 * The applicants' API. Each call returns what is certain, and `unknown` for everything else: a "yes" is JSON with a
 * `ticket`, a "no" is a problem document with a `code`. A status alone says nothing: a firewall's challenge is a 202 too.
 */
const APPLY_WITHIN_MS = 31_000; // API Gateway answers within 30 s; who gives up earlier asks twice
const LOOK_WITHIN_MS = 10_000;
const LONGEST_RETRY_AFTER_S = 3600; // a turn is a few minutes away at most; who says more means something else

export class Api {
  #base; #event; #fetch; #token; #clock; #timers;

  /** token(): of who is signed in, "" where it has expired; fetch, clock and timers as everywhere. */
  constructor({ base, event, fetch, token, clock, timers }) {
    this.#base = base.replace(/\/+$/, "");
    this.#event = encodeURIComponent(event);
    this.#fetch = fetch;
    this.#token = token;
    this.#clock = clock;
    this.#timers = timers;
  }

  /** Return {kind: "event", …}, {kind: "no", code} or {kind: "unknown"}; whatever cached it may answer. */
  async event() {
    const { body, ...answer } = await this.#ask("", {}, LOOK_WITHIN_MS);
    if (answer.kind === "unknown" && body?.opens_at && body.state) return { ...body, kind: "event" };
    return answer;
  }

  /** Return {kind: "won", ticket, …}, {kind: "no", code, …}, "signed_out", "later" (it was not decided) or "unknown". */
  async apply(correlationId) {
    const headers = { ...this.#authorization(), "x-correlation-id": correlationId };
    const { body, ...answer } = await this.#ask("/applications", { method: "POST", headers }, APPLY_WITHIN_MS);
    return isWon(body) ? { ...body, kind: "won" } : { correlation_id: correlationId, ...answer };
  }

  /** Return {kind: "status", status, …} of somebody who has a ticket, or as `apply` does. */
  async status(userId) {
    const path = `/applications/${encodeURIComponent(userId)}`;
    const { body, ...answer } = await this.#ask(path, { headers: this.#authorization() }, LOOK_WITHIN_MS);
    return answer.kind === "unknown" && typeof body?.status === "string" ? { ...body, kind: "status" } : answer;
  }

  #authorization() {
    return { authorization: `Bearer ${this.#token()}` };
  }

  async #ask(path, options, withinMs) {
    const abort = new AbortController();
    const timer = this.#timers.set(() => abort.abort(), withinMs);
    try {
      const url = `${this.#base}/events/${this.#event}${path}`;
      const response = await this.#fetch(url, { ...options, cache: "no-store", signal: abort.signal });
      const text = await response.text();
      return this.#read(response, parsed(text));
    } catch {
      // No way there, no way back, or none in time: nobody knows which. API Gateway's own 401 and 503 look the same to a
      // page of another origin, so an expired token is told by its time.
      if (options.headers?.authorization && !this.#token()) return { kind: "signed_out" };
      return { kind: "unknown", isMute: true };
    } finally {
      this.#timers.clear(timer);
    }
  }

  #read(response, body) {
    this.#clock.hear(body?.now);
    const seconds = Number(response.headers.get("retry-after"));
    const retryAfterMs = seconds > 0 && seconds <= LONGEST_RETRY_AFTER_S ? seconds * 1000 : 0;
    if (response.status === 401) return { kind: "signed_out" };
    if (response.status === 429) return { kind: "later", retryAfterMs }; // stopped before the function
    if (response.ok) return { kind: "unknown", body };
    const code = isProblem(response, body) ? body.code : "";
    if (code === "gate_lost") return { kind: "later", retryAfterMs };
    if (code && response.status < 500) return { ...body, kind: "no", retryAfterMs };
    return { kind: "unknown", retryAfterMs };
  }
}

function isWon(body) {
  return Number.isInteger(body?.ticket) && typeof body.user_id === "string";
}

function isProblem(response, body) {
  return /^application\/problem\+json/i.test(response.headers.get("content-type") ?? "") && typeof body?.code === "string";
}

function parsed(text) {
  try {
    const body = JSON.parse(text);
    return typeof body === "object" ? body : null;
  } catch {
    return null;
  }
}
