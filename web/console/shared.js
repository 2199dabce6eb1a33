/** What every view needs, and where the views are. */
import { createContext, useContext } from "./html.js";

export const Shared = createContext(null);

/** Return {api, me, mayChange, pollMs, ask, say, gone}: what every view needs. */
export function useShared() {
  return useContext(Shared);
}

/** Return the address of a view; nothing of it is sent to the server. */
export function to(...parts) {
  return `#/${parts.map(encodeURIComponent).join("/")}`;
}
