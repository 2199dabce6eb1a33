// Many pages and one gate on a clock of their own: the page's modules as they are, with a network that answers by rule.
// An expression: Playwright calls it with the options below, and gets what each page did.
async ({
  pages, coupons = 20, spreadMs = 0, capacityState = "open", seed = 1,
  arrive = [-900_000, -700_000], // when the pages are opened, in ms from the opening
  untilMs = 300_000, // the end, in ms after the opening
  faults = [], // {from, until, share, kind, of}: what becomes of that share of requests (of: "apply", "event", "status")
  paused = null, // [from, until]
  issuedAfterMs = 5000, // a ticket becomes a coupon; null: it does not
  joined = true,
}) => {
  const [{ Machine }, { Api }, { Clock }] = await Promise.all(["/machine.js", "/api.js", "/clock.js"].map((at) => import(at)));
  const OPENS = Date.UTC(2030, 0, 1, 10);

  // --- chance and time: the same each time -------------------------------------------------------------------------
  let word = seed;
  const random = () => {
    word = (word + 0x6d2b79f5) | 0;
    let mixed = Math.imul(word ^ (word >>> 15), 1 | word);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const between = (from, until) => from + random() * (until - from);
  let now = OPENS + Math.min(arrive[0], -60_000);
  const heap = [];
  let order = 0;
  const before = (one, other) => one.at < other.at || (one.at === other.at && one.order < other.order);
  const push = (item) => {
    let at = heap.push(item) - 1;
    for (let up; at && before(item, heap[(up = (at - 1) >> 1)]); at = up) [heap[at], heap[up]] = [heap[up], heap[at]];
  };
  const pop = () => {
    const [first] = heap;
    const last = heap.pop();
    if (heap.length) {
      heap[0] = last;
      for (let at = 0, down; (down = 2 * at + 1) < heap.length; at = down) {
        if (down + 1 < heap.length && before(heap[down + 1], heap[down])) down += 1;
        if (!before(heap[down], heap[at])) break;
        [heap[at], heap[down]] = [heap[down], heap[at]];
      }
    }
    return first;
  };
  const timers = {
    set(call, ms) {
      const item = { at: now + Math.max(0, ms), order: ++order, call };
      push(item);
      return item;
    },
    clear(item) {
      if (item) item.call = null;
    },
  };
  const channel = new MessageChannel();
  const settled = () => new Promise((done) => {
    channel.port1.onmessage = done; // a task: every promise that could go on has gone on
    channel.port2.postMessage(0);
  });

  // --- the gate ----------------------------------------------------------------------------------------------------
  const tickets = new Map();
  const turns = Array.from({ length: pages }, () => OPENS + Math.floor(random() * spreadMs));
  const iso = (at) => new Date(at).toISOString();
  const isPaused = () => paused && now >= OPENS + paused[0] && now < OPENS + paused[1];
  const json = (status, body, type = "application/json", more = {}) => ({ status, body: JSON.stringify(body), headers: { "content-type": type, ...more } });
  const problem = (status, code, more = {}, headers = {}) =>
    json(status, { code, status, now: iso(now), ...more }, "application/problem+json", headers);
  const soldOutAt = () => Math.max(...[...tickets.values()].map((ticket) => ticket.at));

  const event = () => json(200, {
    event_id: "E", name: "E", state: isPaused() ? "paused" : capacityState, capacity: coupons, remaining: coupons - tickets.size,
    opens_at: iso(OPENS), closes_at: iso(OPENS + 3_600_000), spread_ms: spreadMs, timezone: "UTC", now: iso(now),
  });
  const apply = (page, id) => {
    const known = tickets.get(page);
    const won = ({ number, at }) => json(202, { user_id: `user-${page}`, ticket: number, status: "accepted", applied_at: iso(at) });
    if (known) return won(known);
    if (isPaused()) return problem(409, "paused", {}, { "retry-after": "1" });
    if (tickets.size >= coupons) return problem(409, "sold_out", { sold_out_at: iso(soldOutAt()), correlation_id: id });
    if (now < turns[page]) return problem(409, "not_open", { opens_at: iso(OPENS), turn_at: iso(turns[page]) }, { "retry-after": "1" });
    tickets.set(page, { number: tickets.size + 1, at: now });
    return won(tickets.get(page));
  };
  const status = (page) => {
    const known = tickets.get(page);
    if (!known) return problem(404, "no_application");
    const isIssued = issuedAfterMs !== null && now >= known.at + issuedAfterMs;
    return json(200, { user_id: `user-${page}`, ticket: known.number, status: isIssued ? "issued" : "pending" });
  };

  // --- the network -------------------------------------------------------------------------------------------------
  const FAULTS = {
    away: () => null,
    lost: (answer) => (answer(), null), // it is decided, and nobody hears of it
    empty: () => ({ status: 202, body: "", headers: {} }),
    challenge: () => ({ status: 202, body: "<html>Are you human?</html>", headers: { "content-type": "text/html" } }),
    throttled: () => json(429, { message: "Too Many Requests" }),
    unauthorized: () => json(401, { message: "Unauthorized" }),
    gate_lost: () => problem(503, "gate_lost", {}, { "retry-after": "2" }),
    broken: () => problem(500, "internal"),
  };
  const trace = Array.from({ length: pages }, () => []);
  const wait = (ms) => new Promise((done) => timers.set(done, ms));
  const fetchOf = (page) => async (url, { method = "GET", headers = {} } = {}) => {
    const kind = method === "POST" ? "apply" : url.includes("/applications/") ? "status" : "event";
    await wait(between(5, 80));
    trace[page].push([kind, now - OPENS]);
    const answer = () => (kind === "apply" ? apply(page, headers["x-correlation-id"]) : kind === "status" ? status(page) : event());
    const met = faults.find(({ from = -Infinity, until = Infinity, share = 1, of = "apply" }) =>
      of === kind && now >= OPENS + from && now < OPENS + until && random() < share);
    const said = met ? FAULTS[met.kind](answer) : answer();
    await wait(between(5, 80));
    if (!said) throw new TypeError("Failed to fetch");
    const { status: code, body } = said;
    return { status: code, ok: code >= 200 && code < 300, headers: new Headers(said.headers), text: async () => body };
  };

  // --- the pages ---------------------------------------------------------------------------------------------------
  const shown = Array.from({ length: pages }, () => []);
  const machines = Array.from({ length: pages }, (_, page) => {
    const began = random() * 1e6; // each device counts from another zero
    const clock = new Clock(() => now - OPENS + began);
    let known = joined ? { joined: true } : {};
    let id = 0;
    return new Machine({
      api: new Api({ base: "http://api", event: "E", fetch: fetchOf(page), token: () => "token", clock, timers }),
      clock, timers, random,
      newId: () => `page-${page}-${++id}`,
      memory: { read: () => known, write: (more) => (known = more) },
      isSignedIn: () => true,
      changed: ({ state }) => shown[page].push([state.name, now - OPENS]),
    });
  });
  for (const machine of machines) timers.set(() => machine.start(), OPENS + between(...arrive) - now);
  while (heap.length && heap[0].at <= OPENS + untilMs) {
    const item = pop();
    if (!item.call) continue;
    now = item.at;
    item.call();
    await settled();
  }
  return machines.map((machine, page) => ({
    trace: trace[page], shown: shown[page], state: machine.state, turn: turns[page] - OPENS, ticket: tickets.get(page)?.number ?? null,
  }));
}
