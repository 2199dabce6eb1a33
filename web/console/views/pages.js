/** A list that comes in pages, each after the one before. It does not renew itself: rows stay where they are. */
import { useShared } from "../shared.js";
import { useCallback, useEffect, useState } from "../html.js";

const NOTHING = { rows: [], next: null, at: 0, trouble: null };

/** Return {rows, next, at, trouble, more, again} of `ask(after)`, begun anew when `of` changes. */
export function usePages(ask, of) {
  const { gone } = useShared();
  const [list, setList] = useState(NOTHING);
  const load = useCallback(
    async (before) => {
      try {
        const { rows, next } = await ask(before.next);
        setList({ rows: [...before.rows, ...rows], next, at: Date.now(), trouble: null });
      } catch (trouble) {
        gone(trouble);
        setList({ ...before, trouble });
      }
    },
    [of],
  );
  useEffect(() => {
    load(NOTHING);
  }, [load]);
  return { ...list, more: () => load(list), again: () => load(NOTHING) };
}
