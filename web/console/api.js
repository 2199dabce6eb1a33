/** The operator's API, and nothing else: what is asked, and what a refusal or a silence means. */
const UNDER_WAY = ["begun", "working"]; // an operation that is not finished
const DEFAULT_TIMEOUT_MS = 35_000; // an HTTP API of API Gateway answers within 30 s

/**
 * Why there is no answer. `kind` is "refused" (it was not done, and `detail` says why), "unknown" (no word of whether it
 * was done: the same request may be repeated) or "signed_out".
 */
export class Trouble extends Error {
  constructor(kind, { code = "", detail = "", status = 0, correlationId = "" } = {}) {
    super(detail || code || kind);
    Object.assign(this, { kind, code, detail, status, correlationId });
  }
}

export class Api {
  #base;
  #signIn;

  constructor(base, signIn) {
    this.#base = base.replace(/\/$/, "");
    this.#signIn = signIn;
  }

  /** Return what stands at a path; `query` without what is null or empty. */
  get(path, query = {}) {
    const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
    return this.#ask("GET", path + (given.length ? `?${new URLSearchParams(given)}` : ""));
  }

  /** Carry out an action, on an event or (null) on none. A repeat with the same request id does nothing twice. */
  act(action, eventId, fields, requestId = newRequestId()) {
    const path = eventId === null ? `/actions/${action}` : `${eventPath(eventId)}/actions/${action}`;
    return this.#ask("POST", path, { ...fields, request_id: requestId });
  }

  /**
   * Follow what takes long to its end: `told` is an answer that may name an operation. Return the last answer, with what
   * it came to. While a server is away it is asked again; `over()` says that nobody wants to know any more.
   */
  async finished(told, everyMs, over = () => false) {
    let last = told;
    while (UNDER_WAY.includes(last.operation?.status) && !over()) {
      await new Promise((resolve) => setTimeout(resolve, everyMs));
      try {
        last = await this.get(`/operations/${last.operation.id}`);
      } catch (trouble) {
        if (trouble.kind !== "unknown") throw trouble;
      }
    }
    return last;
  }

  async #ask(method, path, body) {
    const token = this.#signIn.person?.token;
    if (!token) throw new Trouble("signed_out");
    const headers = { authorization: `Bearer ${token}` };
    if (body) headers["content-type"] = "application/json";
    let response;
    try {
      const signal = AbortSignal.timeout(DEFAULT_TIMEOUT_MS);
      response = await fetch(this.#base + path, { method, headers, body: body && JSON.stringify(body), signal });
    } catch {
      throw new Trouble("unknown", { detail: "The API does not answer." });
    }
    const said = await response.json().catch(() => ({}));
    if (response.ok) return said;
    if (response.status === 401) {
      this.#signIn.forget();
      throw new Trouble("signed_out", { status: 401 });
    }
    const kind = response.status >= 500 || response.status === 429 ? "unknown" : "refused";
    throw new Trouble(kind, {
      code: said.code,
      detail: said.detail ?? said.message,
      status: response.status,
      correlationId: said.correlation_id,
    });
  }
}

/** Return the path of an event. */
export function eventPath(eventId) {
  return `/events/${encodeURIComponent(eventId)}`;
}

/** Return a name for one request. */
export function newRequestId() {
  return crypto.randomUUID();
}
