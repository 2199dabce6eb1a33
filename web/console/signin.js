/**
 * Sign-in with any OpenID Connect issuer: authorization code with PKCE (S256), as a public client. The token lives in
 * sessionStorage: in this tab, until it is closed.
 */
const KEPT = "firstcome:person";
const BEGUN = "firstcome:sign-in";
const DISCOVERY = "/.well-known/openid-configuration";
const MOST = 0.8;
const EARLY_MS = 10_000; // a token counts as expired this much before it is: the way to the API takes a while

/** The configuration names issuer and client_id; scope (openid) and audience where the issuer wants one. */
export class SignIn {
  #config;

  constructor(config) {
    this.#config = config;
  }

  /** Return {token, sub, name} of who is signed in, or null. */
  get person() {
    const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
    return kept && kept.issuer === this.#config.issuer && kept.until > Date.now() + EARLY_MS ? kept : null;
  }

  /** Whether somebody is signed in, and still will be so long from now; of a short token, for most of its life. */
  isSignedIn(inMs) {
    const { until, lifetimeMs } = this.person ?? {};
    return until !== undefined && until - Date.now() > Math.min(inMs, lifetimeMs * MOST);
  }

  /** Leave for the issuer; it sends the browser back to this page. */
  async begin() {
    const { authorization_endpoint: endpoint } = await this.#discover();
    const begun = { state: random(), nonce: random(), verifier: random(), back: location.search };
    sessionStorage.setItem(BEGUN, JSON.stringify(begun));
    const url = new URL(endpoint);
    const fields = {
      response_type: "code",
      client_id: this.#config.client_id,
      redirect_uri: redirectUri(),
      scope: this.#config.scope ?? "openid",
      state: begun.state,
      nonce: begun.nonce,
      code_challenge: base64url(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(begun.verifier))),
      code_challenge_method: "S256",
      ...(this.#config.audience && { audience: this.#config.audience }),
    };
    for (const [name, value] of Object.entries(fields)) url.searchParams.set(name, value);
    location.assign(url);
  }

  /** Take what the issuer has sent back with, and put the page's own address in its place; do nothing otherwise. */
  async finish() {
    const said = new URLSearchParams(location.search);
    const begun = JSON.parse(sessionStorage.getItem(BEGUN) ?? "null");
    if (!said.has("state") || !begun) return;
    sessionStorage.removeItem(BEGUN);
    history.replaceState(null, "", location.pathname + begun.back);
    const fromIssuer = !said.has("iss") || said.get("iss") === this.#config.issuer;
    if (said.get("state") !== begun.state || !fromIssuer || !said.has("code")) return;
    const { token_endpoint: endpoint } = await this.#discover();
    const fields = {
      grant_type: "authorization_code",
      code: said.get("code"),
      redirect_uri: redirectUri(),
      client_id: this.#config.client_id,
      code_verifier: begun.verifier,
    };
    const response = await fetch(endpoint, { method: "POST", body: new URLSearchParams(fields) });
    if (response.ok) this.#keep(await response.json(), begun.nonce);
  }

  /** Forget who is signed in, here and at the issuer. */
  async end() {
    sessionStorage.removeItem(KEPT);
    const { end_session_endpoint: endpoint } = await this.#discover();
    if (!endpoint) return location.reload();
    const url = new URL(endpoint);
    url.searchParams.set("client_id", this.#config.client_id);
    url.searchParams.set("post_logout_redirect_uri", redirectUri() + location.search);
    location.assign(url);
  }

  /** The token does not count any more. */
  forget() {
    sessionStorage.removeItem(KEPT);
  }

  // The tokens come from the issuer itself, over TLS: that is who vouches for them (OpenID Connect Core, 3.1.3.7).
  #keep({ access_token: token, id_token: idToken, expires_in: seconds = 3600 }, nonce) {
    const { issuer, client_id: clientId } = this.#config;
    const claims = claimsOf(idToken);
    if (claims.iss !== issuer || ![claims.aud].flat().includes(clientId) || claims.nonce !== nonce) return;
    const name = claims.name ?? claims.email ?? claims.preferred_username ?? claims.sub;
    const lifetimeMs = seconds * 1000;
    const person = { issuer, token, sub: claims.sub, name, lifetimeMs, until: Date.now() + lifetimeMs };
    sessionStorage.setItem(KEPT, JSON.stringify(person));
  }

  async #discover() {
    return (await fetch(this.#config.issuer.replace(/\/$/, "") + DISCOVERY)).json();
  }
}

/** The one address that is registered with the issuer: the event is not in it. */
function redirectUri() {
  return location.origin + location.pathname;
}

function random() {
  return base64url(crypto.getRandomValues(new Uint8Array(32)));
}

function base64url(bytes) {
  return btoa(String.fromCharCode(...new Uint8Array(bytes))).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

function claimsOf(jwt) {
  const [, payload = ""] = String(jwt).split(".");
  const bytes = atob(payload.replaceAll("-", "+").replaceAll("_", "/"));
  return JSON.parse(new TextDecoder().decode(Uint8Array.from(bytes, (letter) => letter.charCodeAt(0))));
}
