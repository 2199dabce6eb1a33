/** What every view is written with: preact, its hooks, and htm in place of JSX. */
import htm from "./vendor/htm.js";
import { h } from "./vendor/preact.js";

export { Component, createContext, render } from "./vendor/preact.js";
export { useCallback, useContext, useEffect, useRef, useState } from "./vendor/hooks.js";
export const html = htm.bind(h);
