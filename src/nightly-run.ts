/**
 * The nightly reconcile. The time of the next run is saved beside the checkpoint, so that a missed run is caught
 * up at the next start.
 */
import {startSchedule, type Schedule} from '../reconciler/schedule.ts';
import type {Config} from './config.ts';
import {describeError, type Logger} from './logger.ts';
import type {ReconcileRunner} from './reconcile-runner.ts';

export interface NightlyRunDeps {
  readonly config: Pick<Config['reconcile'], 'cron' | 'timezone'>;
  readonly stream: string;
  readonly runner: Pick<ReconcileRunner, 'start'>;
  /** Queries the target. */
  readonly query: (sql: string, values: (string | null)[]) => Promise<unknown[][]>;
  readonly logger: Logger;
}

export class NightlyRun {
  readonly #deps: NightlyRunDeps;
  #schedule: Schedule | null = null;

  constructor(deps: NightlyRunDeps) {
    this.#deps = deps;
  }

  get nextRun(): Date | null {
    return this.#schedule?.nextRun ?? null;
  }

  /** @param isPending a reconcile is pending anyway, and covers a missed run */
  async start(isPending: boolean): Promise<void> {
    const {config, stream, query, logger} = this.#deps;
    const [due] = await query('SELECT next_run_at < UTC_TIMESTAMP(3) FROM sync_checkpoint WHERE stream = ?', [
      stream,
    ]);
    this.#schedule = startSchedule(config.cron, config.timezone, () => void this.#runNow());
    if (Number(due?.[0] ?? 0) === 1 && !isPending) {
      logger.info({event: 'schedule.missed'}, 'a nightly reconcile was missed; running it now');
      void this.#runNow();
    } else await this.#appoint();
  }

  stop(): void {
    this.#schedule?.stop();
  }

  async #runNow(): Promise<void> {
    const {runner, logger} = this.#deps;
    try {
      await runner.start('schedule', {mode: 'diff', allowDeletes: false});
    } catch (error) {
      logger.warn(
        {event: 'schedule.skipped', err: describeError(error)},
        'the nightly reconcile did not start',
      );
    }
    await this.#appoint();
  }

  async #appoint(): Promise<void> {
    const {stream, query, logger} = this.#deps;
    const next = this.nextRun;
    try {
      await query('UPDATE sync_checkpoint SET next_run_at = ? WHERE stream = ?', [
        next === null ? null : sqlTime(next),
        stream,
      ]);
    } catch (error) {
      logger.debug(
        {event: 'schedule.unsaved', err: describeError(error)},
        'the time of the next run could not be saved',
      );
    }
  }
}

function sqlTime(date: Date): string {
  return date.toISOString().replace('T', ' ').replace('Z', '');
}
