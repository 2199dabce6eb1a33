/** Timers of a worker: a browser slows those of a page in the background down to one a minute, which is after the turn. */
export function workerTimers() {
  const worker = new Worker(new URL("timers.worker.js", import.meta.url));
  const calls = new Map();
  let last = 0;
  worker.onmessage = ({ data: id }) => {
    const call = calls.get(id);
    calls.delete(id);
    call?.();
  };
  return {
    set(call, ms) {
      calls.set(++last, call);
      worker.postMessage([last, ms]);
      return last;
    },
    clear(id) {
      calls.delete(id);
    },
  };
}
