/** What waits for a server when we are told to stop: some seconds, and no longer. */

/** A statement in hand may take as long once we are told to stop; a server that is silent must not hold us up. */
const STOP_GRACE_MS = 3000;

/** What is to be called off some seconds after a signal: one listener for all, since connections come and go. */
const callsOff = new WeakMap<AbortSignal, Set<() => void>>();

/** @returns what takes it back */
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
