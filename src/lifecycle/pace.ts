/** Limits how often requested work runs again. Pure. */

/** The first wait between two runs. */
const FIRST_MS = 500;
const MAX_MS = 60_000;
/** After a long run, at least as much time passes before the next one, up to this. */
const MAX_REST_MS = 600_000;
/** After this long without a run, the next one starts at once. */
const QUIET_MS = 120_000;

export class Pace {
  #streak = 0;
  #lastMs = 0;
  #endedMs = Number.NEGATIVE_INFINITY;

  /** Records the end of a run. Unix milliseconds. */
  ran(startedMs: number, endedMs: number): void {
    this.#streak = startedMs - this.#endedMs > QUIET_MS ? 1 : this.#streak + 1;
    this.#lastMs = endedMs - startedMs;
    this.#endedMs = endedMs;
  }

  /** Returns how long the next run waits, in milliseconds. */
  waitMs(nowMs: number): number {
    if (this.#streak === 0) return 0;
    const step = Math.min(MAX_MS, FIRST_MS * 2 ** Math.min(this.#streak - 1, 30));
    const rest = this.#streak === 1 ? 0 : Math.min(MAX_REST_MS, this.#lastMs);
    return Math.max(0, this.#endedMs + Math.max(step, rest) - nowMs);
  }
}
