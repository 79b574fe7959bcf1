/**
 * Records what a run leaves out and why, for its last lines. The set-up of the tests runs in vitest's main
 * process, as its reporters do, but with other module instances: the list is stored on the process.
 */
const KEY = Symbol.for('laas-sync.test.left-out');
const registry: typeof globalThis & {[KEY]?: Set<string>} = globalThis;

/** @param what a sentence without its full stop: the part that is left out, a colon, and the reason */
export function leaveOut(what: string): void {
  (registry[KEY] ??= new Set()).add(what);
}
