/** Limits how long a stopping process waits for a server: some seconds. */

/** The current statement may take this long after a stop; a silent server must not delay it further. */
const STOP_GRACE_MS = 3000;

/** Cancels work some seconds after a signal: one listener serves all connections, because they come and go. */
const callsOff = new WeakMap<AbortSignal, Set<() => void>>();

/** @returns a function that withdraws the registration */
export function onceStopped(until: AbortSignal, callOff: () => void): () => void {
  let calls = callsOff.get(until);
  if (calls === undefined) {
    const all = new Set<() => void>();
    const callAll = () =>
      setTimeout(() => {
        for (const call of all) call();
      }, STOP_GRACE_MS).unref();
    if (until.aborted) callAll();
    else until.addEventListener('abort', callAll, {once: true});
    callsOff.set(until, all);
    calls = all;
  }
  calls.add(callOff);
  return () => calls.delete(callOff);
}
