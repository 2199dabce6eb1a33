/** What is asked again and again. While an answer is missing, the last one stays, with its time. */
import { useCallback, useEffect, useRef, useState } from "./html.js";

/**
 * Return {value, at, trouble, look}: the last answer and its time, and why there is no newer one. It is asked again
 * `everyMs` after each answer (0: only by `look()`), not while the page is hidden, and at once when `of` changes.
 */
export function useLive(ask, everyMs, of) {
  const [seen, setSeen] = useState({ value: null, at: 0, trouble: null, of });
  const asking = useRef(ask);
  asking.current = ask;
  const look = useCallback(async () => {
    try {
      const value = await asking.current();
      setSeen({ value, at: Date.now(), trouble: null, of });
      return value;
    } catch (trouble) {
      setSeen((before) => ({ ...(before.of === of ? before : { value: null, at: 0, of }), trouble }));
      return null;
    }
  }, [of]);
  useEffect(() => {
    let timer = 0;
    let over = false;
    const step = async () => {
      if (document.visibilityState === "visible" || !everyMs) await look();
      if (everyMs && !over) timer = setTimeout(step, everyMs);
    };
    step();
    return () => {
      over = true;
      clearTimeout(timer);
    };
  }, [look, everyMs]);
  // What was seen of another event is not shown for a moment.
  return seen.of === of ? { ...seen, look } : { value: null, at: 0, trouble: null, look };
}
