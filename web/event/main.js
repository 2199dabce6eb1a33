/** Puts the parts together: the browser's clock, network and storage on one side, machine and view on the other. */
import { Api } from "./api.js";
import { Clock } from "./clock.js";
import { Machine } from "./machine.js";
import { SignIn } from "./signin.js";
import { workerTimers } from "./timers.js";
import { View } from "./view.js";
import { choose } from "./words.js";

const TICK_MS = 200; // five times a second: a second that is shown is never late by more
const DRIFT_MS = 2000; // more than this between two clocks of the device: it has slept, or somebody has set one

const asked = new URLSearchParams(location.search);
const timers = workerTimers();
const clock = new Clock(() => performance.now());
const view = new View(document);
let config, signIn, machine;

async function main() {
  speak(choose([asked.get("lang"), ...navigator.languages].filter(Boolean)));
  config = await (await fetch("config.json")).json();
  signIn = new SignIn(config);
  await signIn.finish().catch(() => {}); // not signed in: the page says so
  const eventId = new URLSearchParams(location.search).get("event");
  machine = new Machine({
    api: new Api({ base: config.api, event: eventId ?? "", fetch: fetch.bind(window), token: () => signIn.person?.token ?? "", clock, timers }),
    clock,
    timers,
    random: Math.random,
    newId: () => crypto.randomUUID(),
    memory: memoryOf(eventId),
    isSignedIn: (inMs) => signIn.isSignedIn(inMs),
    changed: () => {
      if (machine.state.expired) signIn.forget();
      show();
    },
  });
  if (!eventId) return view.show({ name: "missing" }, seen());
  listen();
  if (!navigator.onLine) machine.offline();
  else machine.start();
}

/** What is remembered of one event and person: in localStorage, so that all tabs know, and it outlives the browser. */
function memoryOf(eventId) {
  let kept = {}; // where the browser lets nobody write
  const key = () => `firstcome:${eventId}:${signIn.person?.sub}`;
  return {
    read() {
      if (!signIn.person) return {};
      try {
        return JSON.parse(localStorage.getItem(key()) ?? "null") ?? kept;
      } catch {
        return kept;
      }
    },
    write(known) {
      kept = known;
      try {
        localStorage.setItem(key(), JSON.stringify(known));
      } catch {
        // of this page only, then
      }
    },
  };
}

function listen() {
  let drift = Date.now() - performance.now();
  setInterval(() => {
    const was = drift;
    drift = Date.now() - performance.now();
    if (Math.abs(drift - was) > DRIFT_MS) machine.wake();
    view.tick(machine.state, machine.event, now());
  }, TICK_MS);
  addEventListener("online", () => machine.online());
  addEventListener("offline", () => machine.offline());
  addEventListener("pageshow", (shown) => shown.persisted && machine.wake());
  addEventListener("storage", () => machine.remembered());
}

/** Do what the button of a state says. */
function step(state) {
  switch (state.name) {
    case "before": return machine.join();
    case "open": return machine.ask();
    case "soldout": case "closed": return signIn.person ? machine.ask() : leave();
    case "signedout": return leave();
    case "accepted": case "making": return machine.lookAgain();
    case "tryagain": return state.isMute ? leave(() => machine.start()) : machine.start(); // the token may be the reason
    case "issued": return navigator.clipboard.writeText(state.code).then(() => view.copied());
  }
}

function leave(otherwise = () => view.show({ name: "tryagain" }, seen())) {
  signIn.begin().catch(otherwise);
}

function speak(language) {
  view.language = language;
  for (const link of document.querySelectorAll("[data-language]")) {
    link.onclick = () => {
      view.language = link.dataset.language;
      show();
    };
  }
}

const now = () => (clock.known ? clock.now() : null);
const seen = () => ({ event: machine?.event, person: signIn?.person, now: now(), step });
const show = () => view.show(machine.state, seen());

document.getElementById("sign-out").addEventListener("click", () => signIn.end().catch(() => location.reload()));
main().catch(() => view.show({ name: "tryagain" }, { ...seen(), step: () => location.reload() }));
