/** Begin: read the configuration, come back from the sign-in, show the console. */
import { Api } from "./api.js";
import { App } from "./app.js";
import { html, render } from "./html.js";
import { SignIn } from "./signin.js";

const PLACE = "firstcome:place"; // where somebody was when they left to sign in
const POLL_MS = 2_000;

const config = await (await fetch("config.json")).json();
const signIn = new SignIn(config);
await signIn.finish();
const place = sessionStorage.getItem(PLACE);
sessionStorage.removeItem(PLACE);
if (place && !location.hash) history.replaceState(null, "", location.pathname + location.search + place);

const person = {
  get current() {
    return signIn.person;
  },
  begin() {
    sessionStorage.setItem(PLACE, location.hash);
    return signIn.begin();
  },
  end: () => signIn.end(),
};
const api = new Api(config.api, signIn);
render(
  html`<${App} api=${api} person=${person} pollMs=${config.poll_ms ?? POLL_MS} />`,
  document.getElementById("console"),
);
